#include "ort.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <cstdlib>
#include <stdexcept>

namespace yzc_double::ort {
namespace {

constexpr int log_fatal = 4, optimize_basic = 1, optimize_all = 99;

bool is_folder(const std::string& path)
{
    struct stat entry;
    return stat(path.c_str(), &entry) == 0 && S_ISDIR(entry.st_mode);
}

std::vector<std::string> places()
{
    const char* variable = std::getenv("YZC_ONNXRUNTIME");
    if (variable == nullptr || *variable == '\0') {
        return {"libonnxruntime.so.1", "libonnxruntime.so"};
    }

    std::string path = variable;
    return is_folder(path) ? std::vector<std::string>{path + "/libonnxruntime.so", path + "/libonnxruntime.so.1"} : std::vector<std::string>{path};
}

int onnx_type(element type)
{
    switch (type) {
    case element::f32:
        return 1;
    case element::u8:
        return 2;
    case element::i8:
        return 3;
    case element::i32:
        return 6;
    case element::i64:
        return 7;
    case element::boolean:
        return 9;
    case element::f16:
        return 10;
    case element::bf16:
        return 16;
    }

    return 0;
}

shape dimensions_of(const library& runtime, handle tensor_info)
{
    size_t rank = 0;
    runtime.check(get_dimensions_count, tensor_info, &rank);
    shape dimensions(rank);
    runtime.check(get_dimensions, tensor_info, dimensions.data(), rank);
    return dimensions;
}

owned memory_info(const library& runtime, const device& where)
{
    constexpr int device_allocator = 0, default_memory = 0;
    handle made = nullptr;
    runtime.check(create_memory_info, where.cuda ? "Cuda" : "Cpu", device_allocator, where.cuda ? where.ordinal : 0, default_memory, &made);
    return owned(made, release_memory_info);
}

owned tensor_at(const library& runtime, handle info, const place& where)
{
    handle made = nullptr;
    auto bytes = static_cast<size_t>(elements_of(where.dimensions) * bytes_of(where.what->type));
    runtime.check(create_tensor_with_data, info, where.address, bytes, where.dimensions.data(), where.dimensions.size(), onnx_type(where.what->type), &made);
    return owned(made, release_value);
}

// As YoloZeroCopy's own ONNX Runtime engine sets it, so that the double's rate can be compared with it.
void append_cuda(const library& runtime, handle options, const device& where, bool capturable)
{
    handle made = nullptr;
    runtime.check(create_cuda_options, &made);
    owned provider(made, release_cuda_options);
    std::string ordinal = std::to_string(where.ordinal);
    const char* keys[] = {"device_id", "do_copy_in_default_stream", "prefer_nhwc", "enable_cuda_graph", "cudnn_conv_algo_search", "fuse_conv_bias", "arena_extend_strategy"};
    const char* values[] = {ordinal.c_str(), "1", "1", capturable ? "1" : "0", "HEURISTIC", "1", "kSameAsRequested"};
    runtime.check(update_cuda_options, provider.get(), keys, values, sizeof keys / sizeof *keys);

    // After the texts, which put every pointer back to its default.
    runtime.check(update_cuda_option_with_value, provider.get(), "user_compute_stream", where.stream);
    runtime.check(append_cuda_provider, options, provider.get());
}

}  // namespace

library::library()
{
    std::string tried;
    void* opened = nullptr;
    for (const std::string& name : places()) {
        opened = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (opened != nullptr) {
            break;
        }

        tried += std::string("; ") + dlerror();
    }

    if (opened == nullptr) {
        throw std::runtime_error("the test double runs models with ONNX Runtime, which is not found (YZC_ONNXRUNTIME may name it)" + tried);
    }

    auto entry = reinterpret_cast<const api_base* (*)()>(dlsym(opened, "OrtGetApiBase"));
    table = entry == nullptr ? nullptr : entry()->get_api(api_version);
    if (table == nullptr) {
        throw std::runtime_error("ONNX Runtime is too old for the test double, which needs 1.16");
    }

    check(create_env, log_fatal, "nvinfer_double", &env);
    check(disable_telemetry, env);
}

const library& library::get()
{
    // Neither closed nor destroyed: the runtime's own threads and statics may end later.
    static const auto* opened = new library;
    return *opened;
}

void library::throw_if_failed(status result) const
{
    if (result != nullptr) {
        std::string message = call(get_error_message, result);
        call(release_status, result);
        throw std::runtime_error(message);
    }
}

session::session(const plan& of, const std::vector<place>& inputs, const device& where, bool capturable) : model(of)
{
    const library& runtime = library::get();
    handle made = nullptr;
    runtime.check(create_session_options, &made);
    owned options(made, release_session_options);
    runtime.check(set_session_log_severity, made, log_fatal);
    runtime.check(set_optimization_level, made, where.cuda ? optimize_all : optimize_basic);
    runtime.check(set_intra_op_threads, made, 1);
    runtime.check(disable_mem_pattern, made);
    for (const place& input : inputs) {
        for (size_t i = 0; i < input.dimensions.size(); i++) {
            if (input.what->dimensions[i] < 0 && !input.what->names[i].empty()) {
                runtime.check(add_free_dimension_override_by_name, made, input.what->names[i].c_str(), input.dimensions[i]);
            }
        }
    }

    if (where.cuda) {
        append_cuda(runtime, made, where, capturable);
    }

    handle opened = nullptr;
    runtime.check(create_session_from_array, runtime.environment(), model.onnx.data(), model.onnx.size(), options.get(), &opened);
    value = owned(opened, release_session);
}

std::vector<shape> session::output_shapes(const std::vector<place>& inputs) const
{
    const library& runtime = library::get();
    handle allocator = nullptr;
    runtime.check(get_default_allocator, &allocator);
    size_t count = 0;
    runtime.check(session_get_output_count, get(), &count);
    std::vector<shape> shapes;
    for (const tensor& each : model.tensors) {
        for (size_t i = 0; i < count && !each.input; i++) {
            char* text = nullptr;
            runtime.check(session_get_output_name, get(), i, allocator, &text);
            bool same = each.name == text;
            runtime.check(allocator_free, allocator, text);
            if (same) {
                handle info = nullptr, tensor_info = nullptr;
                runtime.check(session_get_output_type_info, get(), i, &info);
                owned type(info, release_type_info);
                runtime.check(cast_type_info_to_tensor_info, info, &tensor_info);
                shapes.push_back(dimensions_of(runtime, tensor_info));
            }
        }
    }

    for (const shape& dimensions : shapes) {
        if (elements_of(dimensions) < 0) {
            return shapes_by_running(inputs);
        }
    }

    return shapes;
}

std::vector<shape> session::shapes_by_running(const std::vector<place>& inputs) const
{
    const library& runtime = library::get();
    owned info = memory_info(runtime, {});
    handle made = nullptr;
    runtime.check(create_io_binding, get(), &made);
    owned bound(made, release_io_binding);
    runtime.check(create_run_options, &made);
    owned options(made, release_run_options);
    std::vector<std::vector<uint64_t>> zeros;
    std::vector<owned> values;
    for (place input : inputs) {
        zeros.emplace_back(static_cast<size_t>(elements_of(input.dimensions) * bytes_of(input.what->type)) / 8 + 1);
        input.address = zeros.back().data();
        values.push_back(tensor_at(runtime, info.get(), input));
        runtime.check(bind_input, bound.get(), input.what->name.c_str(), values.back().get());
    }

    size_t outputs = 0;
    for (const tensor& each : model.tensors) {
        if (!each.input) {
            runtime.check(bind_output_to_device, bound.get(), each.name.c_str(), info.get());
            outputs++;
        }
    }

    runtime.check(run_with_binding, get(), options.get(), bound.get());
    handle allocator = nullptr;
    handle* results = nullptr;
    size_t count = 0;
    runtime.check(get_default_allocator, &allocator);
    runtime.check(get_bound_output_values, bound.get(), allocator, &results, &count);
    std::vector<owned> kept;
    for (size_t i = 0; i < count; i++) {
        kept.emplace_back(results[i], release_value);
    }

    runtime.check(allocator_free, allocator, static_cast<void*>(results));
    std::vector<shape> shapes;
    for (const owned& result : kept) {
        runtime.check(get_tensor_type_and_shape, result.get(), &made);
        owned tensor_info(made, release_tensor_info);
        shapes.push_back(dimensions_of(runtime, tensor_info.get()));
    }

    if (shapes.size() != outputs) {
        throw std::runtime_error("the model gave " + std::to_string(shapes.size()) + " outputs and the plan names " + std::to_string(outputs));
    }

    return shapes;
}

binding::binding(const session& of, const std::vector<place>& tensors, const device& where) : target(of)
{
    const library& runtime = library::get();
    owned info = memory_info(runtime, where);
    handle made = nullptr;
    runtime.check(create_io_binding, of.get(), &made);
    value = owned(made, release_io_binding);
    runtime.check(create_run_options, &made);
    options = owned(made, release_run_options);
    for (const place& each : tensors) {
        values.push_back(tensor_at(runtime, info.get(), each));
        runtime.check(each.what->input ? bind_input : bind_output, value.get(), each.what->name.c_str(), values.back().get());
    }
}

void binding::set_option(const char* key, const char* text)
{
    library::get().check(add_run_config, options.get(), key, text);
}

void binding::run()
{
    library::get().check(run_with_binding, target.get(), options.get(), value.get());
}

bool is_capture_refusal(const std::string& message)
{
    for (const char* word : {"captur", "cudaGraph", "CUDA graph", "CUDA Graph"}) {
        if (message.find(word) != std::string::npos) {
            return true;
        }
    }

    return false;
}

}  // namespace yzc_double::ort
