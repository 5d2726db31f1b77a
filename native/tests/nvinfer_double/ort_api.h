// ONNX Runtime's C function table, as far as the double calls it. Slots never move; the version asked for is the first that has them all.
#pragma once

#include <cstddef>
#include <cstdint>

namespace yzc_double::ort {

struct status_t;
using status = status_t*;

// Handles that the runtime gives out, apart only by what is done with them.
struct object;
using handle = object*;

template <typename Signature>
struct slot;

template <typename Result, typename... Arguments>
struct slot<Result(Arguments...)> {
    using function = Result (*)(Arguments...);
    int index;
};

constexpr uint32_t api_version = 16;

constexpr slot<const char*(status)> get_error_message{2};
constexpr slot<status(int, const char*, handle*)> create_env{3};
constexpr slot<status(handle)> disable_telemetry{6};
constexpr slot<status(handle, const void*, size_t, handle, handle*)> create_session_from_array{8};
constexpr slot<status(handle*)> create_session_options{10};
constexpr slot<status(handle)> disable_mem_pattern{17};
constexpr slot<status(handle, int)> set_session_log_severity{22};
constexpr slot<status(handle, int)> set_optimization_level{23};
constexpr slot<status(handle, int)> set_intra_op_threads{24};
constexpr slot<status(handle, size_t*)> session_get_output_count{31};
constexpr slot<status(handle, size_t, handle*)> session_get_output_type_info{34};
constexpr slot<status(handle, size_t, handle, char**)> session_get_output_name{37};
constexpr slot<status(handle*)> create_run_options{39};
constexpr slot<status(handle, void*, size_t, const int64_t*, size_t, int, handle*)> create_tensor_with_data{49};
constexpr slot<status(handle, handle*)> cast_type_info_to_tensor_info{55};
constexpr slot<status(handle, size_t*)> get_dimensions_count{61};
constexpr slot<status(handle, int64_t*, size_t)> get_dimensions{62};
constexpr slot<status(handle, handle*)> get_tensor_type_and_shape{65};
constexpr slot<status(const char*, int, int, int, handle*)> create_memory_info{68};
constexpr slot<status(handle, void*)> allocator_free{76};
constexpr slot<status(handle*)> get_default_allocator{78};
constexpr slot<void(status)> release_status{93};
constexpr slot<void(handle)> release_memory_info{94};
constexpr slot<void(handle)> release_session{95};
constexpr slot<void(handle)> release_value{96};
constexpr slot<void(handle)> release_run_options{97};
constexpr slot<void(handle)> release_type_info{98};
constexpr slot<void(handle)> release_tensor_info{99};
constexpr slot<void(handle)> release_session_options{100};
constexpr slot<status(handle, const char*, int64_t)> add_free_dimension_override_by_name{124};
constexpr slot<status(handle, const char*, const char*)> add_session_config{130};
constexpr slot<status(handle, handle, handle)> run_with_binding{133};
constexpr slot<status(handle, handle*)> create_io_binding{134};
constexpr slot<void(handle)> release_io_binding{135};
constexpr slot<status(handle, const char*, handle)> bind_input{136};
constexpr slot<status(handle, const char*, handle)> bind_output{137};
constexpr slot<status(handle, const char*, handle)> bind_output_to_device{138};
constexpr slot<status(handle, handle, handle**, size_t*)> get_bound_output_values{140};
constexpr slot<status(handle, const char*, const char*)> add_run_config{165};
constexpr slot<status(handle, handle)> append_cuda_provider{204};
constexpr slot<status(handle*)> create_cuda_options{205};
constexpr slot<status(handle, const char* const*, const char* const*, size_t)> update_cuda_options{206};
constexpr slot<void(handle)> release_cuda_options{208};
constexpr slot<status(handle, const char*, void*)> update_cuda_option_with_value{263};

struct api_base {
    const void* const* (*get_api)(uint32_t version);
    const char* (*get_version)();
};

}  // namespace yzc_double::ort
