/* Writes camera frames for a detector in another process of this machine (YoloZeroCopy's SourceHub.AddShared), into memory that both have mapped:
 * what is written there the detector reads there, a GPU by DMA. Linux, 64 bits, C11, nothing beside the C library. README.md has the protocol.
 *
 * Calls of one yzc_frames come from one thread at a time. None is stopped by a signal. */
#ifndef YZC_FRAMES_H
#define YZC_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What calls return: 0, or one of these. */
enum {
    YZC_FRAMES_GONE = -1,            /* nobody listens, or the detector's process has ended: open anew */
    YZC_FRAMES_TIMEOUT = -2,         /* nothing came in time: no slot is free, or another producer is connected */
    YZC_FRAMES_ARGUMENT = -3,        /* a slot that is not rented, a frame larger than a slot, a null pointer */
    YZC_FRAMES_FOREIGN = -4,         /* what listens there does not speak this protocol, or its memory is not sealed */
    YZC_FRAMES_SYSTEM = -5,          /* a system call failed: errno */
    YZC_FRAMES_REFUSED_VERSION = -11, /* the detector speaks another version */
    YZC_FRAMES_REFUSED_USER = -12,    /* this process's user is not welcome */
    YZC_FRAMES_REFUSED_MESSAGE = -13, /* it was sent what is no message */
    YZC_FRAMES_REFUSED_SLOT = -14,    /* a frame in a slot that was not the producer's */
    YZC_FRAMES_REFUSED_FORMAT = -15   /* a frame of no format, or larger than a slot */
};

/* How the bytes of a frame encode its pixels. */
typedef enum {
    YZC_BGR24, YZC_RGB24, YZC_BGRA32, YZC_RGBA32, YZC_GRAY8, YZC_NV12, YZC_BAYER_RGGB8, YZC_BAYER_BGGR8, YZC_BAYER_GRBG8, YZC_BAYER_GBRG8, YZC_P010,
    YZC_BGR_PLANAR, YZC_RGB_PLANAR
} yzc_pixel_format;

/* Matrix and range of NV12 and P010. */
typedef enum { YZC_BT601_LIMITED, YZC_BT601_FULL, YZC_BT709_LIMITED, YZC_BT709_FULL } yzc_color;

typedef struct {
    uint32_t pixel_format; /* yzc_pixel_format */
    uint32_t width;        /* pixels, 1 to 8192 */
    uint32_t height;       /* pixels, 1 to 8192 */
    uint32_t stride;       /* bytes from row to row; 0 for rows without padding */
    uint32_t color;        /* yzc_color */
} yzc_format;

/* Memory for one frame. */
typedef struct {
    void *pixels;        /* null where the slots are on a device */
    size_t device_offset; /* there: bytes from the beginning of the memory that yzc_frames_device_handle opens */
    size_t bytes;         /* of the largest frame */
    uint32_t index;
    uint32_t generation;
} yzc_slot;

typedef struct {
    int32_t class_id;
    float score;
    float x1, y1, x2, y2; /* edges in pixels of the frame */
} yzc_detection;

/* What became of a frame. */
typedef struct {
    int64_t timestamp_ns;             /* what it was submitted with */
    int is_dropped;                   /* nothing is known of it: it was dropped, or failed */
    uint32_t found;                   /* objects found */
    uint32_t count;                   /* of these, those that are here: the best 1,024 */
    const yzc_detection *detections;  /* by falling score; not kept after the call */
} yzc_result;

/* Called within calls that wait or look for slots. */
typedef void (*yzc_result_handler)(void *context, const yzc_result *result);

typedef struct yzc_frames yzc_frames;

/* Connects to the detector's process and waits until it answers, timeout_ms milliseconds, or for ever where that is negative. The handler
 * may be null. */
int yzc_frames_open(yzc_frames **frames, const char *path, int timeout_ms, yzc_result_handler handler, void *context);

/* Rents a slot: waits timeout_ms milliseconds for one, with 0 not at all, below 0 for ever. It is the caller's until it is submitted or returned. */
int yzc_frames_rent(yzc_frames *frames, int timeout_ms, yzc_slot *slot);

/* Hands a filled slot over, which is gone then, also where this says that the detector's process is. Never waits. captured_ns is CLOCK_MONOTONIC
 * when the frame was captured, 0 for now; timestamp_ns the producer's own clock. */
int yzc_frames_submit(yzc_frames *frames, const yzc_slot *slot, const yzc_format *format, int64_t captured_ns, int64_t timestamp_ns);

/* Gives a slot back unused. */
int yzc_frames_return(yzc_frames *frames, const yzc_slot *slot);

/* Waits until nothing that was submitted is on its way. */
int yzc_frames_drain(yzc_frames *frames, int timeout_ms);

/* Where the slots are memory of a device: the 64 bytes to open it with (cudaIpcOpenMemHandle), and the 16 of the device's UUID behind them. Null where
 * they are memory of the host. A frame is submitted when it is written, not when its writing is queued. Close the mapping before yzc_frames_close. */
const uint8_t *yzc_frames_device_handle(const yzc_frames *frames);

/* The socket, for a loop that polls: readable when yzc_frames_rent with 0, which has found nothing before, would find something. */
int yzc_frames_socket(const yzc_frames *frames);

/* Disconnects, and frees everything; null is nothing. What was submitted is still detected in. */
void yzc_frames_close(yzc_frames *frames);

/* What a code means, for people. */
const char *yzc_frames_text(int code);

/* Bytes of a frame of this format; 0 where it is none. */
size_t yzc_frames_bytes(const yzc_format *format);

#ifdef __cplusplus
}
#endif

#endif
