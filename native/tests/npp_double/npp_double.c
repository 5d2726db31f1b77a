/*
 * A stand-in for libnppig, libnppicc and libnppidei in one, for the functions that the benchmark calls, in plain C on the host: the stand-in driver's
 * device memory lies there. Layouts are those of the public documentation. What it is given wrongly it refuses with NPP's own statuses.
 */
#include <math.h>
#include <stddef.h>

#define API __attribute__((visibility("default")))

typedef struct { int width, height; } size;
typedef struct { int x, y, width, height; } rect;
typedef struct {
    void *stream;
    int device, multiprocessors, threads_per_multiprocessor, threads_per_block;
    size_t shared_bytes;
    int major, minor;
    unsigned flags;
    int reserved;
} context;

_Static_assert(sizeof(context) == 48 && offsetof(context, shared_bytes) == 24 && offsetof(context, flags) == 40, "the documented layout");

enum { OK = 0, SIZE_ERROR = -6, STEP_ERROR = -14, NULL_POINTER = -8, BAD_ARGUMENT = -5 };

static int refuse;

/* The next call of any function answers this. */
API void yzc_npp_refuse(int status) { refuse = status; }

static int wrong(const void *from, const void *to, size roi, context c) {
    int status = refuse;
    refuse = 0;
    if (status) return status;
    if (!from || !to) return NULL_POINTER;
    if (roi.width <= 0 || roi.height <= 0) return SIZE_ERROR;
    return c.stream && c.device == 0 && c.multiprocessors == 132 && c.major == 9 && c.minor == 0 && c.flags == 1 && !c.reserved ? OK : BAD_ARGUMENT;
}

static int clamp(int v, int most) { return v < 0 ? 0 : v > most ? most : v; }

API int nppiResize_8u_C3R_Ctx(const unsigned char *from, int step, size whole, rect part, unsigned char *to, int to_step, size to_size, rect to_part,
                              int mode, context c) {
    int status = wrong(from, to, to_size, c);
    if (status) return status;
    if (mode != 2 || part.width != whole.width || to_part.width != to_size.width) return BAD_ARGUMENT;
    for (int y = 0; y < to_size.height; y++) {
        for (int x = 0; x < to_size.width; x++) {
            double fx = (x + 0.5) * whole.width / to_size.width - 0.5, fy = (y + 0.5) * whole.height / to_size.height - 0.5;
            int x0 = (int)floor(fx), y0 = (int)floor(fy);
            double ax = fx - x0, ay = fy - y0;
            int left = clamp(x0, whole.width - 1), right = clamp(x0 + 1, whole.width - 1);
            const unsigned char *above = from + (ptrdiff_t)clamp(y0, whole.height - 1) * step, *below = from + (ptrdiff_t)clamp(y0 + 1, whole.height - 1) * step;
            for (int k = 0; k < 3; k++) {
                double top = above[3 * left + k] * (1 - ax) + above[3 * right + k] * ax;
                double bottom = below[3 * left + k] * (1 - ax) + below[3 * right + k] * ax;
                to[(ptrdiff_t)y * to_step + 3 * x + k] = (unsigned char)(top * (1 - ay) + bottom * ay + 0.5);
            }
        }
    }
    return OK;
}

API int nppiNV12ToRGB_8u_P2C3R_Ctx(const unsigned char *const planes[2], int step, unsigned char *to, int to_step, size roi, context c) {
    int status = wrong(planes[0], to, roi, c);
    if (status) return status;
    for (int y = 0; y < roi.height; y++) {
        for (int x = 0; x < roi.width; x++) {
            const unsigned char *chroma = planes[1] + (ptrdiff_t)(y / 2) * step + (x & ~1);
            double luma = 1.164 * (planes[0][(ptrdiff_t)y * step + x] - 16), u = chroma[0] - 128, v = chroma[1] - 128;
            unsigned char *out = to + (ptrdiff_t)y * to_step + 3 * x;
            out[0] = (unsigned char)clamp((int)(luma + 1.596 * v + 0.5), 255);
            out[1] = (unsigned char)clamp((int)(luma - 0.813 * v - 0.391 * u + 0.5), 255);
            out[2] = (unsigned char)clamp((int)(luma + 2.018 * u + 0.5), 255);
        }
    }
    return OK;
}

/* The level of each place for all three colours, which is far from right and enough to see that the call arrives. */
API int nppiCFAToRGB_8u_C1C3R_Ctx(const unsigned char *from, int step, size whole, rect part, unsigned char *to, int to_step, int grid, int mode,
                                  context c) {
    int status = wrong(from, to, whole, c);
    if (status) return status;
    if (grid != 1 || mode != 0 || part.height != whole.height) return BAD_ARGUMENT;
    for (int y = 0; y < whole.height; y++) {
        for (int x = 0; x < 3 * whole.width; x++) to[(ptrdiff_t)y * to_step + x] = from[(ptrdiff_t)y * step + x / 3];
    }
    return OK;
}

API int nppiScale_8u32f_C3R_Ctx(const unsigned char *from, int step, float *to, int to_step, size roi, float least, float most, context c) {
    int status = wrong(from, to, roi, c);
    if (status) return status;
    if (to_step < roi.width * 12) return STEP_ERROR;
    for (int y = 0; y < roi.height; y++) {
        for (int x = 0; x < 3 * roi.width; x++) {
            ((float *)((char *)to + (ptrdiff_t)y * to_step))[x] = least + from[(ptrdiff_t)y * step + x] * (most - least) / 255;
        }
    }
    return OK;
}

API int nppiCopy_32f_C3P3R_Ctx(const float *from, int step, float *const to[3], int to_step, size roi, context c) {
    int status = wrong(from, to[0], roi, c);
    if (status) return status;
    for (int y = 0; y < roi.height; y++) {
        for (int x = 0; x < 3 * roi.width; x++) {
            ((float *)((char *)to[x % 3] + (ptrdiff_t)y * to_step))[x / 3] = ((const float *)((const char *)from + (ptrdiff_t)y * step))[x];
        }
    }
    return OK;
}
