/*
 * A stand-in for libnvidia-ml.so with one device at 0000:01:00.0. What it answers is set by name with yzc_set, and so is the status of a function.
 * Numbers and layouts are those of the public documentation.
 *   YZC_DOUBLE_OLD     has the older name of the question for what limits the clocks, and no list of processes
 *   YZC_DOUBLE_LACKS   lacks the function that finds a device
 */
#include <stdio.h>
#include <string.h>

#define API __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };

typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } process;

static struct { char name[64]; long long value; } values[64];
static int count;
static int device;

static long long *place(const char *name) {
    for (int v = 0; v < count; v++) {
        if (!strcmp(values[v].name, name)) return &values[v].value;
    }
    return 0;
}

static long long get(const char *name, long long otherwise) {
    long long *value = place(name);
    return value ? *value : otherwise;
}

/* A status that was set for a function, else what it answers by itself; not supported where nothing was set. */
static int answer(const char *function, void *given, unsigned *out, const char *name) {
    long long *value = place(name);
    int status = (int)get(function, SUCCESS);
    if (given != &device) return INVALID_ARGUMENT;
    if (status) return status;
    if (!value) return NOT_SUPPORTED;
    *out = (unsigned)*value;
    return SUCCESS;
}

#define NUMBER(function) API int function(void *given, unsigned *out) { return answer("fail " #function, given, out, #function); }
#define CHOICE(function) API int function(void *given, int which, unsigned *out) { \
    char name[64]; \
    snprintf(name, sizeof name, "%s %d", #function, which); \
    return answer("fail " #function, given, out, name); \
}
#define PAIR(function) API int function(void *given, unsigned *first, unsigned *second) { \
    *second = 0; \
    return answer("fail " #function, given, first, #function); \
}

API int nvmlInit_v2(void) { return (int)get("fail nvmlInit_v2", SUCCESS); }

API const char *nvmlErrorString(int status) { return status == NOT_FOUND ? "Not Found" : status == 9 ? "Driver Not Loaded" : "Unknown Error"; }

#ifndef YZC_DOUBLE_LACKS
API int nvmlDeviceGetHandleByPciBusId_v2(const char *address, void **found) {
    if (strcmp(address, "0000:01:00.0")) return NOT_FOUND;
    *found = &device;
    return SUCCESS;
}
#endif

API int nvmlSystemGetDriverVersion(char *text, unsigned length) {
    snprintf(text, length, "580.65.06");
    return SUCCESS;
}

NUMBER(nvmlDeviceGetCurrPcieLinkGeneration)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth)
NUMBER(nvmlDeviceGetPowerUsage)
NUMBER(nvmlDeviceGetPowerManagementLimit)
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit)
NUMBER(nvmlDeviceGetPersistenceMode)
CHOICE(nvmlDeviceGetClockInfo)
CHOICE(nvmlDeviceGetMaxClockInfo)
CHOICE(nvmlDeviceGetTemperature)
CHOICE(nvmlDeviceGetPcieThroughput)
PAIR(nvmlDeviceGetEccMode)
PAIR(nvmlDeviceGetMigMode)
PAIR(nvmlDeviceGetDecoderUtilization)

#ifdef YZC_DOUBLE_OLD
#define REASONS nvmlDeviceGetCurrentClocksThrottleReasons
#else
#define REASONS nvmlDeviceGetCurrentClocksEventReasons
#endif

API int REASONS(void *given, unsigned long long *reasons) {
    unsigned low = 0;
    int status = answer("fail clocks", given, &low, "clock reasons");
    *reasons = low;
    return status;
}

API int nvmlDeviceGetMemoryInfo(void *given, memory *out) {
    if (given != &device) return INVALID_ARGUMENT;
    out->total = (unsigned long long)get("memory total", 0);
    out->free = (unsigned long long)get("memory free", 0);
    out->used = out->total - out->free;
    return SUCCESS;
}

API int nvmlDeviceGetUtilizationRates(void *given, utilization *out) {
    out->memory = 0;
    return answer("fail use", given, &out->gpu, "kernels");
}

#ifndef YZC_DOUBLE_OLD
/* "processes" of them; with "one more" another comes between the question and the answer. */
API int nvmlDeviceGetComputeRunningProcesses_v3(void *given, unsigned *room, process *out) {
    long long *more = place("one more");
    unsigned there = (unsigned)get("processes", 0);
    unsigned had = *room;
    if (given != &device) return INVALID_ARGUMENT;
    *room = there;
    if (!out && more && *more) {
        *more = 0;
        *place("processes") += 1;
    }
    if (had < there) return INSUFFICIENT_SIZE;
    for (unsigned p = 0; p < there; p++) {
        out[p].pid = 1000 + p;
        out[p].used = p == 2 ? ~0ull : (p + 1ull) << 30;
    }
    return SUCCESS;
}
#endif

API void yzc_set(const char *name, long long value) {
    long long *known = place(name);
    if (!known) {
        snprintf(values[count].name, sizeof values[count].name, "%s", name);
        known = &values[count++].value;
    }
    *known = value;
}
