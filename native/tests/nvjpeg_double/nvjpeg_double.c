/*
 * A stand-in for libnvjpeg.so: it reads the header of a JPEG, takes no segment that a decoder does not need, and fills the picture with a pattern
 * that depends on the coded data. The stand-in driver's device memory is the host's, and its work runs at once. It keeps account of every object;
 * uses of what is gone or busy are noted as misuse. Numbers are those of the public documentation. Tests steer it with the yzc_ functions at the end.
 *   YZC_DOUBLE_LACKS_DECODE lacks the function that decodes
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID_PARAMETER = 2, BAD_JPEG = 3, ARCH_MISMATCH = 7 };
enum { RGB = 3, BGR = 4, RGBI = 5, BGRI = 6 };

/* Never freed, so that a use after release is seen and is harmless. */
typedef struct { int alive, backend, states; } handle;
typedef struct { int alive, batch, format; volatile int busy; handle *owner; } state;
typedef struct { unsigned char *channel[4]; size_t pitch[4]; } image;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long long handles, states, decoded, on_engine, engines = 1, last_bytes;
static unsigned char last[1 << 20];
static struct { char function[48]; int nth, status; } failures[8];
static char misuse[256];

static int ordered(const char *function) {
    int status = 0;
    pthread_mutex_lock(&mutex);
    for (int f = 0; f < 8; f++) {
        if (failures[f].nth > 0 && !strcmp(failures[f].function, function) && --failures[f].nth == 0) status = failures[f].status;
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

static void count(long long *what, long long more) { __atomic_add_fetch(what, more, __ATOMIC_SEQ_CST); }
static int wrong(const char *words) { return snprintf(misuse, sizeof misuse, "%s", words), INVALID_PARAMETER; }

#define ENTER int entered = ordered(__func__); if (entered) return entered

API int nvjpegGetProperty(int type, int *value) {
    *value = type == 0 ? 13 : type;
    return SUCCESS;
}

API int nvjpegCreateEx(int backend, void *device, void *pinned, unsigned flags, handle **made) {
    ENTER;
    if (backend < 0 || backend > 3 || device || pinned || flags) return wrong("nvjpegCreateEx: unknown parameters");
    if (backend == 3 && !__atomic_load_n(&engines, __ATOMIC_SEQ_CST)) return ARCH_MISMATCH;
    *made = calloc(1, sizeof **made);
    (*made)->alive = 1;
    (*made)->backend = backend;
    count(&handles, 1);
    return SUCCESS;
}

API int nvjpegDestroy(handle *h) {
    if (!h->alive) return wrong("nvjpegDestroy: destroyed before");
    if (__atomic_load_n(&h->states, __ATOMIC_SEQ_CST)) return wrong("nvjpegDestroy: states are alive");
    h->alive = 0;
    count(&handles, -1);
    return SUCCESS;
}

API int nvjpegJpegStateCreate(handle *h, state **made) {
    ENTER;
    if (!h->alive) return wrong("nvjpegJpegStateCreate: the handle is destroyed");
    *made = calloc(1, sizeof **made);
    (*made)->alive = 1;
    (*made)->owner = h;
    __atomic_add_fetch(&h->states, 1, __ATOMIC_SEQ_CST);
    count(&states, 1);
    return SUCCESS;
}

API int nvjpegJpegStateDestroy(state *s) {
    if (!s->alive || !s->owner->alive) return wrong("nvjpegJpegStateDestroy: destroyed before");
    if (s->busy) return wrong("nvjpegJpegStateDestroy: in use");
    s->alive = 0;
    __atomic_add_fetch(&s->owner->states, -1, __ATOMIC_SEQ_CST);
    count(&states, -1);
    return SUCCESS;
}

#ifndef YZC_DOUBLE_LACKS_DECODE
/* The size, and the sum of all bytes behind the scan's header; 0 when anything else is in the way. */
static int parse(const unsigned char *data, size_t length, int *width, int *height, unsigned *sum) {
    size_t at = 2;
    *width = 0;
    if (length < 4 || data[0] != 0xFF || data[1] != 0xD8 || data[length - 2] != 0xFF || data[length - 1] != 0xD9) return 0;
    while (at + 4 <= length && data[at] == 0xFF) {
        int marker = data[at + 1];
        size_t bytes = (size_t)data[at + 2] << 8 | data[at + 3];
        if (marker != 0xC0 && marker != 0xC1 && marker != 0xC4 && marker != 0xDB && marker != 0xDD && marker != 0xDA) return 0;
        if (bytes < 2 || bytes > length - at - 2) return 0;
        if (marker == 0xC0 || marker == 0xC1) {
            *height = data[at + 5] << 8 | data[at + 6];
            *width = data[at + 7] << 8 | data[at + 8];
        }
        at += 2 + bytes;
        if (marker == 0xDA) {
            for (*sum = 0; at < length - 2; at++) *sum += data[at];
            return *width > 0 && *height > 0;
        }
    }
    return 0;
}

static int decode(handle *h, state *s, const unsigned char *data, size_t length, int format, image *to, void *stream);

API int nvjpegDecodeBatchedInitialize(handle *h, state *s, int batch, int threads, int format) {
    ENTER;
    if (!h->alive || !s->alive || s->owner != h) return wrong("nvjpegDecodeBatchedInitialize: a handle is destroyed");
    if (batch != 1 || threads != 1) return wrong("nvjpegDecodeBatchedInitialize: more than one picture");
    s->batch = batch;
    s->format = format;
    return SUCCESS;
}

API int nvjpegDecodeBatched(handle *h, state *s, const unsigned char *const *data, const size_t *lengths, image *to, void *stream) {
    ENTER;
    if (s->batch != 1) return wrong("nvjpegDecodeBatched: not initialised");
    if (h->backend != 3) return wrong("nvjpegDecodeBatched: not on an engine");
    count(&on_engine, 1);
    return decode(h, s, data[0], lengths[0], s->format, to, stream);
}

API int nvjpegDecode(handle *h, state *s, const unsigned char *data, size_t length, int format, image *to, void *stream) {
    ENTER;
    if (s->batch) return wrong("nvjpegDecode: the state is for batches");
    return decode(h, s, data, length, format, to, stream);
}

static int decode(handle *h, state *s, const unsigned char *data, size_t length, int format, image *to, void *stream) {
    int width = 0, height = 0;
    unsigned sum = 0;
    if (!h->alive || !s->alive || s->owner != h) return wrong("nvjpegDecode: a handle is destroyed");
    if (!stream) return wrong("nvjpegDecode: no stream");
    if (__atomic_exchange_n(&s->busy, 1, __ATOMIC_SEQ_CST)) return wrong("nvjpegDecode: the state is in use");
    int status = parse(data, length, &width, &height, &sum) ? SUCCESS : BAD_JPEG;
    int planes = format == RGB || format == BGR ? 3 : 1, samples = 3 / planes;
    for (int p = 0; status == SUCCESS && p < planes; p++) {
        if (!to->channel[p] || to->pitch[p] < (size_t)(width * samples)) status = wrong("nvjpegDecode: no room for a row");
        for (int y = 0; status == SUCCESS && y < height; y++) {
            for (int x = 0; x < width * samples; x++) {
                int column = x / samples, sample = planes == 3 ? p : x % samples;
                int color = format == BGR || format == BGRI ? 2 - sample : sample;
                unsigned level = sum + 3u * (unsigned)column + 5u * (unsigned)y + 7u * (unsigned)color;
                to->channel[p][(size_t)y * to->pitch[p] + (size_t)x] = (unsigned char)level;
            }
        }
    }
    pthread_mutex_lock(&mutex);
    last_bytes = (long long)(length < sizeof last ? length : sizeof last);
    memcpy(last, data, (size_t)last_bytes);
    pthread_mutex_unlock(&mutex);
    count(&decoded, 1);
    __atomic_store_n(&s->busy, 0, __ATOMIC_SEQ_CST);
    return status;
}
#endif

/* ---- steering, by the tests ---- */

API void yzc_fail(const char *function, int nth, int status) {
    pthread_mutex_lock(&mutex);
    int f = 0;
    while (f < 7 && failures[f].nth > 0 && strcmp(failures[f].function, function)) f++;
    snprintf(failures[f].function, sizeof failures[f].function, "%s", function);
    failures[f].nth = nth;
    failures[f].status = status;
    pthread_mutex_unlock(&mutex);
}

static long long *number(const char *name) {
    return !strcmp(name, "handles") ? &handles : !strcmp(name, "states") ? &states : !strcmp(name, "decoded") ? &decoded
        : !strcmp(name, "on_engine") ? &on_engine : !strcmp(name, "engines") ? &engines : &last_bytes;
}

API long long yzc_get(const char *name) { return __atomic_load_n(number(name), __ATOMIC_SEQ_CST); }
API void yzc_set(const char *name, long long value) { __atomic_store_n(number(name), value, __ATOMIC_SEQ_CST); }
API const unsigned char *yzc_last(void) { return last; }
API const char *yzc_misuse(void) { return misuse; }
