/*
 * A stand-in for libcuda.so.1 that plays one driver with one or more devices, without a GPU: work runs at once, on the host.
 * It keeps account of every object, so that a test can prove that nothing leaks; uses of what is gone are noted as misuse, not answered with a crash.
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

#include "../layout/declared.h"
#include "../layout/values.h"

#define YZC_DECLARE(name, value) name = value,
enum { YZC_VALUES(YZC_DECLARE) YZC_NEWER_VALUES(YZC_DECLARE) YZC_END };

#define API __attribute__((visibility("default")))
#define MAX_DEVICES 4

typedef int CUresult;

typedef enum { CONTEXT, STREAM, EVENT, MEMORY, PINNED, REGISTERED, MODULE, FUNCTION, GRAPH, EXEC, POOL, IPC, KINDS } kind_t;
static const char *const kind_names[KINDS] = {"contexts", "streams", "events", "memory", "pinned", "registered", "modules", "functions", "graphs", "execs", "pools", "ipc"};

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
    unsigned long long threshold;
    struct object *owner;
    struct object *next;
} object;

typedef struct {
    object *context;
    int retained;
    unsigned flags;
} device_state;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static object *objects;
static device_state devices[MAX_DEVICES];
static __thread object *stack[32];
static __thread int depth;
static char misuse[512];
static long long misuses;
static char *last_image;
static int sticky;

/* Settings and records. */
static struct { char key[40]; long long value; } settings[64];
static struct { char function[64]; int nth; int status; } failures[16];
static struct { char function[64]; long long calls; } counts[128];
static unsigned last_launch[8];
static unsigned char last_argument[64];

static long long *setting(const char *key) {
    int i = 0;
    while (i < 63 && settings[i].key[0] && strcmp(settings[i].key, key)) i++;
    if (!settings[i].key[0]) snprintf(settings[i].key, sizeof settings[i].key, "%s", key);
    return &settings[i].value;
}

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
        if (failures[f].nth > 0 && !strcmp(failures[f].function, function) && --failures[f].nth == 0) return failures[f].status;
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
#define HEALTHY \
    if (sticky) return sticky
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

static object *find(const char *function, kind_t kind, const void *handle) {
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

#define FIND(name, kind, handle)                      \
    object *name = find(__func__, kind, handle);      \
    if (!name) return CUDA_ERROR_INVALID_HANDLE

/* The allocation that an address lies in. */
static object *inside(const void *address, size_t bytes) {
    const char *a = address;
    for (object *o = objects; o; o = o->next) {
        int holds = o->kind == MEMORY || o->kind == PINNED || o->kind == REGISTERED || o->kind == IPC;
        if (holds && o->alive && a >= (char *)o->address && a + bytes <= (char *)o->address + o->bytes) return o;
    }
    return NULL;
}

static int on_device(const char *function, CUdeviceptr address, size_t bytes) {
    object *o = inside((void *)(uintptr_t)address, bytes);
    if (o && (o->kind == MEMORY || o->kind == IPC)) return 1;
    note_misuse(function, "the range is not device memory");
    return 0;
}

static void kill_all(int device) {
    for (object *o = objects; o; o = o->next) {
        if (o->device == device) o->alive = 0;
    }
    devices[device].context = NULL;
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
    X(CUDA_ERROR_INVALID_VALUE, 1) X(CUDA_ERROR_OUT_OF_MEMORY, 2) X(CUDA_ERROR_DEINITIALIZED, 4) X(CUDA_ERROR_STUB_LIBRARY, 34) X(CUDA_ERROR_NO_DEVICE, 100) \
    X(CUDA_ERROR_INVALID_CONTEXT, 201) X(CUDA_ERROR_INVALID_PTX, 218) X(CUDA_ERROR_JIT_COMPILER_NOT_FOUND, 221) X(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222) \
    X(CUDA_ERROR_JIT_COMPILATION_DISABLED, 223) X(CUDA_ERROR_NOT_FOUND, 500) X(CUDA_ERROR_ILLEGAL_ADDRESS, 700) X(CUDA_ERROR_NOT_PERMITTED, 800) \
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
        case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED: *value = 1; return 0;
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
    if (sticky && devices[device].context) return sticky;
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
            if (o->alive && o->device == device && o->kind != CONTEXT && o->kind != FUNCTION) note_misuse(__func__, "objects are left in the context");
        }
        kill_all(device);
        sticky = 0;
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
    sticky = 0;
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

/* ---- streams, events ---- */

API CUresult cuStreamCreateWithPriority(object **stream, unsigned flags, int priority) {
    ENTER;
    CURRENT;
    if (flags != 1) note_misuse(__func__, "the stream waits for the default stream");
    *stream = make(STREAM, current->device, NULL, 0);
    (*stream)->flags = priority;
    return 0;
}

API CUresult cuStreamDestroy_v2(object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    s->alive = 0;
    return 0;
}

API CUresult cuStreamWaitEvent(object *stream, object *event, unsigned flags) {
    ENTER;
    CURRENT;
    (void)flags;
    FIND(s, STREAM, stream);
    FIND(e, EVENT, event);
    (void)e;
    s->nodes += s->capturing;
    return 0;
}

API CUresult cuStreamQuery(object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (s->capturing) {
        s->invalid = 1;
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return *setting("not_ready") > 0 && (*setting("not_ready"))-- ? CUDA_ERROR_NOT_READY : 0;
}

API CUresult cuStreamSynchronize(object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (s->capturing) {
        s->invalid = 1;
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return 0;
}

API CUresult cuStreamBeginCapture_v2(object *stream, int mode) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (mode != CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) note_misuse(__func__, "the capture is not thread-local");
    if (s->capturing) return CUDA_ERROR_ILLEGAL_STATE;
    s->capturing = 1;
    s->invalid = 0;
    s->nodes = 0;
    return 0;
}

API CUresult cuStreamEndCapture(object *stream, object **graph) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (!s->capturing) return CUDA_ERROR_ILLEGAL_STATE;
    s->capturing = 0;
    *graph = NULL;
    if (s->invalid && !*setting("graph_with_error")) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    *graph = make(GRAPH, current->device, NULL, 0);
    (*graph)->nodes = s->nodes;
    return s->invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : 0;
}

API CUresult cuStreamIsCapturing(object *stream, int *status) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    *status = s->capturing ? (s->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE) : CU_STREAM_CAPTURE_STATUS_NONE;
    return 0;
}

API CUresult cuEventCreate(object **event, unsigned flags) {
    ENTER;
    CURRENT;
    *event = make(EVENT, current->device, NULL, 0);
    (*event)->flags = (int)flags;
    return 0;
}

API CUresult cuEventDestroy_v2(object *event) {
    ENTER;
    CURRENT;
    FIND(e, EVENT, event);
    e->alive = 0;
    return 0;
}

API CUresult cuEventRecord(object *event, object *stream) {
    ENTER;
    CURRENT;
    FIND(e, EVENT, event);
    FIND(s, STREAM, stream);
    s->nodes += s->capturing;
    e->recorded = 1;
    return 0;
}

API CUresult cuEventQuery(object *event) {
    ENTER;
    CURRENT;
    FIND(e, EVENT, event);
    return e->recorded && *setting("not_ready") > 0 && (*setting("not_ready"))-- ? CUDA_ERROR_NOT_READY : 0;
}

API CUresult cuEventSynchronize(object *event) {
    ENTER;
    CURRENT;
    FIND(e, EVENT, event);
    (void)e;
    return 0;
}

API CUresult cuEventElapsedTime(float *milliseconds, object *start, object *end) {
    ENTER;
    CURRENT;
    FIND(a, EVENT, start);
    FIND(b, EVENT, end);
    if (!a->recorded || !b->recorded || ((a->flags | b->flags) & CU_EVENT_DISABLE_TIMING)) return CUDA_ERROR_INVALID_HANDLE;
    *milliseconds = 1.5f;
    return 0;
}

/* ---- memory ---- */

API CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    ENTER;
    CURRENT;
    *total = (size_t)1 << 30;
    *free_bytes = *total - (size_t)*setting("used");
    return 0;
}

static CUresult allocate(object **made, kind_t kind, int device, size_t bytes) {
    if (bytes > (size_t)1 << 29) return CUDA_ERROR_OUT_OF_MEMORY;
    void *memory = NULL;
    if (posix_memalign(&memory, 4096, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
    *made = make(kind, device, memory, bytes);
    *setting("used") += kind == MEMORY ? (long long)bytes : 0;
    return 0;
}

static void give_back(object *o) {
    o->alive = 0;
    *setting("used") -= o->kind == MEMORY ? (long long)o->bytes : 0;
    free(o->address);
    o->address = o;
}

API CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
    ENTER;
    CURRENT;
    object *o;
    CUresult status = allocate(&o, MEMORY, current->device, bytes);
    if (!status) *address = (uintptr_t)o->address;
    return status;
}

API CUresult cuMemFree_v2(CUdeviceptr address) {
    ENTER;
    CURRENT;
    FIND(o, MEMORY, (void *)(uintptr_t)address);
    if (o->owner) note_misuse(__func__, "stream-ordered memory is freed without its stream");
    give_back(o);
    return 0;
}

API CUresult cuMemHostAlloc(void **memory, size_t bytes, unsigned flags) {
    ENTER;
    CURRENT;
    object *o;
    CUresult status = allocate(&o, PINNED, current->device, bytes);
    if (!status) {
        o->flags = (int)flags;
        *memory = o->address;
    }
    return status;
}

API CUresult cuMemFreeHost(void *memory) {
    ENTER;
    CURRENT;
    FIND(o, PINNED, memory);
    give_back(o);
    return 0;
}

API CUresult cuMemHostRegister_v2(void *memory, size_t bytes, unsigned flags) {
    ENTER;
    CURRENT;
    if (inside(memory, 1)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    make(REGISTERED, current->device, memory, bytes)->flags = (int)flags;
    return 0;
}

API CUresult cuMemHostUnregister(void *memory) {
    ENTER;
    CURRENT;
    FIND(o, REGISTERED, memory);
    o->alive = 0;
    return 0;
}

API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *address, void *memory, unsigned flags) {
    ENTER;
    CURRENT;
    (void)flags;
    if (!inside(memory, 1)) return CUDA_ERROR_INVALID_VALUE;
    *address = (uintptr_t)memory;
    return 0;
}

static CUresult allocate_on(CUdeviceptr *address, size_t bytes, object *pool, object *stream) {
    object *o;
    CUresult status = allocate(&o, MEMORY, stream->device, bytes);
    if (!status) {
        o->owner = pool ? pool : stream;
        if (pool) pool->bytes += bytes;
        *address = (uintptr_t)o->address;
    }
    return status;
}

API CUresult cuMemAllocAsync(CUdeviceptr *address, size_t bytes, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    return allocate_on(address, bytes, NULL, s);
}

API CUresult cuMemAllocFromPoolAsync(CUdeviceptr *address, size_t bytes, object *pool, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    FIND(p, POOL, pool);
    return allocate_on(address, bytes, p, s);
}

API CUresult cuMemFreeAsync(CUdeviceptr address, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    FIND(o, MEMORY, (void *)(uintptr_t)address);
    (void)s;
    if (!o->owner) note_misuse(__func__, "plain memory is freed on a stream");
    if (o->owner && o->owner->kind == POOL) {
        if (!o->owner->alive) note_misuse(__func__, "the pool is gone");
        o->owner->bytes -= o->bytes;
    }
    give_back(o);
    return 0;
}

API CUresult cuMemPoolCreate(object **pool, const CUmemPoolProps *props) {
    ENTER;
    CURRENT;
    static const unsigned char zeros[54];
    int plain = props->allocType == 1 && props->handleTypes == 0 && props->location.type == 1 && props->location.id == current->device;
    if (!plain || props->win32SecurityAttributes || props->maxSize || props->usage || memcmp(props->reserved, zeros, sizeof zeros)) {
        note_misuse(__func__, "the properties are not what is wanted");
        return CUDA_ERROR_INVALID_VALUE;
    }
    *pool = make(POOL, current->device, NULL, 0);
    return 0;
}

API CUresult cuMemPoolDestroy(object *pool) {
    ENTER;
    CURRENT;
    FIND(p, POOL, pool);
    if (p->bytes) note_misuse(__func__, "memory of the pool is in use");
    p->alive = 0;
    return 0;
}

API CUresult cuMemPoolSetAttribute(object *pool, int attribute, void *value) {
    ENTER;
    CURRENT;
    FIND(p, POOL, pool);
    if (attribute != CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) return CUDA_ERROR_INVALID_VALUE;
    memcpy(&p->threshold, value, 8);
    return 0;
}

API CUresult cuMemPoolGetAttribute(object *pool, int attribute, void *value) {
    ENTER;
    CURRENT;
    FIND(p, POOL, pool);
    unsigned long long answer = attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD ? p->threshold : p->bytes;
    memcpy(value, &answer, 8);
    return 0;
}

API CUresult cuMemPoolTrimTo(object *pool, size_t bytes) {
    ENTER;
    CURRENT;
    (void)bytes;
    FIND(p, POOL, pool);
    (void)p;
    return 0;
}

/* True when the work is only noted in a capture. */
static int captured(object *stream) {
    stream->nodes += stream->capturing;
    return stream->capturing;
}

API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (!on_device(__func__, to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (!captured(s)) memcpy((void *)(uintptr_t)to, from, bytes);
    return 0;
}

API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (!on_device(__func__, from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (!captured(s)) memcpy(to, (void *)(uintptr_t)from, bytes);
    return 0;
}

API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (!on_device(__func__, from, bytes) || !on_device(__func__, to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (!captured(s)) memcpy((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes);
    return 0;
}

API CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *c, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (c->WidthInBytes > c->srcPitch || c->WidthInBytes > c->dstPitch) return CUDA_ERROR_INVALID_VALUE;
    int from_host = c->srcMemoryType == CU_MEMORYTYPE_HOST;
    int to_host = c->dstMemoryType == CU_MEMORYTYPE_HOST;
    const char *from = from_host ? c->srcHost : (void *)(uintptr_t)c->srcDevice;
    char *to = to_host ? c->dstHost : (void *)(uintptr_t)c->dstDevice;
    size_t last = c->Height ? c->Height - 1 : 0;
    if (!from_host && !on_device(__func__, c->srcDevice, last * c->srcPitch + c->WidthInBytes)) return CUDA_ERROR_INVALID_VALUE;
    if (!to_host && !on_device(__func__, c->dstDevice, last * c->dstPitch + c->WidthInBytes)) return CUDA_ERROR_INVALID_VALUE;
    if (captured(s)) return 0;
    for (size_t y = 0; y < c->Height; y++) memcpy(to + (c->dstY + y) * c->dstPitch + c->dstXInBytes, from + (c->srcY + y) * c->srcPitch + c->srcXInBytes, c->WidthInBytes);
    return 0;
}

API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (!on_device(__func__, to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (!captured(s)) memset((void *)(uintptr_t)to, value, bytes);
    return 0;
}

API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t words, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (!on_device(__func__, to, words * 4)) return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; !s->capturing && i < words; i++) memcpy((char *)(uintptr_t)to + 4 * i, &value, 4);
    s->nodes += s->capturing;
    return 0;
}

API CUresult cuPointerGetAttributes(unsigned count, const int *attributes, void **values, CUdeviceptr address) {
    ENTER;
    CURRENT;
    object *o = inside((void *)(uintptr_t)address, 1);
    for (unsigned i = 0; i < count; i++) {
        int device = o && (o->kind == MEMORY || o->kind == IPC);
        switch (attributes[i]) {
            case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: *(unsigned *)values[i] = !o ? 0 : device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST; break;
            case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: *(CUdeviceptr *)values[i] = o ? address : 0; break;
            case CU_POINTER_ATTRIBUTE_HOST_POINTER: *(CUdeviceptr *)values[i] = o && !device ? address : 0; break;
            case CU_POINTER_ATTRIBUTE_IS_MANAGED: *(char *)values[i] = 0; break;
            case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: *(int *)values[i] = o ? o->device : -2; break;
            case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: *(CUdeviceptr *)values[i] = o ? (uintptr_t)o->address : 0; break;
            case CU_POINTER_ATTRIBUTE_RANGE_SIZE: *(size_t *)values[i] = o ? o->bytes : 0; break;
            default: return CUDA_ERROR_INVALID_VALUE;
        }
    }
    return 0;
}

/* A handle holds the number of its object; a byte beyond tells that all 64 came across. */
API CUresult cuIpcGetMemHandle(CUipcMemHandle *handle, CUdeviceptr address) {
    ENTER;
    CURRENT;
    FIND(o, MEMORY, (void *)(uintptr_t)address);
    memset(handle, 0, sizeof *handle);
    memcpy(handle, &o, sizeof o);
    handle->reserved[63] = 42;
    return 0;
}

API CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *address, CUipcMemHandle handle, unsigned flags) {
    ENTER;
    CURRENT;
    if (flags != 1 || handle.reserved[63] != 42) return CUDA_ERROR_INVALID_VALUE;
    object *o;
    CUresult status = allocate(&o, IPC, current->device, 4096);
    if (!status) *address = (uintptr_t)o->address;
    return status;
}

API CUresult cuIpcCloseMemHandle(CUdeviceptr address) {
    ENTER;
    CURRENT;
    FIND(o, IPC, (void *)(uintptr_t)address);
    give_back(o);
    return 0;
}

API CUresult cuIpcGetEventHandle(CUipcEventHandle *handle, object *event) {
    ENTER;
    CURRENT;
    FIND(e, EVENT, event);
    if (!(e->flags & CU_EVENT_INTERPROCESS)) return CUDA_ERROR_INVALID_HANDLE;
    memset(handle, 0, sizeof *handle);
    handle->reserved[63] = 43;
    return 0;
}

API CUresult cuIpcOpenEventHandle(object **event, CUipcEventHandle handle) {
    ENTER;
    CURRENT;
    if (handle.reserved[63] != 43) return CUDA_ERROR_INVALID_VALUE;
    *event = make(EVENT, current->device, NULL, 0);
    return 0;
}

/* ---- modules, kernels ---- */

API CUresult cuModuleLoadDataEx(object **module, const void *image, unsigned count, const int *options, void **values) {
    ENTER;
    CURRENT;
    char *error = NULL, *info = NULL;
    size_t error_bytes = 0, info_bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        switch (options[i]) {
            case CU_JIT_INFO_LOG_BUFFER: info = values[i]; break;
            case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES: info_bytes = (size_t)values[i]; break;
            case CU_JIT_ERROR_LOG_BUFFER: error = values[i]; break;
            case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: error_bytes = (size_t)values[i]; break;
            default: return CUDA_ERROR_INVALID_VALUE;
        }
    }
    free(last_image);
    last_image = strdup(image);
    if (*setting("jit")) {
        /* Text, its NUL, and then what must not be read. */
        memset(error, 'x', error_bytes);
        snprintf(error, error_bytes, "ptxas fatal: %s\n", "line 3, syntax error near 'nonsense'");
        return (int)*setting("jit");
    }
    snprintf(info, info_bytes, "compiled");
    *module = make(MODULE, current->device, NULL, 0);
    return 0;
}

API CUresult cuModuleUnload(object *module) {
    ENTER;
    CURRENT;
    FIND(m, MODULE, module);
    m->alive = 0;
    for (object *o = objects; o; o = o->next) {
        if (o->kind == FUNCTION && o->owner == m) o->alive = 0;
    }
    return 0;
}

API CUresult cuModuleGetFunction(object **function, object *module, const char *name) {
    ENTER;
    CURRENT;
    FIND(m, MODULE, module);
    char entry[128];
    snprintf(entry, sizeof entry, ".entry %s(", name);
    if (!strstr(last_image, entry)) return CUDA_ERROR_NOT_FOUND;
    *function = make(FUNCTION, current->device, NULL, 0);
    (*function)->owner = m;
    /* Size of the first parameter in `bytes`, and in `nodes` how many there are. */
    const char *list = strstr(last_image, entry) + strlen(entry);
    for (const char *c = list; *c && *c != ')'; c++) {
        (*function)->nodes += !strncmp(c, ".param", 6);
        if ((*function)->nodes != 1) continue;
        if (*c == '[') (*function)->bytes = (size_t)atoi(c + 1);
        if (!strncmp(c, ".u64", 4)) (*function)->bytes = 8;
        if (!strncmp(c, ".u32", 4)) (*function)->bytes = 4;
    }
    return 0;
}

API CUresult cuFuncGetAttribute(int *value, int attribute, object *function) {
    ENTER;
    CURRENT;
    FIND(f, FUNCTION, function);
    *value = attribute == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 : f->flags;
    return 0;
}

API CUresult cuFuncSetAttribute(object *function, int attribute, int value) {
    ENTER;
    CURRENT;
    FIND(f, FUNCTION, function);
    if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value > 232448) return CUDA_ERROR_INVALID_VALUE;
    f->flags = value;
    return 0;
}

API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, object *function, int threads, size_t shared) {
    ENTER;
    CURRENT;
    FIND(f, FUNCTION, function);
    (void)f;
    *blocks = shared ? 1 : 2048 / threads;
    return 0;
}

API CUresult cuLaunchKernel(object *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, object *stream, void **parameters, void **extra) {
    ENTER;
    CURRENT;
    FIND(f, FUNCTION, function);
    FIND(s, STREAM, stream);
    if (extra || gx - 1 >= 0x7fffffffu || gy - 1 >= 65535 || gz - 1 >= 65535 || bx - 1 >= 1024 || by - 1 >= 1024 || bz - 1 >= 64) return CUDA_ERROR_INVALID_VALUE;
    unsigned launch[8] = {gx, gy, gz, bx, by, bz, shared, last_launch[7] + 1};
    memcpy(last_launch, launch, sizeof launch);
    if (parameters) memcpy(last_argument, parameters[0], f->bytes < sizeof last_argument ? f->bytes : sizeof last_argument);
    if (!captured(s) && *setting("fault")) sticky = (int)*setting("fault");
    return 0;
}

#ifndef YZC_DOUBLE_ONLY_11_8
API CUresult cuFuncGetParamInfo(object *function, size_t index, size_t *offset, size_t *bytes) {
    ENTER;
    CURRENT;
    FIND(f, FUNCTION, function);
    if (index >= (size_t)f->nodes) return CUDA_ERROR_INVALID_VALUE;
    *offset = 0;
    *bytes = index ? 4 : f->bytes;
    return 0;
}
#endif

/* ---- graphs ---- */

API CUresult cuGraphDestroy(object *graph) {
    ENTER;
    CURRENT;
    FIND(g, GRAPH, graph);
    g->alive = 0;
    return 0;
}

API CUresult cuGraphGetNodes(object *graph, void **nodes, size_t *count) {
    ENTER;
    HEALTHY;
    FIND(g, GRAPH, graph);
    if (nodes) return CUDA_ERROR_INVALID_VALUE;
    *count = (size_t)g->nodes;
    return 0;
}

#ifndef YZC_DOUBLE_LACKS_GRAPHS
API CUresult cuGraphInstantiateWithFlags(object **exec, object *graph, unsigned long long flags) {
    ENTER;
    CURRENT;
    FIND(g, GRAPH, graph);
    *exec = make(EXEC, current->device, NULL, 0);
    (*exec)->nodes = g->nodes;
    (*exec)->flags = (int)flags;
    return 0;
}

API CUresult cuGraphLaunch(object *exec, object *stream) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    FIND(s, STREAM, stream);
    (void)s;
    e->recorded++;
    return 0;
}
#endif

API CUresult cuGraphUpload(object *exec, object *stream) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    FIND(s, STREAM, stream);
    (void)e;
    (void)s;
    return 0;
}

API CUresult cuGraphExecDestroy(object *exec) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    e->alive = 0;
    return 0;
}

static CUresult update(object *exec, object *graph, int *result) {
    *result = exec->nodes == graph->nodes ? 0 : CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    return *result ? CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE : 0;
}

API CUresult cuGraphExecUpdate(object *exec, object *graph, void **node, int *result) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    FIND(g, GRAPH, graph);
    *node = NULL;
    return update(e, g, result);
}

#ifndef YZC_DOUBLE_ONLY_11_8
API CUresult cuGraphExecUpdate_v2(object *exec, object *graph, CUgraphExecUpdateResultInfo *info) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    FIND(g, GRAPH, graph);
    return update(e, g, &info->result);
}
#endif

/* ---- steering, by the tests ---- */

/* Sets what is to happen: version, devices (besides the first; -1 is none), init, jit, not_ready, fault, graph_with_error. */
API void yzc_set(const char *key, long long value) {
    pthread_mutex_lock(&mutex);
    *setting(key) = value;
    pthread_mutex_unlock(&mutex);
}

/* Lets the nth call from now of a function answer a status, without an effect. 0 takes the order back. */
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

/* Grid, block, shared bytes and number of launches; and the first bytes of the first parameter. */
API void yzc_last_launch(unsigned *launch, unsigned char *argument) {
    memcpy(launch, last_launch, sizeof last_launch);
    memcpy(argument, last_argument, sizeof last_argument);
}
