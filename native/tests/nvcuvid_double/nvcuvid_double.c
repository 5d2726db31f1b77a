/*
 * A stand-in for libnvcuvid.so.1, beside the stand-in driver. It plays parser and decoder with a bitstream of its own:
 *   'S' and a sequence: what the headers say from here on       'P' and a picture       'X': the parser fails
 *   'N', a length and as many bytes: skipped; headers of a real bitstream, for what reads them itself
 * As the real one does, it leaves the left and the top offset out of the part that is to be shown; with the number reports_offsets it does not.
 * A picture's pixels follow from its seed, so that a test can tell which picture it sees, and whether all of it. What must not be done is noted as
 * misuse. Tests steer it with the yzc_ functions at the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvcuvid.h"

#define API __attribute__((visibility("default")))
#define MAX_SURFACES 64

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_SUPPORTED = 801 };
enum { INTRA = 1, REFERENCE = 2, BROKEN = 4, CONCEALED = 8, SLOW = 16, FIELDS = 32 };

typedef struct __attribute__((packed)) {
    uint16_t coded_width, coded_height, left, top, right, bottom;
    uint8_t bit_depth, chroma, least_surfaces, reorder, full_range, matrix;
} sequence;

typedef struct __attribute__((packed)) {
    uint8_t order, seed, flags;
} picture;

typedef struct {
    int alive, in_sequence, surfaces, last, waiting;
    CUVIDPARSERPARAMS params;
    sequence now;
    struct { int order, index; long long timestamp; } queue[MAX_SURFACES];
} parser;

typedef struct {
    int alive, mapped;
    CUVIDDECODECREATEINFO info;
    unsigned width, height, pitch;
    struct { int seed, flags, decoded; } surfaces[MAX_SURFACES];
    struct { CUdeviceptr address; int mapped; } outputs[MAX_SURFACES];
} decoder;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static CUresult (*get_context)(CUcontext *);
static CUresult (*allocate)(CUdeviceptr *, size_t);
static CUresult (*release)(CUdeviceptr);
static char misuse[256];
static struct { char name[40]; long long value; } numbers[64];
static struct { char function[40]; int nth, status; } failures[8];
static __thread parser *parsing;

static long long *number(const char *name) {
    int i = 0;
    while (i < 63 && numbers[i].name[0] && strcmp(numbers[i].name, name)) i++;
    if (!numbers[i].name[0]) snprintf(numbers[i].name, sizeof numbers[i].name, "%s", name);
    return &numbers[i].value;
}

static void note(const char *function, const char *what) {
    pthread_mutex_lock(&mutex);
    if (!misuse[0]) snprintf(misuse, sizeof misuse, "%s: %s", function, what);
    pthread_mutex_unlock(&mutex);
}

static void count(const char *name, long long by) {
    pthread_mutex_lock(&mutex);
    *number(name) += by;
    pthread_mutex_unlock(&mutex);
}

static CUresult enter(const char *function) {
    CUcontext current = NULL;
    CUresult status = SUCCESS;
    pthread_mutex_lock(&mutex);
    ++*number(function);
    for (int f = 0; f < 8; f++) {
        if (failures[f].nth > 0 && !strcmp(failures[f].function, function) && --failures[f].nth == 0) status = failures[f].status;
    }
    pthread_mutex_unlock(&mutex);
    if (get_context(&current) || !current) {
        note(function, "no context is current");
        return INVALID_CONTEXT;
    }
    return status;
}

#define ENTER                             \
    CUresult entered = enter(__func__);   \
    if (entered) return entered
#define LIVE(object)                      \
    if (!(object) || !(object)->alive) {  \
        note(__func__, "the object is gone"); \
        return INVALID_HANDLE;            \
    }

/* ---- the decoder ---- */

API CUresult cuvidGetDecoderCaps(CUVIDDECODECAPS *caps) {
    ENTER;
    int is_known = caps->eCodecType == cudaVideoCodec_HEVC || (caps->eCodecType == cudaVideoCodec_H264 && caps->nBitDepthMinus8 == 0);
    if (!is_known || caps->eChromaFormat != cudaVideoChromaFormat_420) return SUCCESS;
    caps->bIsSupported = 1;
    caps->nNumNVDECs = 7;
    caps->nOutputFormatMask = caps->nBitDepthMinus8 ? 3 : 1;
    caps->nMinWidth = caps->nMinHeight = 16;
    caps->nMaxWidth = caps->nMaxHeight = 4096;
    caps->nMaxMBCount = 4096 * 4096 / 256;
    return SUCCESS;
}

API CUresult cuvidCreateDecoder(CUvideodecoder *made, CUVIDDECODECREATEINFO *info) {
    ENTER;
    pthread_mutex_lock(&mutex);
    int is_full = *number("max_decoders") && *number("decoders") >= *number("max_decoders");
    pthread_mutex_unlock(&mutex);
    if (is_full) return OUT_OF_MEMORY;
    if (info->ulNumDecodeSurfaces > 31 || info->ulNumOutputSurfaces > MAX_SURFACES || info->ulWidth > info->ulMaxWidth
        || info->ulHeight > info->ulMaxHeight || info->ulTargetWidth != info->ulWidth || info->ulTargetHeight != info->ulHeight) {
        note(__func__, "the numbers do not fit together");
        return INVALID_VALUE;
    }
    decoder *d = calloc(1, sizeof *d);
    d->alive = 1;
    d->info = *info;
    d->width = (unsigned)info->ulWidth;
    d->height = (unsigned)info->ulHeight;
    d->pitch = (unsigned)(info->ulMaxWidth * (info->OutputFormat ? 2 : 1) + 255) / 256 * 256;
    for (unsigned i = 0; i < info->ulNumOutputSurfaces; i++) {
        CUresult status = allocate(&d->outputs[i].address, (size_t)d->pitch * info->ulMaxHeight * 3 / 2);
        if (status) return status;
    }
    count("decoders", 1);
    *made = d;
    return SUCCESS;
}

API CUresult cuvidDestroyDecoder(CUvideodecoder handle) {
    ENTER;
    decoder *d = handle;
    LIVE(d);
    if (d->mapped) note(__func__, "frames are mapped");
    d->alive = 0;
    for (unsigned i = 0; i < d->info.ulNumOutputSurfaces; i++) release(d->outputs[i].address);
    count("decoders", -1);
    return SUCCESS;
}

API CUresult cuvidReconfigureDecoder(CUvideodecoder handle, CUVIDRECONFIGUREDECODERINFO *info) {
    ENTER;
    decoder *d = handle;
    LIVE(d);
    if (!parsing || !parsing->in_sequence) note(__func__, "not inside the callback of a sequence");
    if (d->mapped) note(__func__, "frames are mapped");
    if (info->ulWidth > d->info.ulMaxWidth || info->ulHeight > d->info.ulMaxHeight || info->ulNumDecodeSurfaces > d->info.ulNumDecodeSurfaces
        || info->ulTargetWidth != info->ulWidth || info->ulTargetHeight != info->ulHeight) {
        note(__func__, "larger than the maximum, or scaled");
        return INVALID_VALUE;
    }
    d->width = info->ulWidth;
    d->height = info->ulHeight;
    memset(d->surfaces, 0, sizeof d->surfaces);
    return SUCCESS;
}

API CUresult cuvidDecodePicture(CUvideodecoder handle, CUVIDPICPARAMS *params) {
    ENTER;
    decoder *d = handle;
    LIVE(d);
    if (params->CurrPicIdx < 0 || (unsigned)params->CurrPicIdx >= d->info.ulNumDecodeSurfaces) {
        note(__func__, "no such surface");
        return INVALID_VALUE;
    }
    d->surfaces[params->CurrPicIdx].decoded = 1;
    d->surfaces[params->CurrPicIdx].seed = params->pBitstreamData[0];
    d->surfaces[params->CurrPicIdx].flags = params->pBitstreamData[1];
    return SUCCESS;
}

API CUresult cuvidGetDecodeStatus(CUvideodecoder handle, int index, CUVIDGETDECODESTATUS *status) {
    ENTER;
    decoder *d = handle;
    LIVE(d);
    int flags = d->surfaces[index].flags;
    d->surfaces[index].flags &= ~SLOW;
    status->decodeStatus = flags & SLOW ? cuvidDecodeStatus_InProgress
        : flags & BROKEN                ? cuvidDecodeStatus_Error
        : flags & CONCEALED             ? cuvidDecodeStatus_Error_Concealed
                                        : cuvidDecodeStatus_Success;
    return SUCCESS;
}

static void put(uint8_t *row, unsigned x, unsigned value, int is_wide) {
    if (is_wide) {
        uint16_t sample = (uint16_t)((value & 1023) << 6);
        memcpy(row + 2 * x, &sample, 2);
    } else {
        row[x] = (uint8_t)value;
    }
}

API CUresult cuvidMapVideoFrame64(CUvideodecoder handle, int index, unsigned long long *address, unsigned *pitch, CUVIDPROCPARAMS *params) {
    ENTER;
    decoder *d = handle;
    LIVE(d);
    if (!params->output_stream) note(__func__, "no stream is given");
    if (index < 0 || (unsigned)index >= d->info.ulNumDecodeSurfaces || !d->surfaces[index].decoded) {
        note(__func__, "no picture was decoded there");
        return INVALID_VALUE;
    }
    unsigned i = 0;
    while (i < d->info.ulNumOutputSurfaces && d->outputs[i].mapped) i++;
    if (i == d->info.ulNumOutputSurfaces) {
        note(__func__, "more frames are mapped than there are surfaces");
        return OUT_OF_MEMORY;
    }
    unsigned seed = (unsigned)d->surfaces[index].seed;
    int is_wide = d->info.OutputFormat != cudaVideoSurfaceFormat_NV12;
    uint8_t *row = (uint8_t *)(uintptr_t)d->outputs[i].address;
    for (unsigned y = 0; y < d->height; y++, row += d->pitch) {
        for (unsigned x = 0; x < d->width; x++) put(row, x, seed + x + 3 * y, is_wide);
    }
    for (unsigned y = 0; y < d->height / 2; y++, row += d->pitch) {
        for (unsigned x = 0; x < d->width; x++) put(row, x, seed + 7 * x + 5 * y, is_wide);
    }
    d->outputs[i].mapped = 1;
    d->mapped++;
    count("mapped", 1);
    *address = d->outputs[i].address;
    *pitch = d->pitch;
    return SUCCESS;
}

API CUresult cuvidUnmapVideoFrame64(CUvideodecoder handle, unsigned long long address) {
    ENTER;
    decoder *d = handle;
    LIVE(d);
    for (unsigned i = 0; i < d->info.ulNumOutputSurfaces; i++) {
        if (d->outputs[i].mapped && d->outputs[i].address == address) {
            d->outputs[i].mapped = 0;
            d->mapped--;
            count("mapped", -1);
            memset((void *)(uintptr_t)address, 0xEE, d->pitch);
            return SUCCESS;
        }
    }
    note(__func__, "no such frame is mapped");
    return INVALID_VALUE;
}

/* ---- the parser ---- */

API CUresult cuvidCreateVideoParser(CUvideoparser *made, CUVIDPARSERPARAMS *params) {
    ENTER;
    if (!params->pfnSequenceCallback || !params->pfnDecodePicture || !params->pfnDisplayPicture) note(__func__, "a callback is missing");
    parser *p = calloc(1, sizeof *p);
    p->alive = 1;
    p->params = *params;
    p->surfaces = (int)params->ulMaxNumDecodeSurfaces;
    p->last = -1;
    count("parsers", 1);
    *made = p;
    return SUCCESS;
}

API CUresult cuvidDestroyVideoParser(CUvideoparser handle) {
    ENTER;
    parser *p = handle;
    LIVE(p);
    if (parsing == p) note(__func__, "destroyed inside its own callback");
    p->alive = 0;
    count("parsers", -1);
    return SUCCESS;
}

/* Shows what waits, in the order of display, until only so many are left. */
static int show(parser *p, int left) {
    while (p->waiting > left) {
        int first = 0;
        for (int i = 1; i < p->waiting; i++) first = p->queue[i].order < p->queue[first].order ? i : first;
        /* The driver (580) gives timestamps out ascending, whatever picture they came with: it takes others for times of decoding. */
        int earliest = 0;
        for (int i = 1; i < p->waiting; i++) earliest = p->queue[i].timestamp < p->queue[earliest].timestamp ? i : earliest;
        long long timestamp = p->queue[earliest].timestamp;
        p->queue[earliest].timestamp = p->queue[first].timestamp;
        p->queue[first].timestamp = timestamp;
        CUVIDPARSERDISPINFO shown = {.picture_index = p->queue[first].index, .progressive_frame = 1, .timestamp = p->queue[first].timestamp};
        p->queue[first] = p->queue[--p->waiting];
        if (!p->params.pfnDisplayPicture(p->params.pUserData, &shown)) return 0;
    }
    return 1;
}

static int begin_sequence(parser *p, const sequence *s) {
    p->now = *s;
    CUVIDEOFORMAT format = {.codec = p->params.CodecType, .progressive_sequence = 1};
    format.bit_depth_luma_minus8 = format.bit_depth_chroma_minus8 = (unsigned char)(s->bit_depth - 8);
    format.min_num_decode_surfaces = s->least_surfaces;
    format.coded_width = s->coded_width;
    format.coded_height = s->coded_height;
    pthread_mutex_lock(&mutex);
    int reports_offsets = *number("reports_offsets") != 0;
    pthread_mutex_unlock(&mutex);
    format.display_area.left = reports_offsets ? s->left : 0;
    format.display_area.top = reports_offsets ? s->top : 0;
    format.display_area.right = s->right;
    format.display_area.bottom = s->bottom;
    format.chroma_format = (cudaVideoChromaFormat)s->chroma;
    format.video_signal_description.video_full_range_flag = s->full_range & 1;
    format.video_signal_description.matrix_coefficients = s->matrix;
    p->in_sequence = 1;
    int answer = p->params.pfnSequenceCallback(p->params.pUserData, &format);
    p->in_sequence = 0;
    p->surfaces = answer > 1 ? answer : p->surfaces;
    return answer;
}

static int decode(parser *p, const picture *pic, const CUVIDSOURCEDATAPACKET *packet) {
    if (!(packet->flags & CUVID_PKT_ENDOFPICTURE) || !(packet->flags & CUVID_PKT_TIMESTAMP)) note(__func__, "the packet's flags are missing");
    if (pic->flags & INTRA && !show(p, 0)) return 0;
    int index = (p->last + 1) % p->surfaces;
    for (int i = 0; i < p->waiting; i++) {
        if (p->queue[i].index == index) {
            index = (index + 1) % p->surfaces;
            i = -1;
        }
    }
    p->last = index;
    unsigned char data[2] = {pic->seed, pic->flags};
    CUVIDPICPARAMS params = {.CurrPicIdx = index, .pBitstreamData = data, .nBitstreamDataLen = 2};
    params.ref_pic_flag = (pic->flags & REFERENCE) != 0;
    params.intra_pic_flag = (pic->flags & INTRA) != 0;
    if (!p->params.pfnDecodePicture(p->params.pUserData, &params)) return 0;
    params.second_field = 1;
    if (pic->flags & FIELDS && !p->params.pfnDecodePicture(p->params.pUserData, &params)) return 0;
    p->queue[p->waiting].order = pic->order;
    p->queue[p->waiting].index = index;
    p->queue[p->waiting++].timestamp = packet->timestamp;
    /* Of HEVC the driver (580) keeps no more than it is told to, whatever the stream needs. */
    int needed = p->params.CodecType == cudaVideoCodec_HEVC ? 0 : p->now.reorder;
    return show(p, needed + (int)p->params.ulMaxDisplayDelay);
}

API CUresult cuvidParseVideoData(CUvideoparser handle, CUVIDSOURCEDATAPACKET *packet) {
    ENTER;
    parser *p = handle;
    LIVE(p);
    if (parsing) note(__func__, "called inside a callback");
    for (int i = 0; packet->payload_size != 0 && i < 64; i++) {
        if (packet->payload[packet->payload_size + i] != 0) {
            note(__func__, "what lies behind the packet may be read, and is not zero");
            break;
        }
    }

    parser *outer = parsing;
    parsing = p;
    int ok = 1;
    size_t at = 0;
    while (ok && at < packet->payload_size) {
        size_t left = packet->payload_size - at - 1;
        const unsigned char *record = packet->payload + at;
        if (record[0] == 'S' && left >= sizeof(sequence)) {
            sequence s;
            memcpy(&s, record + 1, sizeof s);
            ok = show(p, 0) && begin_sequence(p, &s);
            at += 1 + sizeof s;
        } else if (record[0] == 'P' && left >= sizeof(picture)) {
            picture pic;
            memcpy(&pic, record + 1, sizeof pic);
            ok = !p->now.coded_width || decode(p, &pic, packet);
            at += 1 + sizeof pic;
        } else if (record[0] == 'N' && left >= 1 && left - 1 >= record[1]) {
            at += 2u + record[1];
        } else {
            ok = record[0] != 'X';
            at++;
        }
    }
    if (ok && packet->flags & CUVID_PKT_ENDOFSTREAM) ok = show(p, 0);
    parsing = outer;
    return ok ? SUCCESS : INVALID_VALUE;
}

/* ---- steering, by the tests ---- */

/* Names the stand-in driver, which is loaded already. */
API int yzc_use_driver(const char *path) {
    void *driver = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (!driver) return 0;
    *(void **)&get_context = dlsym(driver, "cuCtxGetCurrent");
    *(void **)&allocate = dlsym(driver, "cuMemAlloc_v2");
    *(void **)&release = dlsym(driver, "cuMemFree_v2");
    return get_context && allocate && release;
}

/* Sets max_decoders, reports_offsets. */
API void yzc_set(const char *name, long long value) {
    pthread_mutex_lock(&mutex);
    *number(name) = value;
    pthread_mutex_unlock(&mutex);
}

/* Reads decoders, parsers, mapped: what lives; or calls of a function. */
API long long yzc_get(const char *name) {
    pthread_mutex_lock(&mutex);
    long long value = *number(name);
    pthread_mutex_unlock(&mutex);
    return value;
}

/* Lets the nth call from now of a function answer a status, without an effect. */
API void yzc_fail(const char *function, int nth, int status) {
    pthread_mutex_lock(&mutex);
    int f = 0;
    while (f < 7 && failures[f].nth > 0) f++;
    snprintf(failures[f].function, sizeof failures[f].function, "%s", function);
    failures[f].nth = nth;
    failures[f].status = status;
    pthread_mutex_unlock(&mutex);
}

/* What was done wrong first; empty when nothing was. */
API const char *yzc_misuse(void) { return misuse; }
