/* Part of cuda_double.c: memory. */

API CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    ENTER;
    CURRENT;
    *total = (size_t)1 << 30;
    *free_bytes = *total - (size_t)*setting_of("used", current->device);
    return 0;
}

static CUresult allocate(object **made, kind_t kind, int device, size_t bytes) {
    if (bytes > (size_t)1 << 29) return CUDA_ERROR_OUT_OF_MEMORY;
    void *memory = NULL;
    if (posix_memalign(&memory, 4096, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
    *made = make(kind, device, memory, bytes);
    *setting_of("used", device) += kind == MEMORY ? (long long)bytes : 0;
    return 0;
}

static void give_back(object *o) {
    o->alive = 0;
    *setting_of("used", o->device) -= o->kind == MEMORY ? (long long)o->bytes : 0;
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

/* Managed memory lies on the host here; what was prefetched is counted by "prefetched_bytes". */
API CUresult cuMemAllocManaged(CUdeviceptr *address, size_t bytes, unsigned flags) {
    ENTER;
    CURRENT;
    if (flags != 1) return CUDA_ERROR_INVALID_VALUE;
    if (*setting("no_concurrent_access")) note_misuse(__func__, "the device lacks concurrent access");
    object *o;
    CUresult status = allocate(&o, MANAGED, current->device, bytes);
    if (!status) *address = (uintptr_t)o->address;
    return status;
}

static CUresult in_managed(const char *function, CUdeviceptr address, size_t bytes) {
    object *o = inside((void *)(uintptr_t)address, bytes);
    if (o && o->kind == MANAGED) return 0;
    note_misuse(function, "the range is not managed memory");
    return CUDA_ERROR_INVALID_VALUE;
}

API CUresult cuMemAdvise(CUdeviceptr address, size_t bytes, int advice, int device) {
    ENTER;
    CURRENT;
    if ((advice != CU_MEM_ADVISE_SET_READ_MOSTLY && advice != CU_MEM_ADVISE_SET_PREFERRED_LOCATION) || device != CU_DEVICE_CPU)
        return CUDA_ERROR_INVALID_VALUE;
    return in_managed(__func__, address, bytes);
}

API CUresult cuMemPrefetchAsync(CUdeviceptr address, size_t bytes, int device, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (device != s->device) note_misuse(__func__, "the stream is another device's");
    CUresult status = in_managed(__func__, address, bytes);
    if (!status) *setting("prefetched_bytes") += (long long)bytes;
    return status;
}

API CUresult cuMemFree_v2(CUdeviceptr address) {
    ENTER;
    CURRENT;
    object *managed = inside((void *)(uintptr_t)address, 1);
    if (managed && managed->kind == MANAGED && managed->address == (void *)(uintptr_t)address) {
        give_back(managed);
        return 0;
    }
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
    object *locked = inside(from, 1);
    if (locked && locked->device != s->device && !(locked->flags & 1)) note_misuse(__func__, "the host memory is locked for another device only");
    if (!captured(s)) memcpy((void *)(uintptr_t)to, from, bytes);
    note_work(s, (work){.kind = COPY_UP, .object = from, .arguments = {to}});
    return 0;
}

API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (!on_device(__func__, from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (!captured(s)) memcpy(to, (void *)(uintptr_t)from, bytes);
    note_work(s, (work){.kind = COPY_DOWN, .object = to, .arguments = {from}});
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

API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, object *stream) {
    ENTER;
    CURRENT;
    FIND(s, STREAM, stream);
    if (!on_device(__func__, to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    if (!captured(s)) memset((void *)(uintptr_t)to, value, bytes);
    return 0;
}

API CUresult cuPointerGetAttributes(unsigned count, const int *attributes, void **values, CUdeviceptr address) {
    ENTER;
    CURRENT;
    object *o = inside((void *)(uintptr_t)address, 1);
    for (unsigned i = 0; i < count; i++) {
        int device = o && (o->kind == MEMORY || o->kind == IPC);
        switch (attributes[i]) {
            case CU_POINTER_ATTRIBUTE_CONTEXT:
                *(void **)values[i] = !o ? NULL : *setting("foreign_context") ? (void *)&settings : devices[o->device].context;
                break;
            case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: *(unsigned *)values[i] = !o ? 0 : device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST; break;
            case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: *(CUdeviceptr *)values[i] = o ? address : 0; break;
            case CU_POINTER_ATTRIBUTE_HOST_POINTER: *(CUdeviceptr *)values[i] = o && !device ? address : 0; break;
            case CU_POINTER_ATTRIBUTE_IS_MANAGED: *(char *)values[i] = o && o->kind == MANAGED; break;
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
