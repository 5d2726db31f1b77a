/*
 * yzc_trt: TensorRT behind a C ABI.
 *
 * One binary per TensorRT major (libyzc_trt10.so, libyzc_trt11.so; 11 also drives TensorRT for RTX). Neither is linked to TensorRT: the
 * user's library is opened at run time, and a library of another major is refused before any C++ call is made into it.
 *
 * Rules of every function
 * - The result is a yzc_trt_status: 0, or a negative code. The words belong to the calling thread: yzc_trt_last_message.
 *   An output parameter is only written on success, unless its description says otherwise.
 * - Handles are numbers, never addresses: 0, a freed handle and a handle of another kind give YZC_TRT_E_HANDLE, also when freed twice.
 *   A child keeps its parents alive (context -> engine -> runtime -> library): handles may be freed in any order and on any thread.
 * - A context or builder serves one thread at a time; a second thread that comes meanwhile gets YZC_TRT_E_BUSY. Everything else is
 *   safe from several threads.
 * - Structures begin with struct_size, which the caller sets to sizeof before the call, also for structures that are only written.
 *   A size smaller than in this header, or a larger one with unknown non-zero bytes, gives YZC_TRT_E_ARGUMENT.
 * - Strings are UTF-8 and end with NUL. Buffers for strings: at most `capacity` bytes are written, always with a NUL when capacity > 0;
 *   `length` (may be null) receives the full length without NUL; a text that did not fit gives YZC_TRT_E_BUFFER.
 * - Callbacks may come on any thread and must not throw or call back into the object that is calling them
 *   (yzc_trt_builder_cancel and yzc_trt_last_message are allowed).
 * - Streams, events and device memory are the caller's. Calls that reach the GPU use the CUDA context that is current on the calling thread.
 */
#ifndef YZC_TRT_H
#define YZC_TRT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(YZC_TRT_BUILDING) && defined(__GNUC__)
#define YZC_TRT_API __attribute__((visibility("default")))
#else
#define YZC_TRT_API
#endif

/* Raised with every change that an older caller would notice. */
#define YZC_TRT_ABI_VERSION 2

/* TensorRT's own limit of dimensions. */
#define YZC_TRT_MAX_RANK 8

/* What TensorRT asks of a tensor's address. */
#define YZC_TRT_ADDRESS_ALIGNMENT 256

typedef enum yzc_trt_status {
    YZC_TRT_OK = 0,
    YZC_TRT_E_ARGUMENT = -1,        /* an argument is null, out of range or of the wrong struct_size */
    YZC_TRT_E_HANDLE = -2,          /* 0, freed, or a handle of another kind */
    YZC_TRT_E_LIBRARY_MISSING = -3, /* no place had a library that could be opened; the message lists all of them with the reason */
    YZC_TRT_E_NOT_TENSORRT = -4,    /* the file opened but is no TensorRT library or no ONNX parser of it */
    YZC_TRT_E_WRONG_MAJOR = -5,     /* the library's major is not this shim's */
    YZC_TRT_E_WRONG_VERSION = -6,   /* the library is too old, or the plan was made by another version */
    YZC_TRT_E_NO_DRIVER = -7,       /* libcuda is missing or reports no device: TensorRT would crash when opened */
    YZC_TRT_E_DAMAGED_PLAN = -8,    /* not a plan, cut off, or refused by TensorRT as damaged */
    YZC_TRT_E_WRONG_GPU = -9,       /* the plan was made for another GPU, or TensorRT does not run on this one */
    YZC_TRT_E_OUT_OF_MEMORY = -10,
    YZC_TRT_E_CANCELLED = -11,      /* the progress callback or yzc_trt_builder_cancel said so */
    YZC_TRT_E_PARSE_FAILED = -12,   /* see yzc_trt_builder_issue */
    YZC_TRT_E_NOT_SUPPORTED = -13,  /* this major or flavour cannot do it (a lean one cannot build); the message says what to do instead */
    YZC_TRT_E_REFUSED = -14,        /* TensorRT refused; the message has its words */
    YZC_TRT_E_BUFFER = -15,         /* the buffer is too small; `length` has what is needed */
    YZC_TRT_E_BUSY = -16,           /* another thread is inside a call on this object */
    YZC_TRT_E_STATE = -17,          /* called too early: a shape, an address, the memory or the network is not set yet */
    YZC_TRT_E_INTERNAL = -18,       /* a bug of the shim */
    YZC_TRT_E_HOST_CODE = -19       /* the plan brings code for the processor, and host_code_allowed is 0 */
} yzc_trt_status;

typedef uint64_t yzc_trt_library;
typedef uint64_t yzc_trt_runtime;
typedef uint64_t yzc_trt_engine;
typedef uint64_t yzc_trt_context;
typedef uint64_t yzc_trt_builder;
typedef uint64_t yzc_trt_blob;

/* ---- Handshake, messages, memory that the shim hands out ---- */

/* YZC_TRT_ABI_VERSION of the binary. Look at it before anything else. */
YZC_TRT_API int32_t yzc_trt_abi_version(void);

/* Major of the TensorRT headers that the binary was built with: 10 or 11. */
YZC_TRT_API int32_t yzc_trt_tensorrt_major(void);

/* Words for the last failure on this thread; empty when there was none. Does not change it. */
YZC_TRT_API int32_t yzc_trt_last_message(char* buffer, int32_t capacity, int32_t* length);

/* Handles of all kinds that are not freed yet in this process: for leak tests. */
YZC_TRT_API int32_t yzc_trt_handle_count(int32_t* count);

/* Bytes that belong to a blob: a plan or a timing cache. They stay where they are until it is freed. */
YZC_TRT_API int32_t yzc_trt_blob_data(yzc_trt_blob blob, const void** data, uint64_t* length);
YZC_TRT_API int32_t yzc_trt_blob_free(yzc_trt_blob blob);

/* ---- Library ---- */

typedef enum yzc_trt_severity {
    YZC_TRT_SEVERITY_INTERNAL_ERROR = 0,
    YZC_TRT_SEVERITY_ERROR = 1,
    YZC_TRT_SEVERITY_WARNING = 2,
    YZC_TRT_SEVERITY_INFO = 3,
    YZC_TRT_SEVERITY_VERBOSE = 4
} yzc_trt_severity;

typedef void (*yzc_trt_log_callback)(void* user, int32_t severity, const char* text);

typedef struct yzc_trt_library_options {
    uint32_t struct_size;
    int32_t path_count;            /* 0: the system's names for this major */
    const char* const* paths;      /* files, tried in this order; a name without '/' goes through the system's search */
    const char* parser_path;       /* ONNX parser; null: beside the library, then the system's names. Opened when a model is parsed */
    yzc_trt_log_callback log;      /* may be null. Not called any more once the library and all its children are freed */
    void* log_user;
    int32_t log_severity;          /* nothing above this yzc_trt_severity is reported */
    int32_t reserved;              /* 0 */
} yzc_trt_library_options;

typedef enum yzc_trt_flavour {
    YZC_TRT_FLAVOUR_STANDARD = 0, /* libnvinfer */
    YZC_TRT_FLAVOUR_LEAN = 1,     /* libnvinfer_lean: runs version-compatible plans, cannot build */
    YZC_TRT_FLAVOUR_RTX = 2       /* libtensorrt_rtx: version 1.x, builds without a GPU */
} yzc_trt_flavour;

typedef struct yzc_trt_library_info {
    uint32_t struct_size;
    int32_t flavour;      /* yzc_trt_flavour */
    int32_t major;        /* of the library as it says itself: 10, 11, or 1 for TensorRT for RTX */
    int32_t minor;
    int32_t patch;
    int32_t build;
    int32_t can_build;    /* 1 when the library has a builder */
    int32_t headers;      /* version of the headers in the shim: major * 10000 + minor * 100 + patch */
    const char* path;     /* file that was opened; belongs to the library handle */
} yzc_trt_library_info;

/* Opens the first path that works. Except for TensorRT for RTX a usable CUDA driver must be there (YZC_TRT_E_NO_DRIVER); the environment
   variable YZC_CUDA_DRIVER names another driver file than libcuda.so.1, YZC_TRT_SKIP_DRIVER_CHECK=1 leaves the check out (for test doubles).
   Codes: LIBRARY_MISSING when no place had a file that opens, otherwise that of the first place that was refused for another reason (without a
   driver all but TensorRT for RTX are, whether the file is there or not). */
YZC_TRT_API int32_t yzc_trt_library_open(const yzc_trt_library_options* options, yzc_trt_library* library);
YZC_TRT_API int32_t yzc_trt_library_info_get(yzc_trt_library library, yzc_trt_library_info* info);
YZC_TRT_API int32_t yzc_trt_library_free(yzc_trt_library library);

/* ---- Runtime and engine ---- */

/* Device memory for TensorRT's own needs (weights). `allocate` returns null when it cannot; `release` returns 0 when it does not know the
   memory. `stream` is null for memory that belongs to no stream. */
typedef struct yzc_trt_allocator {
    uint32_t struct_size;
    int32_t reserved; /* 0 */
    void* (*allocate)(void* user, uint64_t size, uint64_t alignment, void* stream);
    int32_t (*release)(void* user, void* memory, void* stream);
    void* user;
} yzc_trt_allocator;

typedef struct yzc_trt_runtime_options {
    uint32_t struct_size;
    int32_t host_code_allowed;          /* 1: version-compatible plans may bring their own runtime code. Only for trusted files */
    const yzc_trt_allocator* allocator; /* null: cudaMalloc by TensorRT. Must work until the last child of the runtime is freed */
} yzc_trt_runtime_options;

/* `options` may be null. */
YZC_TRT_API int32_t yzc_trt_runtime_create(yzc_trt_library library, const yzc_trt_runtime_options* options, yzc_trt_runtime* runtime);
YZC_TRT_API int32_t yzc_trt_runtime_free(yzc_trt_runtime runtime);

/* Loads a plan; what a file has before it is the caller's. The bytes may go away after the call. A plan contains code for the GPU: trusted files only.
   Codes: DAMAGED_PLAN, WRONG_VERSION, WRONG_GPU, HOST_CODE, OUT_OF_MEMORY, NOT_SUPPORTED (weight streaming: its enqueue would block and not capture). */
YZC_TRT_API int32_t yzc_trt_engine_load(yzc_trt_runtime runtime, const void* data, uint64_t length, yzc_trt_engine* engine);
YZC_TRT_API int32_t yzc_trt_engine_free(yzc_trt_engine engine);

typedef struct yzc_trt_engine_info {
    uint32_t struct_size;
    int32_t tensor_count;           /* inputs and outputs */
    int32_t profile_count;
    int32_t layer_count;
    int32_t hardware_compatibility; /* yzc_trt_hardware */
    int32_t auxiliary_streams;      /* streams TensorRT uses beside the caller's */
    int64_t device_memory;          /* bytes a context needs at most, over all profiles */
    const char* name;               /* network's name; belongs to the engine handle */
} yzc_trt_engine_info;

YZC_TRT_API int32_t yzc_trt_engine_info_get(yzc_trt_engine engine, yzc_trt_engine_info* info);

typedef struct yzc_trt_shape {
    int32_t rank;      /* 0 .. YZC_TRT_MAX_RANK */
    int32_t reserved;  /* 0 */
    int64_t dims[YZC_TRT_MAX_RANK]; /* -1: not known before shapes are set. Unused ones are 0 */
} yzc_trt_shape;

typedef enum yzc_trt_mode { YZC_TRT_MODE_INPUT = 1, YZC_TRT_MODE_OUTPUT = 2 } yzc_trt_mode;

/* Numbers as in nvinfer1::DataType, the same in both majors. */
typedef enum yzc_trt_type {
    YZC_TRT_TYPE_FLOAT = 0,
    YZC_TRT_TYPE_HALF = 1,
    YZC_TRT_TYPE_INT8 = 2,
    YZC_TRT_TYPE_INT32 = 3,
    YZC_TRT_TYPE_BOOL = 4,
    YZC_TRT_TYPE_UINT8 = 5,
    YZC_TRT_TYPE_FP8 = 6,
    YZC_TRT_TYPE_BF16 = 7,
    YZC_TRT_TYPE_INT64 = 8,
    YZC_TRT_TYPE_INT4 = 9,
    YZC_TRT_TYPE_FP4 = 10,
    YZC_TRT_TYPE_E8M0 = 11
} yzc_trt_type;

typedef struct yzc_trt_tensor_info {
    uint32_t struct_size;
    int32_t mode;             /* yzc_trt_mode */
    int32_t type;             /* yzc_trt_type */
    int32_t on_host;          /* 1: TensorRT wants the address in host memory (shape tensors) */
    int32_t is_shape;         /* 1: its values decide shapes; such engines are described, not run, by this ABI */
    int32_t format;           /* nvinfer1::TensorFormat; 0 = linear, dense row-major */
    int32_t vectorized_dim;   /* dimension that is vectorised, -1 for none */
    int32_t components;       /* elements in one vector, -1 for none */
    yzc_trt_shape shape;      /* as built: -1 where a profile decides */
    const char* name;         /* belongs to the engine handle */
    const char* format_text;  /* TensorRT's words for the format; belongs to the handle */
} yzc_trt_tensor_info;

/* `index` 0 .. tensor_count - 1 in TensorRT's order. The format may differ from profile to profile. */
YZC_TRT_API int32_t yzc_trt_engine_tensor(yzc_trt_engine engine, int32_t index, int32_t profile, yzc_trt_tensor_info* info);

typedef enum yzc_trt_select { YZC_TRT_SELECT_MIN = 0, YZC_TRT_SELECT_OPT = 1, YZC_TRT_SELECT_MAX = 2 } yzc_trt_select;

/* Shape of an input in a profile. */
YZC_TRT_API int32_t yzc_trt_engine_profile_shape(
    yzc_trt_engine engine, const char* input, int32_t profile, int32_t select, yzc_trt_shape* shape);

/* Bytes a context needs at most with this profile. */
YZC_TRT_API int32_t yzc_trt_engine_profile_memory(yzc_trt_engine engine, int32_t profile, int64_t* bytes);

/* ---- Context: one execution at a time, with memory that the caller owns ---- */

YZC_TRT_API int32_t yzc_trt_context_create(yzc_trt_engine engine, yzc_trt_context* context);

/* The GPU must be done with what was enqueued. */
YZC_TRT_API int32_t yzc_trt_context_free(yzc_trt_context context);

/* Selects a profile; a new context has profile 0. Work goes to `stream`: enqueue on that stream, or order yours after it. Shapes, addresses
   and memory must be set again. */
YZC_TRT_API int32_t yzc_trt_context_set_profile(yzc_trt_context context, int32_t profile, void* stream);

YZC_TRT_API int32_t yzc_trt_context_set_input_shape(yzc_trt_context context, const char* input, const yzc_trt_shape* shape);

/* Shape with what has been set so far; -1 where an input is still missing. */
YZC_TRT_API int32_t yzc_trt_context_tensor_shape(yzc_trt_context context, const char* tensor, yzc_trt_shape* shape);

/* Bytes needed with the shapes that are set. All inputs must have one (YZC_TRT_E_STATE). */
YZC_TRT_API int32_t yzc_trt_context_required_memory(yzc_trt_context context, uint64_t* bytes);

/* `memory`: device memory, aligned to YZC_TRT_ADDRESS_ALIGNMENT, in use from enqueue until the GPU is done with it. Contexts that run at the
   same time must not share it. Null is taken only with 0 bytes. */
YZC_TRT_API int32_t yzc_trt_context_set_memory(yzc_trt_context context, void* memory, uint64_t length);

/* Not null, aligned to YZC_TRT_ADDRESS_ALIGNMENT. */
YZC_TRT_API int32_t yzc_trt_context_set_address(yzc_trt_context context, const char* tensor, void* address);

/* Enqueues one run on `stream` (cudaStream_t = CUstream). Checks once after every change that shapes, addresses and memory are complete
   (YZC_TRT_E_STATE names what is missing); allocates nothing. May be called while the stream is capturing, after one run outside a capture. */
YZC_TRT_API int32_t yzc_trt_context_enqueue(yzc_trt_context context, void* stream);

/* 1: nothing is known that would keep enqueue out of a stream capture. 0: something is, and `reason` says what (buffer as for all strings).
   TensorRT may still refuse at the capture itself; then run without a graph. */
YZC_TRT_API int32_t yzc_trt_context_capturable(
    yzc_trt_context context, int32_t* capturable, char* reason, int32_t capacity, int32_t* length);

/* ---- Builder: create, parse, add profiles, build ---- */

typedef enum yzc_trt_build_flag {
    YZC_TRT_BUILD_FP16 = 1 << 0,               /* major 10 only; 11 takes precisions from the model */
    YZC_TRT_BUILD_INT8 = 1 << 1,               /* major 10 only; the model must carry Q/DQ nodes */
    YZC_TRT_BUILD_NO_TF32 = 1 << 2,            /* TensorRT allows TF32 unless told otherwise */
    YZC_TRT_BUILD_STRONGLY_TYPED = 1 << 3,     /* types exactly as the model says. Major 11: always so */
    YZC_TRT_BUILD_VERSION_COMPATIBLE = 1 << 4,
    YZC_TRT_BUILD_EXCLUDE_LEAN_RUNTIME = 1 << 5, /* with VERSION_COMPATIBLE: smaller, and needs no host_code_allowed */
    YZC_TRT_BUILD_DETAILED_INSPECTOR = 1 << 6
} yzc_trt_build_flag;

typedef enum yzc_trt_hardware {
    YZC_TRT_HARDWARE_NONE = 0,
    YZC_TRT_HARDWARE_AMPERE_PLUS = 1,
    YZC_TRT_HARDWARE_SAME_COMPUTE_CAPABILITY = 2
} yzc_trt_hardware;

typedef enum yzc_trt_progress_kind {
    YZC_TRT_PROGRESS_START = 0,  /* `steps` is the number of steps of the phase */
    YZC_TRT_PROGRESS_STEP = 1,   /* `step` has been completed */
    YZC_TRT_PROGRESS_FINISH = 2
} yzc_trt_progress_kind;

/* `parent` is null for a phase of its own. A result other than 0 cancels the build. */
typedef int32_t (*yzc_trt_progress_callback)(
    void* user, int32_t kind, const char* phase, const char* parent, int32_t step, int32_t steps);

typedef struct yzc_trt_builder_options {
    uint32_t struct_size;
    uint32_t flags;                     /* yzc_trt_build_flag */
    uint64_t workspace;                 /* limit in bytes for the engine's scratch memory; 0: the whole device's memory, TensorRT's default */
    int32_t optimization_level;         /* 0 .. 5; -1: TensorRT's default (3) */
    int32_t hardware_compatibility;     /* yzc_trt_hardware */
    int32_t auxiliary_streams;          /* at most; -1: TensorRT decides */
    int32_t reserved;                   /* 0 */
    const void* timing_cache;           /* bytes of an earlier yzc_trt_builder_timing_cache, copied; null for none */
    uint64_t timing_cache_length;
    yzc_trt_progress_callback progress; /* may be null */
    void* progress_user;
    const yzc_trt_allocator* allocator; /* may be null */
} yzc_trt_builder_options;

/* `options` may be null. A timing cache of another version or GPU is left out with a warning in the log. */
YZC_TRT_API int32_t yzc_trt_builder_create(yzc_trt_library library, const yzc_trt_builder_options* options, yzc_trt_builder* builder);
YZC_TRT_API int32_t yzc_trt_builder_free(yzc_trt_builder builder);

/* Parses an ONNX model, once for a builder. */
YZC_TRT_API int32_t yzc_trt_builder_parse_file(yzc_trt_builder builder, const char* path);

typedef struct yzc_trt_issue {
    uint32_t struct_size;
    int32_t code;            /* nvonnxparser::ErrorCode */
    int32_t node;            /* index in the model, -1 when it is about none */
    int32_t line;            /* in the parser's source */
    const char* node_name;   /* these belong to the builder handle; empty rather than null */
    const char* node_op;
    const char* description;
    const char* file;
    const char* function;
} yzc_trt_issue;

/* What the parser complained about. After a successful parse there may be issues too: warnings. */
YZC_TRT_API int32_t yzc_trt_builder_issue_count(yzc_trt_builder builder, int32_t* count);
YZC_TRT_API int32_t yzc_trt_builder_issue(yzc_trt_builder builder, int32_t index, yzc_trt_issue* issue);

typedef struct yzc_trt_profile_input {
    uint32_t struct_size;
    int32_t reserved; /* 0 */
    const char* name;
    yzc_trt_shape min;
    yzc_trt_shape opt;
    yzc_trt_shape max;
} yzc_trt_profile_input;

/* Adds an optimisation profile with one entry for every input that has a dimension of -1; at least one profile when there is such an input. */
YZC_TRT_API int32_t yzc_trt_builder_add_profile(yzc_trt_builder builder, const yzc_trt_profile_input* inputs, int32_t count);

/* Builds the plan; takes seconds to many minutes. Codes: CANCELLED, OUT_OF_MEMORY, REFUSED, STATE (nothing parsed, a profile missing). */
YZC_TRT_API int32_t yzc_trt_builder_build(yzc_trt_builder builder, yzc_trt_blob* plan);

/* Asks a running build, from any thread, to stop at its next step: it ends with YZC_TRT_E_CANCELLED. A later build is cancelled too. */
YZC_TRT_API int32_t yzc_trt_builder_cancel(yzc_trt_builder builder);

/* The timing cache after a build, to be given to the next one. NOT_SUPPORTED with TensorRT for RTX, which times on the user's machine. */
YZC_TRT_API int32_t yzc_trt_builder_timing_cache(yzc_trt_builder builder, yzc_trt_blob* cache);

#ifdef __cplusplus
}
#endif

#endif
