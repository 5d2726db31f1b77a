/* A camera's process: writes a bright square that moves, and prints where the detector found something. It goes on when the detector is started anew.
 *
 *   cc -std=c11 -I native/frames samples/SharedFrames/producer.c native/frames/yzc_frames.c -o producer && ./producer /tmp/camera.sock [FRAMES] */
#define _POSIX_C_SOURCE 200809L
#include "yzc_frames.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WIDTH = 640, HEIGHT = 480, SIDE = 64, FRAME_NS = 1000000 };

static void print_result(void *context, const yzc_result *result)
{
    (void)context;
    printf("frame %" PRId64 ": %s", result->timestamp_ns / FRAME_NS, result->is_dropped ? "dropped" : "found");
    for (uint32_t i = 0; i < result->count; i++)
        printf(" class %d at %.0f,%.0f", result->detections[i].class_id, result->detections[i].x1, result->detections[i].y1);
    printf("\n");
    fflush(stdout);
}

static void draw(uint8_t *pixels, long frame)
{
    memset(pixels, 32, WIDTH * HEIGHT);
    long left = frame * 8 % (WIDTH - SIDE);
    for (long row = 100; row < 100 + SIDE; row++)
        memset(pixels + row * WIDTH + left, 255, SIDE);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: producer SOCKET [FRAMES]\n");
        return 2;
    }
    const yzc_format format = {YZC_GRAY8, WIDTH, HEIGHT, 0, 0};
    const struct timespec pause = {0, 100000000};
    yzc_frames *frames = NULL;
    int code = 0;
    for (long frame = 0, count = argc > 2 ? atol(argv[2]) : -1; frame != count;) {
        yzc_slot slot;
        if (!frames && (code = yzc_frames_open(&frames, argv[1], 10000, print_result, NULL)) == 0)
            fprintf(stderr, "connected\n");
        if (code == 0 && (code = yzc_frames_rent(frames, -1, &slot)) == 0) {
            draw(slot.pixels, frame);
            code = yzc_frames_submit(frames, &slot, &format, 0, frame * FRAME_NS);
            frame += code == 0;
        }
        if (code == 0 && frame == count)
            code = yzc_frames_drain(frames, -1);
        if (code != 0) {
            fprintf(stderr, "%s\n", yzc_frames_text(code));
            yzc_frames_close(frames);
            frames = NULL;
            if (code != YZC_FRAMES_GONE && code != YZC_FRAMES_TIMEOUT)
                return 1; /* to connect anew would not help */
            nanosleep(&pause, NULL);
            code = 0;
        }
    }
    yzc_frames_close(frames);
    return 0;
}
