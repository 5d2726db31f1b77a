#include "network.h"

#include <cstring>
#include <new>

#include "engine.h"
#include "runtime.h"

namespace yzc_double {

char const* network_tensor::getDimensionName(int32_t index) const noexcept
{
    bool named = index >= 0 && static_cast<size_t>(index) < content.names.size() && !content.names[static_cast<size_t>(index)].empty();
    return named ? content.names[static_cast<size_t>(index)].c_str() : nullptr;
}

nvinfer1::ITensor* network::getInput(int32_t index) const noexcept
{
    return index >= 0 && index < getNbInputs() ? inputs[static_cast<size_t>(index)].get() : nullptr;
}

nvinfer1::ITensor* network::getOutput(int32_t index) const noexcept
{
    return index >= 0 && index < getNbOutputs() ? outputs[static_cast<size_t>(index)].get() : nullptr;
}

void network::fill(onnx_model value, std::vector<uint8_t> bytes)
{
    model = std::move(value);
    onnx = std::move(bytes);
    for (const tensor& each : model.tensors) {
        (each.input ? inputs : outputs).push_back(std::make_unique<network_tensor>(each, each.input));
    }
}

bool optimization_profile::setDimensions(char const* input, nvinfer1::OptProfileSelector which, nvinfer1::Dims const& dims) noexcept
{
    if (enter("setDimensions") != verdict::go_on || !is_name(input) || dims.nbDims < 0 || dims.nbDims > nvinfer1::Dims::MAX_DIMS) {
        return false;
    }

    range& limits = inputs[input];
    using select = nvinfer1::OptProfileSelector;
    shape& chosen = which == select::kMIN ? limits.min : which == select::kOPT ? limits.opt : limits.max;
    chosen.assign(dims.d, dims.d + dims.nbDims);
    return true;
}

nvinfer1::Dims optimization_profile::getDimensions(char const* input, nvinfer1::OptProfileSelector which) const noexcept
{
    auto found = inputs.find(is_name(input) ? input : "");
    using select = nvinfer1::OptProfileSelector;
    return found == inputs.end() ? no_dims : dims_of(which == select::kMIN ? found->second.min : which == select::kOPT ? found->second.opt : found->second.max);
}

bool optimization_profile::isValid() const noexcept
{
    for (const auto& [name, limits] : inputs) {
        bool ranks = !limits.min.empty() && limits.min.size() == limits.opt.size() && limits.opt.size() == limits.max.size();
        for (size_t i = 0; ranks && i < limits.min.size(); i++) {
            ranks = limits.min[i] > 0 && limits.min[i] <= limits.opt[i] && limits.opt[i] <= limits.max[i];
        }

        if (!ranks) {
            return false;
        }
    }

    return !inputs.empty();
}

std::vector<uint8_t> timing_cache::header()
{
    std::string text = "YZCTIMES " + std::to_string(own_version().major) + "." + std::to_string(own_version().minor) + "." + std::to_string(own_version().patch) + " ";
    return {text.begin(), text.end()};
}

bool timing_cache::fits(const void* blob, size_t size)
{
    std::vector<uint8_t> wanted = header();
    return size >= wanted.size() && std::memcmp(blob, wanted.data(), wanted.size()) == 0;
}

nvinfer1::IHostMemory* timing_cache::serialize() const noexcept
{
    return enter("serialize") == verdict::go_on ? new (std::nothrow) host_memory(bytes) : nullptr;
}

bool timing_cache::reset() noexcept
{
    bytes = header();
    return true;
}

}  // namespace yzc_double
