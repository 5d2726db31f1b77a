/* Part of cuda_double.c: streams, events. */

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1000000000LL * now.tv_sec + now.tv_nsec;
}

/* Waits without the lock, as the device goes on meanwhile. Answers what it met. */
static CUresult wait_until(const object *o) {
    while (!devices[o->device].sticky && nanoseconds() < o->ready_at) {
        struct timespec pause = {0, 20000};
        pthread_mutex_unlock(&mutex);
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&mutex);
    }
    return devices[o->device].sticky;
}

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
    /* One of another device, too: work may wait across devices. */
    object *e = find_anywhere(__func__, EVENT, event);
    if (!e) return CUDA_ERROR_INVALID_HANDLE;
    if (e->ready_at > s->ready_at) s->ready_at = e->ready_at;
    s->nodes += s->capturing;
    note_work(s, (work){.kind = WAIT, .object = e});
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
    return wait_until(s);
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
    s->works = (work_list){0};
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
    (*graph)->works = s->works;
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
    e->ready_at = s->ready_at;
    note_work(s, (work){.kind = RECORD, .object = e});
    return 0;
}

API CUresult cuEventQuery(object *event) {
    ENTER;
    CURRENT;
    FIND(e, EVENT, event);
    if (*setting("pending_event") == (long long)(uintptr_t)event) return CUDA_ERROR_NOT_READY;
    if (nanoseconds() < e->ready_at) return CUDA_ERROR_NOT_READY;
    if (e->recorded && *setting("not_ready") > 0 && (*setting("not_ready"))--) return CUDA_ERROR_NOT_READY;
    note_work(NULL, (work){.kind = PASSED, .object = e});
    return 0;
}

API CUresult cuEventSynchronize(object *event) {
    ENTER;
    CURRENT;
    FIND(e, EVENT, event);
    CUresult met = wait_until(e);
    if (met) return met;
    note_work(NULL, (work){.kind = PASSED, .object = e});
    return 0;
}

API CUresult cuEventElapsedTime(float *milliseconds, object *start, object *end) {
    ENTER;
    CURRENT;
    FIND(a, EVENT, start);
    FIND(b, EVENT, end);
    if (!a->recorded || !b->recorded || ((a->flags | b->flags) & CU_EVENT_DISABLE_TIMING)) return CUDA_ERROR_INVALID_HANDLE;
    // Less than any batch takes on the host, so that both parts of its time are above zero.
    *milliseconds = 1.0f / 1024;
    return 0;
}
