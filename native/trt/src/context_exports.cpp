#include "context.h"

int32_t yzc_trt_context_create(yzc_trt_engine engine, yzc_trt_context* context)
{
    return yzc::guard([&] {
        std::shared_ptr<yzc::Engine> const found = yzc::find<yzc::Engine>(engine);
        yzc::require(context != nullptr, "context is null");
        *context = yzc::add(std::make_shared<yzc::Context>(found));
    });
}

int32_t yzc_trt_context_free(yzc_trt_context context)
{
    return yzc::guard([&] { yzc::release<yzc::Context>(context); });
}

int32_t yzc_trt_context_set_profile(yzc_trt_context context, int32_t profile, void* stream)
{
    return yzc::alone<yzc::Context>(context, [&](yzc::Context& found) { found.setProfile(profile, stream); });
}

int32_t yzc_trt_context_set_input_shape(yzc_trt_context context, const char* input, const yzc_trt_shape* shape)
{
    return yzc::alone<yzc::Context>(context, [&](yzc::Context& found) {
        yzc::require(shape != nullptr, "shape is null");
        found.setInputShape(input, *shape);
    });
}

int32_t yzc_trt_context_tensor_shape(yzc_trt_context context, const char* tensor, yzc_trt_shape* shape)
{
    return yzc::alone<yzc::Context>(context, [&](yzc::Context& found) {
        yzc::require(shape != nullptr, "shape is null");
        *shape = found.tensorShape(tensor);
    });
}

int32_t yzc_trt_context_required_memory(yzc_trt_context context, uint64_t* bytes)
{
    return yzc::alone<yzc::Context>(context, [&](yzc::Context& found) {
        yzc::require(bytes != nullptr, "bytes is null");
        *bytes = found.requiredMemory();
    });
}

int32_t yzc_trt_context_set_memory(yzc_trt_context context, void* memory, uint64_t length)
{
    return yzc::alone<yzc::Context>(context, [&](yzc::Context& found) { found.setMemory(memory, length); });
}

int32_t yzc_trt_context_set_address(yzc_trt_context context, const char* tensor, void* address)
{
    return yzc::alone<yzc::Context>(context, [&](yzc::Context& found) { found.setAddress(tensor, address); });
}

int32_t yzc_trt_context_enqueue(yzc_trt_context context, void* stream)
{
    return yzc::alone<yzc::Context>(context, [&](yzc::Context& found) { found.enqueue(stream); });
}

int32_t yzc_trt_context_capturable(yzc_trt_context context, int32_t* capturable, char* reason, int32_t capacity, int32_t* length)
{
    return yzc::alone<yzc::Context>(context, [&](yzc::Context& found) {
        yzc::require(capturable != nullptr, "capturable is null");
        yzc::require(capacity >= 0 && (reason != nullptr || capacity == 0), "capacity is negative, or reason is null");
        std::string const obstacle = found.captureObstacle();
        *capturable = obstacle.empty() ? 1 : 0;
        // No buffer at all: the caller does not care for the reason.
        bool const wanted = reason != nullptr || length != nullptr;
        if (wanted && yzc::copyText(obstacle.c_str(), reason, capacity, length) != YZC_TRT_OK)
        {
            throw yzc::Failure(YZC_TRT_E_BUFFER, "the reason has " + std::to_string(obstacle.size()) + " bytes, more than the buffer takes");
        }
    });
}
