/* Proves that the header is C, and prints the layout that other languages must match: compared with layout.txt. */
#include "yzc_trt.h"

#include <stddef.h>
#include <stdio.h>

#define SIZE(type) printf(#type " %zu\n", sizeof(type))
#define FIELD(type, field) printf(#type "." #field " %zu\n", offsetof(type, field))

int main(void)
{
    SIZE(yzc_trt_library_options);
    FIELD(yzc_trt_library_options, path_count);
    FIELD(yzc_trt_library_options, paths);
    FIELD(yzc_trt_library_options, parser_path);
    FIELD(yzc_trt_library_options, log);
    FIELD(yzc_trt_library_options, log_user);
    FIELD(yzc_trt_library_options, log_severity);
    SIZE(yzc_trt_library_info);
    FIELD(yzc_trt_library_info, flavour);
    FIELD(yzc_trt_library_info, can_build);
    FIELD(yzc_trt_library_info, headers);
    FIELD(yzc_trt_library_info, path);
    SIZE(yzc_trt_allocator);
    FIELD(yzc_trt_allocator, allocate);
    FIELD(yzc_trt_allocator, release);
    FIELD(yzc_trt_allocator, user);
    SIZE(yzc_trt_runtime_options);
    FIELD(yzc_trt_runtime_options, host_code_allowed);
    FIELD(yzc_trt_runtime_options, allocator);
    SIZE(yzc_trt_engine_info);
    FIELD(yzc_trt_engine_info, tensor_count);
    FIELD(yzc_trt_engine_info, auxiliary_streams);
    FIELD(yzc_trt_engine_info, device_memory);
    FIELD(yzc_trt_engine_info, name);
    SIZE(yzc_trt_shape);
    FIELD(yzc_trt_shape, dims);
    SIZE(yzc_trt_tensor_info);
    FIELD(yzc_trt_tensor_info, mode);
    FIELD(yzc_trt_tensor_info, components);
    FIELD(yzc_trt_tensor_info, shape);
    FIELD(yzc_trt_tensor_info, name);
    FIELD(yzc_trt_tensor_info, format_text);
    SIZE(yzc_trt_builder_options);
    FIELD(yzc_trt_builder_options, flags);
    FIELD(yzc_trt_builder_options, workspace);
    FIELD(yzc_trt_builder_options, optimization_level);
    FIELD(yzc_trt_builder_options, auxiliary_streams);
    FIELD(yzc_trt_builder_options, timing_cache);
    FIELD(yzc_trt_builder_options, progress);
    FIELD(yzc_trt_builder_options, progress_user);
    FIELD(yzc_trt_builder_options, allocator);
    SIZE(yzc_trt_issue);
    FIELD(yzc_trt_issue, code);
    FIELD(yzc_trt_issue, line);
    FIELD(yzc_trt_issue, node_name);
    FIELD(yzc_trt_issue, function);
    SIZE(yzc_trt_profile_input);
    FIELD(yzc_trt_profile_input, name);
    FIELD(yzc_trt_profile_input, min);
    FIELD(yzc_trt_profile_input, opt);
    FIELD(yzc_trt_profile_input, max);
    return yzc_trt_abi_version() == YZC_TRT_ABI_VERSION ? 0 : 1;
}
