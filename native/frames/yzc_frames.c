#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "yzc_frames.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAGIC = 0x46435A59, VERSION = 2, WANTS_RESULTS = 1 };
enum { HELLO = 1, WELCOME, REFUSED, SLOT, FRAME, RESULT, WELCOME_ON_DEVICE, RINGS, BELL };
enum { MAX_SLOTS = 64, MAX_SIZE = 8192, MAX_STRIDE = 65536, MAX_DETECTIONS = 1024 };
enum { WELCOME_BYTES = 24, HANDLE_BYTES = 64 + 16, SHORT_BYTES = 16, BELL_BYTES = 4, FRAME_BYTES = 48, ANSWER_BYTES = 20 };
enum { OF_DETECTOR, FREE, RENTED };

/* The memory of the rings: README.md. */
enum { FRAMES_WRITTEN = 0, DETECTOR_SLEEPS = 64, ANSWERS_WRITTEN = 128, PRODUCER_SLEEPS = 192 };
enum { FRAMES_AT = 4096, FRAME_STEP = 64, ANSWERS_AT = 8192, ANSWER_STEP = 32, ANSWERS = 2 * MAX_SLOTS, RESULTS_AT = 12288 };
enum { RESULT_BYTES = MAX_DETECTIONS * (int)sizeof(yzc_detection) };

typedef struct {
    uint32_t generation;
    int holder;
    int is_submitted;
    int64_t timestamp_ns;
} slot_state;

struct yzc_frames {
    int socket;
    uint8_t *memory;
    size_t memory_bytes;
    uint8_t *rings;
    size_t rings_bytes;
    uint32_t frames_written;
    uint32_t answers_read;
    int is_on_device;
    uint8_t device_handle[HANDLE_BYTES];
    uint32_t count;
    uint32_t bytes;
    uint32_t step;
    uint32_t submitted;
    yzc_result_handler handler;
    void *context;
    slot_state slots[MAX_SLOTS];
    uint8_t message[WELCOME_BYTES + HANDLE_BYTES + 1];
};

_Static_assert(sizeof(yzc_detection) == 24, "a detection is six words");
_Static_assert(sizeof(size_t) == 8, "64 bits");
_Static_assert(sizeof(_Atomic uint32_t) == 4, "words that two processes share");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "and that no lock guards");

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void put64(uint8_t *to, int64_t value)
{
    put32(to, (uint32_t)((uint64_t)value));
    put32(to + 4, (uint32_t)((uint64_t)value >> 32));
}

static uint32_t word(const uint8_t *message, int index)
{
    const uint8_t *from = message + 4 * index;
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static _Atomic uint32_t *shared_word(const yzc_frames *frames, int at)
{
    return (_Atomic uint32_t *)(void *)(frames->rings + at);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the socket can be read: 0, or a timeout, or an error. A deadline below 0 is never. */
static int wait_readable(int file, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline < 0 ? -1 : deadline - now_ms();
        if (deadline >= 0 && left < 0)
            left = 0;
        if (left > 1000000)
            left = 1000000;
        struct pollfd one = {file, POLLIN, 0};
        int ready = poll(&one, 1, (int)left);
        if (ready > 0)
            return 0;
        if (ready == 0 && deadline >= 0 && now_ms() >= deadline)
            return YZC_FRAMES_TIMEOUT;
        if (ready < 0 && errno != EINTR)
            return YZC_FRAMES_SYSTEM;
    }
}

static int64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

/* Receives a message that is there, and the file that came with it: its length, 0 at the end. */
static int receive(int from, uint8_t *buffer, size_t bytes, int *file)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control;
    *file = -1;
    for (int resets = 0;;) {
        struct iovec vector = {buffer, bytes};
        struct msghdr message;
        memset(&message, 0, sizeof message);
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_LEN(sizeof(int)); /* one file; the kernel closes others */
        ssize_t length = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (length < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return YZC_FRAMES_TIMEOUT;
            /* A reset is told once. What was sent before it, such as why, is still there. */
            if (errno == ECONNRESET && resets++ == 0)
                continue;
            return errno == ECONNRESET ? YZC_FRAMES_GONE : YZC_FRAMES_SYSTEM;
        }
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(file, CMSG_DATA(header), sizeof(int));
        if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
            if (*file >= 0)
                close(*file);
            *file = -1;
            return YZC_FRAMES_FOREIGN;
        }
        return (int)length;
    }
}

static int refusal_of(const uint8_t *message, int length)
{
    if (length != SHORT_BYTES || word(message, 0) != REFUSED)
        return 0;
    uint32_t reason = word(message, 3);
    return reason >= 1 && reason <= 5 ? -10 - (int)reason : YZC_FRAMES_FOREIGN;
}

static int send_all(int to, const uint8_t *message, size_t bytes)
{
    ssize_t sent;
    do
        sent = send(to, message, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)bytes ? 0 : YZC_FRAMES_GONE;
}

/* Maps memory of the detector's process, which cannot shorten it, so that no write can fail. */
static int map(int file, size_t bytes, uint8_t **mapped)
{
    int seals = fcntl(file, F_GET_SEALS);
    struct stat status;
    if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) != (F_SEAL_SHRINK | F_SEAL_GROW) || fstat(file, &status) != 0
        || status.st_size < (off_t)bytes)
        return YZC_FRAMES_FOREIGN;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        return YZC_FRAMES_SYSTEM;
    *mapped = memory;
    return 0;
}

/* Waits for one of the first messages: its length, or what went wrong. */
static int await_message(yzc_frames *frames, int64_t deadline, int *file)
{
    *file = -1;
    int code = wait_readable(frames->socket, deadline);
    if (code != 0)
        return code;
    int length = receive(frames->socket, frames->message, sizeof frames->message, file);
    if (length == 0)
        return YZC_FRAMES_GONE;
    code = length > 0 ? refusal_of(frames->message, length) : 0;
    return code != 0 ? code : length;
}

static int take_welcome(yzc_frames *frames, int64_t deadline)
{
    int file;
    int length = await_message(frames, deadline, &file);
    int code = length < 0 ? length : 0;
    if (code == 0) {
        frames->count = word(frames->message, 3);
        frames->bytes = word(frames->message, 4);
        frames->step = word(frames->message, 5);
        frames->memory_bytes = (size_t)frames->count * frames->step;
        frames->is_on_device = length == WELCOME_BYTES + HANDLE_BYTES && word(frames->message, 0) == WELCOME_ON_DEVICE;
        int is_on_host = length == WELCOME_BYTES && file >= 0 && word(frames->message, 0) == WELCOME;
        memcpy(frames->device_handle, frames->message + WELCOME_BYTES, HANDLE_BYTES);
        code = (frames->is_on_device || is_on_host) && word(frames->message, 1) == MAGIC && word(frames->message, 2) == VERSION
                && frames->count >= 1 && frames->count <= MAX_SLOTS && frames->bytes >= 1 && frames->bytes <= frames->step
                && frames->memory_bytes <= INT32_MAX
            ? (frames->is_on_device ? 0 : map(file, frames->memory_bytes, &frames->memory))
            : YZC_FRAMES_FOREIGN;
    }
    if (file >= 0)
        close(file);
    return code;
}

static int take_rings(yzc_frames *frames, int64_t deadline)
{
    int file;
    int length = await_message(frames, deadline, &file);
    int code = length < 0 ? length : 0;
    if (code == 0) {
        frames->rings_bytes = RESULTS_AT + (frames->handler ? frames->count * (size_t)RESULT_BYTES : 0);
        code = length == SHORT_BYTES && word(frames->message, 0) == RINGS && file >= 0 ? map(file, frames->rings_bytes, &frames->rings)
                                                                                       : YZC_FRAMES_FOREIGN;
    }
    if (file >= 0)
        close(file);
    return code;
}

static int connect_to(yzc_frames *frames, const char *path, int64_t deadline)
{
    struct sockaddr_un place;
    memset(&place, 0, sizeof place);
    place.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof place.sun_path)
        return YZC_FRAMES_ARGUMENT;
    strcpy(place.sun_path, path);
    frames->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (frames->socket < 0)
        return YZC_FRAMES_SYSTEM;
    while (connect(frames->socket, (struct sockaddr *)&place, sizeof place) != 0) {
        if (errno == EAGAIN && (deadline < 0 || now_ms() < deadline)) {
            struct timespec pause = {0, 5000000}; /* so many wait there that this one cannot */
            nanosleep(&pause, NULL);
        } else if (errno != EINTR) {
            return errno == EAGAIN ? YZC_FRAMES_TIMEOUT : errno == ENOENT || errno == ECONNREFUSED ? YZC_FRAMES_GONE : YZC_FRAMES_SYSTEM;
        }
    }
    uint8_t hello[SHORT_BYTES];
    put32(hello, HELLO);
    put32(hello + 4, MAGIC);
    put32(hello + 8, VERSION);
    put32(hello + 12, frames->handler ? WANTS_RESULTS : 0);
    (void)send_all(frames->socket, hello, sizeof hello); /* who was cut off at once is told why */
    int code = take_welcome(frames, deadline);
    return code != 0 ? code : take_rings(frames, deadline);
}

int yzc_frames_open(yzc_frames **frames, const char *path, int timeout_ms, yzc_result_handler handler, void *context)
{
    if (!frames || !path)
        return YZC_FRAMES_ARGUMENT;
    *frames = NULL;
    yzc_frames *made = calloc(1, sizeof *made);
    if (!made)
        return YZC_FRAMES_SYSTEM;
    made->socket = -1;
    made->handler = handler;
    made->context = context;
    int code = connect_to(made, path, deadline_of(timeout_ms));
    if (code != 0) {
        int error = errno;
        yzc_frames_close(made);
        errno = error;
        return code;
    }
    *frames = made;
    return 0;
}

/* A slot that comes back before its frame's result has none. */
static void finish(yzc_frames *frames, slot_state *slot, const yzc_result *result)
{
    if (slot->is_submitted) {
        slot->is_submitted = 0;
        frames->submitted--;
        if (frames->handler)
            frames->handler(frames->context, result);
    }
}

/* Takes an answer of the ring. Its words are looked at in a copy. */
static int take_answer(yzc_frames *frames, const uint8_t *answer)
{
    uint32_t index = word(answer, 1), count = word(answer, 3);
    if (index >= frames->count || frames->slots[index].holder != OF_DETECTOR)
        return YZC_FRAMES_FOREIGN;
    slot_state *slot = &frames->slots[index];
    if (word(answer, 0) == RESULT && slot->is_submitted && frames->handler && count <= MAX_DETECTIONS) {
        const void *found = frames->rings + RESULTS_AT + (size_t)index * RESULT_BYTES;
        yzc_result result = {slot->timestamp_ns, 0, word(answer, 4), count, found};
        finish(frames, slot, &result);
        return 0;
    }
    if (word(answer, 0) != SLOT)
        return YZC_FRAMES_FOREIGN;
    slot->holder = FREE;
    slot->generation = word(answer, 2);
    yzc_result dropped = {slot->timestamp_ns, 1, 0, 0, NULL};
    finish(frames, slot, &dropped);
    return 0;
}

/* Takes all answers that are there: how many, or an error. */
static int take_answers(yzc_frames *frames)
{
    for (int taken = 0;; taken++) {
        uint32_t left = atomic_load(shared_word(frames, ANSWERS_WRITTEN)) - frames->answers_read;
        if (left == 0)
            return taken;
        uint8_t answer[ANSWER_BYTES];
        memcpy(answer, frames->rings + ANSWERS_AT + frames->answers_read % ANSWERS * ANSWER_STEP, sizeof answer);
        frames->answers_read++;
        int code = left > ANSWERS ? YZC_FRAMES_FOREIGN : take_answer(frames, answer);
        if (code != 0)
            return code;
    }
}

/* Takes the packets that are there: those that wake, and why this side was cut off. A timeout where no more are there. */
static int take_packets(yzc_frames *frames)
{
    for (;;) {
        int file;
        int length = receive(frames->socket, frames->message, sizeof frames->message, &file);
        if (file >= 0)
            close(file);
        if (length <= 0)
            return length == 0 ? YZC_FRAMES_GONE : length;
        int code = refusal_of(frames->message, length);
        if (code != 0)
            return code;
        if (length != BELL_BYTES || word(frames->message, 0) != BELL)
            return YZC_FRAMES_FOREIGN;
    }
}

/* Waits for answers, and takes them: 0 where some came. */
static int wait_for_answers(yzc_frames *frames, int64_t deadline)
{
    for (;;) {
        /* Either the other side sees that this one sleeps, or this one sees the answer. */
        atomic_store(shared_word(frames, PRODUCER_SLEEPS), 1);
        int code = take_answers(frames);
        if (code != 0)
            return code < 0 ? code : 0;
        code = wait_readable(frames->socket, deadline);
        if (code != 0)
            return code;
        code = take_packets(frames);
        if (code == YZC_FRAMES_GONE) {
            /* What the other side answered before it went counts. */
            int taken = take_answers(frames);
            return taken != 0 ? (taken < 0 ? taken : 0) : code;
        }
        if (code != YZC_FRAMES_TIMEOUT)
            return code;
    }
}

int yzc_frames_rent(yzc_frames *frames, int timeout_ms, yzc_slot *slot)
{
    if (!frames || !slot)
        return YZC_FRAMES_ARGUMENT;
    int64_t deadline = deadline_of(timeout_ms);
    int code = take_answers(frames);
    while (code >= 0) {
        for (uint32_t i = 0; i < frames->count; i++) {
            if (frames->slots[i].holder == FREE) {
                frames->slots[i].holder = RENTED;
                size_t offset = (size_t)i * frames->step;
                *slot = (yzc_slot){frames->memory ? frames->memory + offset : NULL, offset, frames->bytes, i, frames->slots[i].generation};
                return 0;
            }
        }
        code = wait_for_answers(frames, deadline);
    }
    return code;
}

/* Wakes the detector's process. Where it reads none of these packets one is there for it already. */
static int wake_detector(yzc_frames *frames)
{
    uint8_t bell[BELL_BYTES];
    put32(bell, BELL);
    if (send_all(frames->socket, bell, sizeof bell) == 0 || errno == EAGAIN || errno == EWOULDBLOCK)
        return 0;
    int code = take_packets(frames); /* it may have said why it went */
    return code == YZC_FRAMES_TIMEOUT ? YZC_FRAMES_GONE : code;
}

static slot_state *rented(yzc_frames *frames, const yzc_slot *slot)
{
    if (!frames || !slot || slot->index >= frames->count || frames->slots[slot->index].holder != RENTED
        || frames->slots[slot->index].generation != slot->generation)
        return NULL;
    return &frames->slots[slot->index];
}

int yzc_frames_submit(yzc_frames *frames, const yzc_slot *slot, const yzc_format *format, int64_t captured_ns, int64_t timestamp_ns)
{
    slot_state *state = rented(frames, slot);
    size_t bytes = format ? yzc_frames_bytes(format) : 0;
    if (!state || bytes == 0 || bytes > frames->bytes)
        return YZC_FRAMES_ARGUMENT;
    uint8_t *message = frames->rings + FRAMES_AT + frames->frames_written % MAX_SLOTS * FRAME_STEP;
    put32(message, FRAME);
    put32(message + 4, slot->index);
    put32(message + 8, slot->generation);
    put32(message + 12, format->pixel_format);
    put32(message + 16, format->width);
    put32(message + 20, format->height);
    put32(message + 24, format->stride);
    put32(message + 28, format->color);
    put64(message + 32, captured_ns);
    put64(message + 40, timestamp_ns);
    state->holder = OF_DETECTOR;
    state->is_submitted = 1;
    state->timestamp_ns = timestamp_ns;
    frames->submitted++;
    atomic_store(shared_word(frames, FRAMES_WRITTEN), ++frames->frames_written);
    return atomic_load(shared_word(frames, DETECTOR_SLEEPS)) && atomic_exchange(shared_word(frames, DETECTOR_SLEEPS), 0)
        ? wake_detector(frames)
        : 0;
}

int yzc_frames_return(yzc_frames *frames, const yzc_slot *slot)
{
    slot_state *state = rented(frames, slot);
    if (!state)
        return YZC_FRAMES_ARGUMENT;
    state->holder = FREE;
    return 0;
}

int yzc_frames_drain(yzc_frames *frames, int timeout_ms)
{
    if (!frames)
        return YZC_FRAMES_ARGUMENT;
    int64_t deadline = deadline_of(timeout_ms);
    int code = take_answers(frames);
    while (frames->submitted > 0 && code >= 0)
        code = wait_for_answers(frames, deadline);
    return code < 0 ? code : 0;
}

const uint8_t *yzc_frames_device_handle(const yzc_frames *frames)
{
    return frames->is_on_device ? frames->device_handle : NULL;
}

int yzc_frames_socket(const yzc_frames *frames)
{
    return frames->socket;
}

void yzc_frames_close(yzc_frames *frames)
{
    if (!frames)
        return;
    if (frames->memory)
        munmap(frames->memory, frames->memory_bytes);
    if (frames->rings)
        munmap(frames->rings, frames->rings_bytes);
    if (frames->socket >= 0)
        close(frames->socket);
    free(frames);
}

const char *yzc_frames_text(int code)
{
    switch (code) {
    case 0: return "done";
    case YZC_FRAMES_GONE: return "no detector answers, or its process has ended";
    case YZC_FRAMES_TIMEOUT: return "nothing came in time";
    case YZC_FRAMES_ARGUMENT: return "an argument is wrong: a slot that is not rented, a frame larger than a slot";
    case YZC_FRAMES_FOREIGN: return "what listens there does not speak this protocol";
    case YZC_FRAMES_SYSTEM: return strerror(errno);
    case YZC_FRAMES_REFUSED_VERSION: return "refused: the detector speaks another version of the protocol";
    case YZC_FRAMES_REFUSED_USER: return "refused: this process's user is not welcome";
    case YZC_FRAMES_REFUSED_MESSAGE: return "refused: a message of another length or kind";
    case YZC_FRAMES_REFUSED_SLOT: return "refused: a frame in a slot that was not the producer's";
    case YZC_FRAMES_REFUSED_FORMAT: return "refused: a frame of no format, or larger than a slot";
    default: return "an unknown code";
    }
}

size_t yzc_frames_bytes(const yzc_format *format)
{
    uint32_t width = format->width, height = format->height;
    if (width < 1 || width > MAX_SIZE || height < 1 || height > MAX_SIZE || format->color > YZC_BT709_FULL)
        return 0;
    size_t row = width, rows = height;
    switch (format->pixel_format) {
    case YZC_BGR24: case YZC_RGB24: row = (size_t)width * 3; break;
    case YZC_BGRA32: case YZC_RGBA32: row = (size_t)width * 4; break;
    case YZC_NV12: row = (width + 1) & ~1u; rows += (height + 1) / 2; break;
    case YZC_P010: row = 2 * (size_t)((width + 1) & ~1u); rows += (height + 1) / 2; break;
    case YZC_BGR_PLANAR: case YZC_RGB_PLANAR: rows = (size_t)height * 3; break;
    case YZC_GRAY8: case YZC_BAYER_RGGB8: case YZC_BAYER_BGGR8: case YZC_BAYER_GRBG8: case YZC_BAYER_GBRG8: break;
    default: return 0;
    }
    size_t stride = format->stride ? format->stride : row;
    if (stride < row || stride > MAX_STRIDE || (format->pixel_format == YZC_P010 && stride % 2 != 0))
        return 0;
    return (rows - 1) * stride + row;
}
