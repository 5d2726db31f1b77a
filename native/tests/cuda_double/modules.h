/* Part of cuda_double.c: modules, kernels. */

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
    (*module)->image = strdup(image);
    return 0;
}

API CUresult cuModuleUnload(object *module) {
    ENTER;
    CURRENT;
    FIND(m, MODULE, module);
    m->alive = 0;
    free(m->image);
    m->image = NULL;
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
    const char *found = strstr(m->image, entry);
    if (!found) return CUDA_ERROR_NOT_FOUND;
    *function = make(FUNCTION, current->device, NULL, 0);
    (*function)->owner = m;
    (*function)->image = strdup(name);
    /* Size of the first parameter in `bytes`, and in `nodes` how many there are. */
    const char *list = found + strlen(entry);
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

API CUresult cuLaunchKernel(object *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                            unsigned shared, object *stream, void **parameters, void **extra) {
    ENTER;
    CURRENT;
    FIND(f, FUNCTION, function);
    FIND(s, STREAM, stream);
    int grid_fits = gx - 1 < 0x7fffffffu && gy - 1 < 65535 && gz - 1 < 65535;
    int block_fits = bx - 1 < 1024 && by - 1 < 1024 && bz - 1 < 64;
    if (extra || !grid_fits || !block_fits) return CUDA_ERROR_INVALID_VALUE;
    unsigned launch[8] = {gx, gy, gz, bx, by, bz, shared, last_launch[7] + 1};
    memcpy(last_launch, launch, sizeof launch);
    if (parameters) memcpy(last_argument, parameters[0], f->bytes < sizeof last_argument ? f->bytes : sizeof last_argument);
    work one = {.kind = KERNEL, .name = f->image};
    if (parameters) memcpy(one.arguments, parameters[0], f->bytes < sizeof one.arguments ? f->bytes : sizeof one.arguments);
    note_work(s, one);
    for (size_t i = 0; parameters && i < f->bytes / 8 && i < 5; i++) {
        object *o = inside((void *)(uintptr_t)one.arguments[i], 1);
        if (o && o->kind == MEMORY && o->device != s->device) note_misuse(__func__, "a parameter is in another device's memory");
    }
    if (!captured(s) && *setting_of("fault", s->device)) devices[s->device].sticky = (int)*setting_of("fault", s->device);
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
