/*
 * A stand-in for libcudnn.so.9 that knows one pattern: a convolution of channels-last halves with bias, perhaps SiLU, perhaps a sum, as one graph.
 * It checks every attribute as the real library does, computes on the host (the stand-in driver's device memory is the host's), and keeps account of
 * every object. Numbers are those of the public header. Tests steer it with the yzc_ functions at the end.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))

enum { SUCCESS = 0, BAD_PARAM = 2000, NOT_FINALIZED = 2003, NOT_SUPPORTED = 3000, INTERNAL_ERROR = 4000, EXECUTION_FAILED = 5000 };
enum { POINTWISE = 0, CONVOLUTION = 1, CONFIG = 3, HEURISTICS = 4, PLAN = 5, FORWARD = 10, OPERATION = 13, GRAPH = 15, PACK = 16, TENSOR = 17 };
enum { T_HANDLE, T_DATA, T_BOOL, T_INT64, T_FLOAT, T_DOUBLE, T_POINTER, T_MODE, T_HEUR, T_POINTWISE = 14, T_DESCRIPTOR = 15, T_CHAR = 24, TYPES };
enum { FLOAT = 0, HALF = 2, ADD = 0, SWISH = 106 };
static const int sizes[TYPES] = { [T_HANDLE] = 8, [T_DATA] = 4, [T_BOOL] = 1, [T_INT64] = 8, [T_FLOAT] = 4, [T_DOUBLE] = 8, [T_POINTER] = 8,
                                  [T_MODE] = 4, [T_HEUR] = 4, [T_POINTWISE] = 4, [T_DESCRIPTOR] = 8, [T_CHAR] = 1 };

typedef struct { long long id, dim[4], stride[4]; int type, is_virtual; } tensor;
typedef struct { tensor x, w, b, y, r; long long before[2], after[2], stride[2]; int swish, added, config; } problem;
typedef struct attribute { int name, type; long long count; void *values; struct attribute *next; } attribute;
typedef struct descriptor { int type, complete; attribute *attributes; problem what; struct descriptor *next; } descriptor;
typedef struct { void *stream; int alive; } handle;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long long live_descriptors, live_handles, compiled, stored, executed, configs = 3, computes = 1, held, workspace = 256, version = 91900;
static struct { char function[48]; int nth, status; } failures[8];
static __thread char last_error[256];

static int fail(int status, const char *words) {
    snprintf(last_error, sizeof last_error, "%s", words);
    return status;
}

static int ordered(const char *function) {
    int status = 0;
    pthread_mutex_lock(&mutex);
    for (int f = 0; f < 8; f++) {
        if (failures[f].nth > 0 && !strcmp(failures[f].function, function) && --failures[f].nth == 0) status = failures[f].status;
    }
    pthread_mutex_unlock(&mutex);
    return status ? fail(status, "as the test ordered") : 0;
}

static void count(long long *what, long long more) { __atomic_add_fetch(what, more, __ATOMIC_SEQ_CST); }

#define ENTER int entered = ordered(__func__); if (entered) return entered

static const attribute *get(const descriptor *d, int name) {
    const attribute *a = d->attributes;
    while (a && a->name != name) a = a->next;
    return a;
}

static const void *values(const descriptor *d, int name, int type, long long n) {
    const attribute *a = get(d, name);
    return a && a->type == type && (n < 0 || a->count == n) ? a->values : NULL;
}

static const descriptor *child(const descriptor *d, int name, int type) {
    descriptor *const *value = values(d, name, T_DESCRIPTOR, 1);
    return value && (*value)->complete && (*value)->type == type ? *value : NULL;
}

API size_t cudnnGetVersion(void) { return (size_t)version; }
API size_t cudnnGetCudartVersion(void) { return 13000; }
API const char *cudnnGetErrorString(int status) { return status >= 5000 ? "EXECUTION_FAILED" : status >= 3000 ? "NOT_SUPPORTED" : "BAD_PARAM"; }

API void cudnnGetLastErrorString(char *text, size_t size) {
    snprintf(text, size, "%s", last_error);
    last_error[0] = 0;
}

API int cudnnCreate(handle **made) {
    ENTER;
    *made = calloc(1, sizeof **made);
    (*made)->alive = 1;
    count(&live_handles, 1);
    return SUCCESS;
}

API int cudnnDestroy(handle *h) {
    count(&live_handles, -1);
    free(h);
    return SUCCESS;
}

API int cudnnSetStream(handle *h, void *stream) {
    ENTER;
    h->stream = stream;
    return SUCCESS;
}

API int cudnnBackendCreateDescriptor(int type, descriptor **made) {
    ENTER;
    *made = calloc(1, sizeof **made);
    (*made)->type = type;
    count(&live_descriptors, 1);
    return SUCCESS;
}

API int cudnnBackendDestroyDescriptor(descriptor *d) {
    for (attribute *a = d->attributes, *next; a; a = next) {
        next = a->next;
        free(a->values);
        free(a);
    }
    count(&live_descriptors, -1);
    free(d);
    return SUCCESS;
}

API int cudnnBackendSetAttribute(descriptor *d, int name, int type, long long n, const void *given) {
    ENTER;
    if (d->complete) return fail(BAD_PARAM, "the descriptor is complete");
    if (type < 0 || type >= TYPES || !sizes[type] || n < 1 || !given) return fail(BAD_PARAM, "the attribute has no such values");
    if (name / 100 * 100 == 700 ? (name < 750) != (d->type == FORWARD) : 0) return fail(BAD_PARAM, "the attribute is of another descriptor");
    attribute *a = calloc(1, sizeof *a);
    *a = (attribute){ name, type, n, malloc((size_t)(n * sizes[type])), d->attributes };
    memcpy(a->values, given, (size_t)(n * sizes[type]));
    d->attributes = a;
    return SUCCESS;
}

static int complete_tensor(descriptor *d) {
    const long long *dim = values(d, 902, T_INT64, 4), *stride = values(d, 903, T_INT64, 4), *id = values(d, 906, T_INT64, 1);
    const int *type = values(d, 901, T_DATA, 1);
    const unsigned char *is_virtual = values(d, 907, T_BOOL, 1);
    const long long *alignment = values(d, 900, T_INT64, 1);
    if (!dim || !stride || !id || !type || !is_virtual || !alignment || *alignment % 2) return fail(BAD_PARAM, "a tensor lacks something");
    if (stride[1] != 1 || stride[3] < dim[1] || stride[2] != dim[3] * stride[3] || stride[0] != dim[2] * stride[2]) return fail(NOT_SUPPORTED, "layout");
    d->what.x = (tensor){ .id = *id, .type = *type, .is_virtual = *is_virtual };
    memcpy(d->what.x.dim, dim, sizeof d->what.x.dim);
    memcpy(d->what.x.stride, stride, sizeof d->what.x.stride);
    return SUCCESS;
}

static int same_size(const tensor *a, const tensor *b) { return !memcmp(a->dim, b->dim, sizeof a->dim); }

static int complete_forward(descriptor *d) {
    const descriptor *x = child(d, 704, TENSOR), *w = child(d, 703, TENSOR), *y = child(d, 705, TENSOR), *how = child(d, 702, CONVOLUTION);
    const float *alpha = values(d, 700, T_FLOAT, 1), *beta = values(d, 701, T_FLOAT, 1);
    if (!x || !w || !y || !how || !alpha || !beta || *alpha != 1 || *beta != 0) return fail(BAD_PARAM, "a convolution lacks something");
    problem *p = &d->what;
    *p = (problem){ .x = x->what.x, .w = w->what.x, .y = y->what.x };
    memcpy(p->before, values(how, 105, T_INT64, 2), sizeof p->before);
    memcpy(p->after, values(how, 104, T_INT64, 2), sizeof p->after);
    memcpy(p->stride, values(how, 103, T_INT64, 2), sizeof p->stride);
    if (p->x.type != HALF || p->w.type != HALF || p->x.dim[1] != p->w.dim[1] || p->y.dim[1] != p->w.dim[0] || p->x.dim[0] != p->y.dim[0]) {
        return fail(BAD_PARAM, "the tensors of a convolution do not fit");
    }
    for (int i = 0; i < 2; i++) {
        if ((p->x.dim[2 + i] + p->before[i] + p->after[i] - p->w.dim[2 + i]) / p->stride[i] + 1 != p->y.dim[2 + i]) return fail(BAD_PARAM, "size");
    }
    return SUCCESS;
}

static int complete_graph(descriptor *d) {
    const attribute *list = get(d, 801);
    if (!list || list->type != T_DESCRIPTOR || !values(d, 800, T_HANDLE, 1)) return fail(BAD_PARAM, "a graph lacks something");
    descriptor **operations = list->values;
    if (operations[0]->type != FORWARD || !operations[0]->complete) return fail(NOT_SUPPORTED, "the first operation is no convolution");
    problem p = operations[0]->what;
    for (long long i = 1; i < list->count; i++) {
        const descriptor *o = operations[i], *in = child(o, 751, TENSOR), *out = child(o, 753, TENSOR), *how = child(o, 750, POINTWISE);
        if (o->type != OPERATION || !o->complete || in->what.x.id != p.y.id || !p.y.is_virtual) return fail(NOT_SUPPORTED, "the operations are no chain");
        const int mode = *(const int *)values(how, 0, T_POINTWISE, 1);
        const descriptor *second = child(o, 752, TENSOR);
        if (mode == SWISH && !p.swish && !p.added) p.swish = 1;
        else if (mode == ADD && second && i == 1 && second->what.x.dim[2] == 1) p.b = second->what.x;
        else if (mode == ADD && second && !p.added && same_size(&second->what.x, &p.y)) p.added = 1, p.r = second->what.x;
        else return fail(NOT_SUPPORTED, "an operation is not known");
        if (!same_size(&out->what.x, &p.y)) return fail(BAD_PARAM, "sizes differ");
        p.y = out->what.x;
    }
    if (p.y.is_virtual || p.y.type != HALF || !p.b.id) return fail(NOT_SUPPORTED, "the result is not written");
    d->what = p;
    return SUCCESS;
}

static int complete_plan(descriptor *d) {
    if (!values(d, 400, T_HANDLE, 1)) return fail(BAD_PARAM, "a plan has no handle");
    const attribute *json = get(d, 405);
    const descriptor *config = child(d, 401, CONFIG);
    if (json) {
        if (json->count != (long long)sizeof(problem)) return fail(BAD_PARAM, "the text is no plan");
        memcpy(&d->what, json->values, sizeof(problem));
        count(&stored, 1);
        return SUCCESS;
    }
    if (!config) return fail(BAD_PARAM, "a plan has no configuration");
    /* Not for ever, so that a test that fails ends. */
    for (int i = 0; i < 20000 && __atomic_load_n(&held, __ATOMIC_SEQ_CST); i++) usleep(1000);
    d->what = config->what;
    count(&compiled, 1);
    return SUCCESS;
}

API int cudnnBackendFinalize(descriptor *d) {
    ENTER;
    int status = SUCCESS;
    switch (d->type) {
        case TENSOR: status = complete_tensor(d); break;
        case CONVOLUTION: {
            const int *precision = values(d, 100, T_DATA, 1), *mode = values(d, 101, T_MODE, 1);
            if (!precision || *precision != FLOAT || !mode || *mode != 1 || !values(d, 102, T_INT64, 2) || !values(d, 103, T_INT64, 2)
                || !values(d, 104, T_INT64, 2) || !values(d, 105, T_INT64, 2) || !values(d, 106, T_INT64, 1)) status = BAD_PARAM;
            break;
        }
        case FORWARD: status = complete_forward(d); break;
        case POINTWISE: status = values(d, 0, T_POINTWISE, 1) && values(d, 1, T_DATA, 1) ? SUCCESS : BAD_PARAM; break;
        case OPERATION: status = child(d, 750, POINTWISE) && child(d, 751, TENSOR) && child(d, 753, TENSOR) ? SUCCESS : BAD_PARAM; break;
        case GRAPH: status = complete_graph(d); break;
        case HEURISTICS: {
            const descriptor *graph = child(d, 201, GRAPH);
            status = graph && values(d, 200, T_HEUR, 1) ? SUCCESS : fail(BAD_PARAM, "heuristics lack something");
            if (!status) d->what = graph->what;
            break;
        }
        case PLAN: status = complete_plan(d); break;
        case PACK:
            status = values(d, 1000, T_INT64, -1) && values(d, 1001, T_POINTER, -1) && get(d, 1000)->count == get(d, 1001)->count
                && values(d, 1003, T_POINTER, 1) ? SUCCESS : BAD_PARAM;
            break;
        default: status = NOT_SUPPORTED;
    }
    d->complete = status == SUCCESS;
    return status;
}

API int cudnnBackendGetAttribute(const descriptor *d, int name, int type, long long wanted, long long *n, void *out) {
    ENTER;
    if (!d->complete) return fail(NOT_FINALIZED, "the descriptor is not complete");
    if (d->type == HEURISTICS && name == 202 && type == T_DESCRIPTOR) {
        if (n) *n = configs;
        for (long long i = 0; i < wanted && i < configs; i++) {
            descriptor *config = ((descriptor **)out)[i];
            config->what = d->what;
            config->what.config = (int)i;
            config->complete = 1;
        }
        return SUCCESS;
    }
    if (d->type == PLAN && name == 402 && type == T_INT64 && wanted == 1) {
        *(long long *)out = workspace == 256 ? 256 * d->what.config : workspace;
        return SUCCESS;
    }
    if (d->type == PLAN && name == 405 && type == T_CHAR) {
        if (n) *n = sizeof(problem);
        if (wanted >= (long long)sizeof(problem)) memcpy(out, &d->what, sizeof(problem));
        return SUCCESS;
    }
    return fail(BAD_PARAM, "no such attribute");
}

static float to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h >> 15) << 31, exponent = h >> 10 & 31, mantissa = h & 1023, bits;
    if (exponent == 0) {
        float small = (float)mantissa / 16777216.0f;
        return sign ? -small : small;
    }
    bits = exponent == 31 ? sign | 0x7F800000u | mantissa << 13 : sign | (exponent + 112) << 23 | mantissa << 13;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static uint16_t to_half(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    float a = fabsf(f);
    if (!(a < 65520.0f)) return isnan(f) ? 0x7E00 : sign | 0x7C00;
    if (a < 6.103515625e-5f) return sign | (uint16_t)lrintf(a * 16777216.0f);
    memcpy(&bits, &a, 4);
    bits += 0xFFF + (bits >> 13 & 1);
    return sign | (uint16_t)((bits >> 13) - (112u << 10));
}

static float at(const void *base, const tensor *t, long long n, long long c, long long h, long long w) {
    return to_float(((const uint16_t *)base)[n * t->stride[0] + c + h * t->stride[2] + w * t->stride[3]]);
}

static void convolve(const problem *p, const void *x, const void *w, const void *b, const void *r, uint16_t *y) {
    for (long long n = 0; n < p->y.dim[0]; n++)
    for (long long i = 0; i < p->y.dim[2]; i++)
    for (long long j = 0; j < p->y.dim[3]; j++)
    for (long long k = 0; k < p->y.dim[1]; k++) {
        float sum = 0;
        for (long long s = 0; s < p->w.dim[2]; s++)
        for (long long t = 0; t < p->w.dim[3]; t++) {
            long long h = i * p->stride[0] - p->before[0] + s, v = j * p->stride[1] - p->before[1] + t;
            if (h < 0 || h >= p->x.dim[2] || v < 0 || v >= p->x.dim[3]) continue;
            for (long long c = 0; c < p->x.dim[1]; c++) sum += at(x, &p->x, n, c, h, v) * at(w, &p->w, k, c, s, t);
        }
        sum += to_float(((const uint16_t *)b)[k]);
        if (p->swish) sum /= 1 + expf(-sum);
        if (p->added) sum += at(r, &p->r, n, k, i, j);
        y[n * p->y.stride[0] + k + i * p->y.stride[2] + j * p->y.stride[3]] = to_half(sum);
    }
}

static void *pointer(const descriptor *pack, long long id) {
    const attribute *ids = get(pack, 1000), *pointers = get(pack, 1001);
    for (long long i = 0; id && i < ids->count; i++) {
        if (((long long *)ids->values)[i] == id) return ((void **)pointers->values)[i];
    }
    return NULL;
}

API int cudnnBackendExecute(handle *h, const descriptor *plan, const descriptor *pack) {
    ENTER;
    if (!h->alive || !h->stream) return fail(BAD_PARAM, "the handle has no stream");
    if (!plan->complete || plan->type != PLAN || !pack->complete || pack->type != PACK) return fail(BAD_PARAM, "not a plan or no tensors");
    const problem *p = &plan->what;
    void *x = pointer(pack, p->x.id), *w = pointer(pack, p->w.id), *b = pointer(pack, p->b.id), *y = pointer(pack, p->y.id);
    void *r = p->added ? pointer(pack, p->r.id) : NULL, *workspace = *(void *const *)values(pack, 1003, T_POINTER, 1);
    if (!x || !w || !b || !y || (p->added && !r) || (p->config && !workspace)) return fail(BAD_PARAM, "a tensor has no address");
    if (((uintptr_t)x | (uintptr_t)w | (uintptr_t)b | (uintptr_t)y | (uintptr_t)r) % 16) return fail(BAD_PARAM, "an address is not aligned");
    count(&executed, 1);
    if (__atomic_load_n(&computes, __ATOMIC_SEQ_CST)) convolve(p, x, w, b, r, y);
    return SUCCESS;
}

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
    return !strcmp(name, "descriptors") ? &live_descriptors : !strcmp(name, "handles") ? &live_handles : !strcmp(name, "compiled") ? &compiled
        : !strcmp(name, "stored") ? &stored : !strcmp(name, "executed") ? &executed : !strcmp(name, "configs") ? &configs : !strcmp(name, "computes") ? &computes
        : !strcmp(name, "held") ? &held : !strcmp(name, "workspace") ? &workspace : &version;
}

API long long yzc_get(const char *name) { return __atomic_load_n(number(name), __ATOMIC_SEQ_CST); }
API void yzc_set(const char *name, long long value) { __atomic_store_n(number(name), value, __ATOMIC_SEQ_CST); }
