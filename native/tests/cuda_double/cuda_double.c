/*
 * A stand-in for libcuda.so.1 that plays one driver with one or more devices, without a GPU: work runs at once, on the host.
 * It keeps account of every object, so that a test can prove that nothing leaks; uses of what is gone, or of what is another device's, are noted as
 * misuse, not answered with a crash. Devices may take time for each graph, so that they differ in speed, and fault each by itself.
 * Tests steer it with the yzc_ functions at the end. Variants, chosen at compile time:
 *   YZC_DOUBLE_ONLY_11_8    lacks what came after CUDA 11.8
 *   YZC_DOUBLE_LACKS_GRAPHS lacks two functions that are required
 * Types are those of the ABI and not of a header: int statuses, void pointers as handles.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../layout/declared.h"
#include "../layout/values.h"

#define YZC_DECLARE(name, value) name = value,
enum { YZC_VALUES(YZC_DECLARE) YZC_NEWER_VALUES(YZC_DECLARE) YZC_END };

#define API __attribute__((visibility("default")))
#define MAX_DEVICES 8

typedef int CUresult;

typedef enum { CONTEXT, STREAM, EVENT, MEMORY, PINNED, REGISTERED, MODULE, FUNCTION, GRAPH, EXEC, POOL, IPC, MANAGED, KINDS } kind_t;
static const char *const kind_names[KINDS] = {
    "contexts", "streams", "events", "memory", "pinned", "registered", "modules", "functions", "graphs", "execs", "pools", "ipc", "managed",
};

/* One piece of work on a stream, or a question of the host's whether an event has passed. */
typedef enum { NO_WORK, KERNEL, COPY_UP, COPY_DOWN, RECORD, WAIT, PASSED } work_kind;

typedef struct {
    work_kind kind;
    const void *stream;
    const void *object;                 /* An event, or the host's side of a copy. */
    const char *name;                   /* A kernel's. */
    unsigned long long arguments[5];    /* The first of a kernel's parameter, or a copy's address on the device. */
} work;

typedef struct {
    work *at;
    size_t count, room;
} work_list;

/* Objects are never freed, so that a use after release is seen and is harmless. */
typedef struct object {
    kind_t kind;
    int alive;
    int device;
    void *address;
    size_t bytes;
    int flags;
    int capturing, invalid, nodes;
    int recorded;
    long long ready_at;                 /* When a stream, or an event, has passed, in nanoseconds; of devices that take time. */
    unsigned long long threshold;
    char *image;
    work_list works;                    /* What was captured. */
    struct object *owner;
    struct object *next;
} object;

typedef struct {
    object *context;
    int retained;
    unsigned flags;
    int sticky;
    long long busy_until;
} device_state;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static object *objects;
static device_state devices[MAX_DEVICES];
static __thread object *stack[32];
static __thread int depth;
static char misuse[512];
static long long misuses;
static char *last_image;

/* Settings and records. */
static struct { char key[40]; long long value; } settings[128];
static struct { char function[64]; int nth; int status; } failures[16];
static struct { char function[64]; long long calls; } counts[128];
static unsigned last_launch[8];
static unsigned char last_argument[64];
static work_list journal;

static long long *setting(const char *key) {
    int i = 0;
    while (i < 127 && settings[i].key[0] && strcmp(settings[i].key, key)) i++;
    if (!settings[i].key[0]) snprintf(settings[i].key, sizeof settings[i].key, "%s", key);
    return &settings[i].value;
}

/* A setting of one device: that of the first has no number. */
static long long *setting_of(const char *key, int device) {
    char own[48];
    snprintf(own, sizeof own, device ? "%s:%d" : "%s", key, device);
    return setting(own);
}

static int current_device(void) { return depth && stack[depth - 1] ? stack[depth - 1]->device : -1; }

static void note_misuse(const char *function, const char *what) {
    if (!misuses++) snprintf(misuse, sizeof misuse, "%s: %s", function, what);
}

static int enter(const char *function) {
    pthread_mutex_lock(&mutex);
    int i = 0;
    while (i < 127 && counts[i].function[0] && strcmp(counts[i].function, function)) i++;
    if (!counts[i].function[0]) snprintf(counts[i].function, sizeof counts[i].function, "%s", function);
    counts[i].calls++;
    for (int f = 0; f < 16; f++) {
        if (failures[f].nth <= 0) continue;
        size_t length = strcspn(failures[f].function, "@");
        int here = !failures[f].function[length] || atoi(failures[f].function + length + 1) == current_device();
        int same = strlen(function) == length && !strncmp(failures[f].function, function, length);
        if (same && here && --failures[f].nth == 0) return failures[f].status;
    }
    return 0;
}

static void leave(int *unused) {
    (void)unused;
    pthread_mutex_unlock(&mutex);
}

#define ENTER                                                      \
    __attribute__((cleanup(leave))) int entered = enter(__func__); \
    if (entered) return entered
#define HEALTHY                                                       \
    int own = current_device();                                       \
    if (devices[own < 0 ? 0 : own].sticky) return devices[own < 0 ? 0 : own].sticky
#define CURRENT                                            \
    HEALTHY;                                               \
    object *current = depth ? stack[depth - 1] : NULL;     \
    if (!current) return CUDA_ERROR_INVALID_CONTEXT;       \
    if (!current->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED

static object *make(kind_t kind, int device, void *address, size_t bytes) {
    object *o = calloc(1, sizeof *o);
    o->kind = kind;
    o->alive = 1;
    o->device = device;
    o->address = address ? address : o;
    o->bytes = bytes;
    o->next = objects;
    objects = o;
    return o;
}

/* An object, of whatever device. */
static object *find_anywhere(const char *function, kind_t kind, const void *handle) {
    object *dead = NULL;
    for (object *o = objects; o; o = o->next) {
        if (o->kind == kind && o->address == handle) {
            if (o->alive) return o;
            dead = o;
        }
    }
    note_misuse(function, dead ? "the object is gone" : "no such object");
    return NULL;
}

/* An object of the device whose context is current. */
static object *find(const char *function, kind_t kind, const void *handle) {
    object *o = find_anywhere(function, kind, handle);
    int device = current_device();
    if (o && device >= 0 && device != o->device) note_misuse(function, "the object is another device's");
    return o;
}

static void add_work(work_list *list, work one) {
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 16;
        list->at = realloc(list->at, list->room * sizeof one);
    }
    list->at[list->count++] = one;
}

/* Work goes into the graph that its stream captures, or, where a test asks for it, into the journal. */
static void note_work(object *stream, work one) {
    one.stream = stream;
    if (stream && stream->capturing) add_work(&stream->works, one);
    else if (*setting("journal")) add_work(&journal, one);
}

#define FIND(name, kind, handle)                      \
    object *name = find(__func__, kind, handle);      \
    if (!name) return CUDA_ERROR_INVALID_HANDLE

/* The allocation that an address lies in. */
static object *inside(const void *address, size_t bytes) {
    const char *a = address;
    for (object *o = objects; o; o = o->next) {
        int holds = o->kind == MEMORY || o->kind == PINNED || o->kind == REGISTERED || o->kind == IPC || o->kind == MANAGED;
        if (holds && o->alive && a >= (char *)o->address && a + bytes <= (char *)o->address + o->bytes) return o;
    }
    return NULL;
}

static int on_device(const char *function, CUdeviceptr address, size_t bytes) {
    object *o = inside((void *)(uintptr_t)address, bytes);
    if (o && (o->kind == MEMORY || o->kind == IPC)) {
        if (o->device != current_device()) note_misuse(function, "the memory is another device's");
        return 1;
    }
    note_misuse(function, "the range is not device memory");
    return 0;
}

static void kill_all(int device) {
    for (object *o = objects; o; o = o->next) {
        if (o->device == device) o->alive = 0;
    }
    devices[device].context = NULL;
    devices[device].sticky = 0;
}

static long long live(const char *kind) {
    long long n = 0;
    for (object *o = objects; o; o = o->next) {
        int counted = o->alive && o->kind != CONTEXT && o->kind != FUNCTION;
        if (counted && (!strcmp(kind, "all") || !strcmp(kind, kind_names[o->kind]))) n++;
    }
    if (!strcmp(kind, "contexts") || !strcmp(kind, "all")) {
        for (int d = 0; d < MAX_DEVICES; d++) n += devices[d].retained;
    }
    return n;
}

static int device_count(void) { return (int)*setting("devices") + 1; }

/* ---- start, devices ---- */

API CUresult cuInit(unsigned flags) {
    ENTER;
    return flags ? CUDA_ERROR_INVALID_VALUE : (int)*setting("init");
}

API CUresult cuDriverGetVersion(int *version) {
    ENTER;
    *version = *setting("version") ? (int)*setting("version") : YZC_DOUBLE_VERSION;
    return 0;
}

API CUresult cuGetErrorName(CUresult status, const char **text) {
#define NAME(name, value) case value: *text = #name; return 0;
    switch (status) {
        case 0: *text = "CUDA_SUCCESS"; return 0;
#define CUDA_STATUSES(X) \
    X(CUDA_ERROR_INVALID_VALUE, 1) X(CUDA_ERROR_OUT_OF_MEMORY, 2) X(CUDA_ERROR_DEINITIALIZED, 4) X(CUDA_ERROR_STUB_LIBRARY, 34) \
    X(CUDA_ERROR_NO_DEVICE, 100) X(CUDA_ERROR_INVALID_CONTEXT, 201) X(CUDA_ERROR_INVALID_PTX, 218) X(CUDA_ERROR_JIT_COMPILER_NOT_FOUND, 221) \
    X(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222) X(CUDA_ERROR_JIT_COMPILATION_DISABLED, 223) X(CUDA_ERROR_NOT_FOUND, 500) \
    X(CUDA_ERROR_ILLEGAL_ADDRESS, 700) X(CUDA_ERROR_NOT_PERMITTED, 800) \
    X(CUDA_ERROR_LAUNCH_FAILED, 719) X(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803) X(CUDA_ERROR_UNKNOWN, 999)
        CUDA_STATUSES(NAME)
        default: *text = NULL; return CUDA_ERROR_INVALID_VALUE;
    }
}

API CUresult cuGetErrorString(CUresult status, const char **text) {
    *text = status == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory" : "text of the stand-in";
    return 0;
}

API CUresult cuDeviceGetCount(int *count) {
    ENTER;
    *count = device_count();
    return 0;
}

API CUresult cuDeviceGet(int *device, int ordinal) {
    ENTER;
    if (ordinal < 0 || ordinal >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return 0;
}

API CUresult cuDeviceGetName(char *name, int length, int device) {
    ENTER;
    snprintf(name, (size_t)length, "Stand-in %d", device);
    return 0;
}

API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, int device) {
    ENTER;
    for (int i = 0; i < 16; i++) uuid->bytes[i] = (char)(16 * device + i);
    return 0;
}

API CUresult cuDeviceTotalMem_v2(size_t *bytes, int device) {
    ENTER;
    (void)device;
    *bytes = (size_t)1 << 30;
    return 0;
}

API CUresult cuDeviceGetAttribute(int *value, int attribute, int device) {
    ENTER;
    (void)device;
    switch (attribute) {
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = 9; return 0;
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = 0; return 0;
        case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 132; return 0;
        case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: *value = 2048; return 0;
        case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = 1024; return 0;
        case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *value = 49152; return 0;
        case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED: *value = 1; return 0;
        case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY: *value = !*setting("no_mapping"); return 0;
        case CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS: *value = !*setting("no_concurrent_access"); return 0;
        default: return CUDA_ERROR_INVALID_VALUE;
    }
}

API CUresult cuDeviceGetPCIBusId(char *text, int length, int device) {
    ENTER;
    snprintf(text, (size_t)length, "0000:%02X:00.0", device + 1);
    return 0;
}

/* ---- contexts ---- */

API CUresult cuDevicePrimaryCtxRetain(void **context, int device) {
    ENTER;
    if (devices[device].sticky && devices[device].context) return devices[device].sticky;
    if (!devices[device].context) devices[device].context = make(CONTEXT, device, NULL, 0);
    devices[device].retained++;
    *context = devices[device].context;
    return 0;
}

API CUresult cuDevicePrimaryCtxRelease_v2(int device) {
    ENTER;
    if (devices[device].retained <= 0) {
        note_misuse(__func__, "released more often than retained");
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (--devices[device].retained == 0 && devices[device].context) {
        for (object *o = objects; o; o = o->next) {
            int left = o->alive && o->device == device && o->kind != CONTEXT && o->kind != FUNCTION;
            if (left) note_misuse(__func__, "objects are left in the context");
        }
        kill_all(device);
    }
    return 0;
}

API CUresult cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) {
    ENTER;
    devices[device].flags = flags;
    return 0;
}

API CUresult cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
    ENTER;
    *flags = devices[device].flags;
    *active = devices[device].context != NULL;
    return 0;
}

API CUresult cuDevicePrimaryCtxReset_v2(int device) {
    ENTER;
    kill_all(device);
    return 0;
}

API CUresult cuCtxSetCurrent(object *context) {
    ENTER;
    if (context && !context->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    if (!depth) depth = 1;
    stack[depth - 1] = context;
    return 0;
}

API CUresult cuCtxGetCurrent(object **context) {
    ENTER;
    *context = depth ? stack[depth - 1] : NULL;
    return 0;
}

API CUresult cuCtxPushCurrent_v2(object *context) {
    ENTER;
    if (!context->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    if (depth == 32) {
        note_misuse(__func__, "pushed without end");
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    stack[depth++] = context;
    return 0;
}

API CUresult cuCtxPopCurrent_v2(object **context) {
    ENTER;
    if (!depth) {
        note_misuse(__func__, "popped more than pushed");
        return CUDA_ERROR_INVALID_CONTEXT;
    }
    *context = stack[--depth];
    return 0;
}

API CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    ENTER;
    CURRENT;
    *least = 0;
    *greatest = -5;
    return 0;
}

#include "streams.h"
#include "memory.h"
#include "modules.h"
#include "graphs.h"

/* ---- steering, by the tests ---- */

/* Sets what is to happen: version, devices (besides the first; -1 is none), init, jit, not_ready (of so many questions), pending_event (a handle),
   foreign_context, fault (by the next kernel), sticky (at once), graph_with_error, no_mapping, no_concurrent_access (what the device lacks),
   journal (work is written down), used (bytes of device memory), delay (nanoseconds that a graph takes). Fault, sticky, used and delay are a
   device's: that of the first, and with ":1" behind it that of the second. */
API void yzc_set(const char *key, long long value) {
    pthread_mutex_lock(&mutex);
    if (!strncmp(key, "sticky", 6)) devices[key[6] ? atoi(key + 7) : 0].sticky = (int)value;
    else *setting(key) = value;
    pthread_mutex_unlock(&mutex);
}

/* Lets the nth call from now of a function answer a status, without an effect; with "@1" behind its name, of those where the second device is
   current. 0 takes the order back. */
API void yzc_fail(const char *function, int nth, int status) {
    pthread_mutex_lock(&mutex);
    int f = 0;
    while (f < 15 && failures[f].nth > 0 && strcmp(failures[f].function, function)) f++;
    snprintf(failures[f].function, sizeof failures[f].function, "%s", function);
    failures[f].nth = nth;
    failures[f].status = status;
    pthread_mutex_unlock(&mutex);
}

/* Objects of a kind that are alive; for contexts the retains; "all" is the sum. */
API long long yzc_live(const char *kind) {
    pthread_mutex_lock(&mutex);
    long long n = live(kind);
    pthread_mutex_unlock(&mutex);
    return n;
}

API long long yzc_calls(const char *function) {
    pthread_mutex_lock(&mutex);
    long long n = 0;
    for (int i = 0; i < 128; i++) n += strcmp(counts[i].function, function) ? 0 : counts[i].calls;
    pthread_mutex_unlock(&mutex);
    return n;
}

/* What was done wrong first; empty when nothing was. */
API const char *yzc_misuse(void) { return misuse; }

API const char *yzc_last_image(void) { return last_image ? last_image : ""; }

/* Piece of work number `index` of the journal: its kind, 0 behind the last one. A graph's stand where it was launched. */
API int yzc_journal(long long index, const char **name, unsigned long long *values) {
    pthread_mutex_lock(&mutex);
    work_kind kind = NO_WORK;
    if (index < (long long)journal.count) {
        const work *one = &journal.at[index];
        kind = one->kind;
        *name = one->name;
        values[0] = (uintptr_t)one->stream;
        values[1] = (uintptr_t)one->object;
        memcpy(values + 2, one->arguments, sizeof one->arguments);
    }
    pthread_mutex_unlock(&mutex);
    return (int)kind;
}

/* Grid, block, shared bytes and number of launches; and the first bytes of the first parameter. */
API void yzc_last_launch(unsigned *launch, unsigned char *argument) {
    memcpy(launch, last_launch, sizeof last_launch);
    memcpy(argument, last_argument, sizeof last_argument);
}
