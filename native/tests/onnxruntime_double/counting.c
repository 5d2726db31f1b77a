// A stand-in for ONNX Runtime that counts what it hands out and can fail at any one call, so that a test can show that nothing leaks on any error path.
// It plays a session with one input, images [batch,3,height,width], one output, output0 [batch,7,?], whose shape is known only after a run, and two
// metadata entries. Its CUDA provider is played, too: what it is told is written down, and it can fail at a named step. Slots are those of the C API's
// function table.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { kSlots = 320, kCodeFail = 1, kFloat = 1 };

typedef struct {
    int kind;
} Object;

typedef Object *Status;

static int64_t live;       // objects, texts and arrays handed out and not yet given back
static int64_t calls;      // calls that can fail, since the last reset
static int64_t fail_at;    // which of them fails; 0 for none
static int64_t bad_frees;  // null handed to a release function
static char allocator;     // stands for the default allocator

static char said[16384];           // what was called and told about CUDA, one line each
static char step_to_fail[64];      // name of the step that fails, or empty
static char failure[512];          // what it then says
static int64_t failures;           // how many more times it fails
static int graph;                  // whether the last CUDA options asked for a graph
static int cuda;                   // whether the last session options have the CUDA provider

EXPORT int64_t yzc_double_live(void) { return live; }
EXPORT int64_t yzc_double_calls(void) { return calls; }
EXPORT int64_t yzc_double_bad_frees(void) { return bad_frees; }

EXPORT const char *yzc_double_said(void) { return said; }

EXPORT void yzc_double_fail_at(int64_t call) {
    calls = 0;
    fail_at = call;
    said[0] = '\0';
    step_to_fail[0] = '\0';
    failures = 0;
}

// Steps: options, append, operators, session, graph session, run, graph run.
EXPORT void yzc_double_fail_step(const char *step, const char *message, int64_t times) {
    snprintf(step_to_fail, sizeof(step_to_fail), "%s", step);
    snprintf(failure, sizeof(failure), "%s", message);
    failures = times;
}

static void say(const char *format, ...) {
    size_t used = strlen(said);
    va_list values;
    va_start(values, format);
    vsnprintf(said + used, sizeof(said) - used, format, values);
    va_end(values);
}

static void *take(size_t bytes) {
    live++;
    return calloc(1, bytes);
}

static void give_back(void *memory) {
    if (memory == NULL) {
        bad_frees++;
        return;
    }
    live--;
    free(memory);
}

static char *text(const char *source) {
    char *copy = take(strlen(source) + 1);
    strcpy(copy, source);
    return copy;
}

static Status check(void) { return ++calls == fail_at ? take(sizeof(Object)) : NULL; }

// A failure with the words that were given; kind 1 marks it.
static Status check_step(const char *step) {
    if (failures > 0 && strcmp(step, step_to_fail) == 0) {
        failures--;
        Status status = take(sizeof(Object));
        status->kind = 1;
        return status;
    }
    return check();
}

#define CHECK_STEP(step)                  \
    do {                                  \
        Status status = check_step(step); \
        if (status != NULL) {             \
            return status;                \
        }                                 \
    } while (0)

#define CHECK()                  \
    do {                         \
        Status status = check(); \
        if (status != NULL) {    \
            return status;       \
        }                        \
    } while (0)

#define CREATE(out)                  \
    do {                             \
        CHECK();                     \
        *(out) = take(sizeof(Object)); \
        return NULL;                 \
    } while (0)

static int get_error_code(const Object *status) {
    (void)status;
    return kCodeFail;
}

static const char *get_error_message(const Object *status) { return status->kind == 1 ? failure : "told to fail"; }

// The environment lives as long as the process, so it is not counted.
static Status create_env(int level, const char *name, void **out) {
    static Object environment;
    (void)level;
    (void)name;
    *out = &environment;
    return NULL;
}

static Status telemetry(const Object *environment) {
    (void)environment;
    return NULL;
}

static Status create(Object **out) { CREATE(out); }

static Status create_session(const Object *environment, const void *path, const Object *options, Object **out) {
    (void)environment;
    (void)path;
    (void)options;
    if (cuda) {
        say("session\n");
    }
    CHECK_STEP(cuda ? (graph ? "graph session" : "session") : "");
    *out = take(sizeof(Object));
    (*out)->kind = cuda;
    return NULL;
}

static Status create_session_from_array(const Object *environment, const void *data, size_t bytes, const Object *options, Object **out) {
    (void)bytes;
    return create_session(environment, data, options, out);
}

static Status create_options(Object **out) {
    cuda = 0;
    CREATE(out);
}

static Status override_dimension(const Object *options, const char *name, int64_t value) {
    (void)options;
    CHECK();
    say("override %s=%lld\n", name, (long long)value);
    return NULL;
}

static Status create_cuda_options(Object **out) {
    CHECK_STEP("options");
    *out = take(sizeof(Object));
    return NULL;
}

static Status update_cuda_options(Object *options, const char *const *keys, const char *const *values, size_t count) {
    (void)options;
    CHECK();
    for (size_t i = 0; i < count; i++) {
        say("%s=%s\n", keys[i], values[i]);
        if (strcmp(keys[i], "enable_cuda_graph") == 0) {
            graph = strcmp(values[i], "1") == 0;
        }
    }
    return NULL;
}

static Status update_cuda_option_value(Object *options, const char *key, const void *value) {
    (void)options;
    CHECK();
    say("%s=%llu\n", key, (unsigned long long)(uintptr_t)value);
    return NULL;
}

static Status append_cuda(Object *options, const Object *cuda_options) {
    (void)options;
    (void)cuda_options;
    CHECK_STEP("append");
    cuda = 1;
    return NULL;
}

static Status add_operators(const Object *options, const Object *domain) {
    (void)options;
    (void)domain;
    say("operators\n");
    CHECK_STEP("operators");
    return NULL;
}

static Status create_domain(const char *name, Object **out) {
    (void)name;
    CREATE(out);
}

static Status create_named_memory_info(const char *name, int kind, int device, int type, Object **out) {
    CHECK();
    say("memory %s %d %d %d\n", name, kind, device, type);
    *out = take(sizeof(Object));
    return NULL;
}

static Status add_run_entry(Object *options, const char *key, const char *value) {
    (void)options;
    CHECK();
    say("run option %s=%s\n", key, value);
    return NULL;
}

static Status run(const Object *session, const Object *options, const Object *binding) {
    (void)options;
    (void)binding;
    if (session->kind) {
        say("run\n");
    }
    CHECK_STEP(session->kind ? (graph ? "graph run" : "run") : "");
    return NULL;
}

// Settings of all kinds: nothing is kept.
static Status set(void) {
    CHECK();
    return NULL;
}

static Status get_count(const Object *session, size_t *out) {
    (void)session;
    CHECK();
    *out = 1;
    return NULL;
}

static Status get_type(const Object *session, size_t index, Object **out, int kind) {
    (void)session;
    (void)index;
    CHECK();
    *out = take(sizeof(Object));
    (*out)->kind = kind;
    return NULL;
}

static Status get_input_type(const Object *session, size_t index, Object **out) { return get_type(session, index, out, 0); }

static Status get_output_type(const Object *session, size_t index, Object **out) { return get_type(session, index, out, 1); }

static Status get_input_name(const Object *session, size_t index, void *from, char **out) {
    (void)session;
    (void)index;
    (void)from;
    CHECK();
    *out = text("images");
    return NULL;
}

static Status get_output_name(const Object *session, size_t index, void *from, char **out) {
    (void)session;
    (void)index;
    (void)from;
    CHECK();
    *out = text("output0");
    return NULL;
}

static Status create_tensor(const Object *info, void *data, size_t bytes, const int64_t *shape, size_t rank, int type, Object **out) {
    (void)info;
    (void)data;
    (void)bytes;
    (void)shape;
    (void)rank;
    (void)type;
    CREATE(out);
}

static Status cast_type(const Object *type, const Object **out) {
    CHECK();
    *out = type;
    return NULL;
}

static Status get_element_type(const Object *info, int *out) {
    (void)info;
    CHECK();
    *out = kFloat;
    return NULL;
}

// Kind 0 is the input, 1 the output before a run, 2 the output after one.
static Status get_dimension_count(const Object *info, size_t *out) {
    CHECK();
    *out = info->kind == 0 ? 4 : 3;
    return NULL;
}

static Status get_dimensions(const Object *info, int64_t *out, size_t rank) {
    static const int64_t shapes[3][4] = {{-1, 3, -1, -1}, {-1, 7, -1}, {1, 7, 84}};
    CHECK();
    memcpy(out, shapes[info->kind], rank * sizeof(int64_t));
    return NULL;
}

static Status get_symbols(const Object *info, const char **out, size_t rank) {
    static const char *names[] = {"batch", "", "height", "width"};
    (void)info;
    CHECK();
    memcpy(out, names, rank * sizeof(char *));
    return NULL;
}

static Status get_value_shape(const Object *value, Object **out) {
    (void)value;
    CHECK();
    *out = take(sizeof(Object));
    (*out)->kind = 2;
    return NULL;
}

static Status create_memory_info(int kind, int type, Object **out) {
    (void)kind;
    (void)type;
    CREATE(out);
}

static Status allocator_free(void *from, void *memory) {
    (void)from;
    Status status = check();
    give_back(memory);
    return status;
}

static Status get_allocator(void **out) {
    CHECK();
    *out = &allocator;
    return NULL;
}

static Status get_metadata(const Object *session, Object **out) {
    (void)session;
    CREATE(out);
}

static Status look_up(const Object *metadata, void *from, const char *key, char **out) {
    (void)metadata;
    (void)from;
    CHECK();
    *out = text(strcmp(key, "imgsz") == 0 ? "[64, 64]" : "detect");
    return NULL;
}

static Status get_keys(const Object *metadata, void *from, char ***out, int64_t *count) {
    (void)metadata;
    (void)from;
    CHECK();
    *out = take(2 * sizeof(char *));
    (*out)[0] = text("imgsz");
    (*out)[1] = text("task");
    *count = 2;
    return NULL;
}

static Status create_binding(const Object *session, Object **out) {
    (void)session;
    CREATE(out);
}

static Status get_outputs(const Object *binding, void *from, Object ***out, size_t *count) {
    (void)binding;
    (void)from;
    CHECK();
    *out = take(sizeof(Object *));
    (*out)[0] = take(sizeof(Object));
    *count = 1;
    return NULL;
}

static Status create_allocator(const Object *session, const Object *memory, Object **out) {
    (void)session;
    (void)memory;
    CREATE(out);
}

static Status get_stats(const Object *from, Object **out) {
    (void)from;
    CREATE(out);
}

static const char *get_value(const Object *pairs, const char *key) {
    (void)pairs;
    return strcmp(key, "MaxInUse") == 0 ? "1200" : NULL;
}

static void *table[kSlots];

static const void *get_api(uint32_t version) {
    if (version > 16) {
        return NULL;
    }
    static const int releases[] = {93, 94, 95, 96, 97, 98, 99, 100, 101, 118, 132, 135, 208, 300};
    static const int settings[] = {16, 17, 22, 23, 24, 27, 130, 136, 137, 138};
    for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
        table[releases[i]] = (void *)give_back;
    }
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        table[settings[i]] = (void *)set;
    }
    table[1] = (void *)get_error_code;
    table[2] = (void *)get_error_message;
    table[3] = (void *)create_env;
    table[6] = (void *)telemetry;
    table[7] = (void *)create_session;
    table[8] = (void *)create_session_from_array;
    table[10] = (void *)create_options;
    table[26] = (void *)create_domain;
    table[28] = (void *)add_operators;
    table[30] = (void *)get_count;
    table[31] = (void *)get_count;
    table[33] = (void *)get_input_type;
    table[34] = (void *)get_output_type;
    table[36] = (void *)get_input_name;
    table[37] = (void *)get_output_name;
    table[39] = (void *)create;
    table[49] = (void *)create_tensor;
    table[55] = (void *)cast_type;
    table[60] = (void *)get_element_type;
    table[61] = (void *)get_dimension_count;
    table[62] = (void *)get_dimensions;
    table[63] = (void *)get_symbols;
    table[65] = (void *)get_value_shape;
    table[68] = (void *)create_named_memory_info;
    table[69] = (void *)create_memory_info;
    table[76] = (void *)allocator_free;
    table[78] = (void *)get_allocator;
    table[111] = (void *)get_metadata;
    table[116] = (void *)look_up;
    table[123] = (void *)get_keys;
    table[124] = (void *)override_dimension;
    table[131] = (void *)create_allocator;
    table[133] = (void *)run;
    table[134] = (void *)create_binding;
    table[140] = (void *)get_outputs;
    table[165] = (void *)add_run_entry;
    table[204] = (void *)append_cuda;
    table[205] = (void *)create_cuda_options;
    table[206] = (void *)update_cuda_options;
    table[263] = (void *)update_cuda_option_value;
    table[297] = (void *)get_value;
    table[319] = (void *)get_stats;
    return table;
}

#ifndef YZC_DOUBLE_VERSION
#define YZC_DOUBLE_VERSION "1.16.0-double"
#endif

static const char *get_version(void) { return YZC_DOUBLE_VERSION; }

static const struct {
    const void *(*get_api)(uint32_t);
    const char *(*get_version)(void);
} base = {get_api, get_version};

EXPORT const void *OrtGetApiBase(void) { return &base; }
