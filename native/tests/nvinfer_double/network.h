// What the builder builds from: a network, its tensors, profiles and timing caches.
#pragma once

#include <NvInfer.h>

#include <memory>

#include "builder_stubs.h"
#include "onnx_model.h"
#include "reporter.h"

namespace yzc_double {

class network_tensor final : public nvinfer1::ITensor, public stub_VTensor {
public:
    network_tensor(tensor value, bool as_input) : content(std::move(value)), input(as_input) { mImpl = this; }
    ~network_tensor() noexcept override = default;
    void setName(char const* value) noexcept override { content.name = value; }
    char const* getName() const noexcept override { return content.name.c_str(); }
    void setDimensions(nvinfer1::Dims const& value) noexcept override { content.dimensions.assign(value.d, value.d + value.nbDims); }
    nvinfer1::Dims getDimensions() const noexcept override { return dims_of(content.dimensions); }
    nvinfer1::DataType getType() const noexcept override { return static_cast<nvinfer1::DataType>(content.type); }
    bool isNetworkInput() const noexcept override { return input; }
    bool isNetworkOutput() const noexcept override { return !input; }
    nvinfer1::TensorLocation getLocation() const noexcept override { return nvinfer1::TensorLocation::kDEVICE; }
    bool isShapeTensor() const noexcept override { return false; }
    bool isExecutionTensor() const noexcept override { return true; }
    char const* getDimensionName(int32_t index) const noexcept override;

    tensor content;

private:
    bool input;
};

class network final : public nvinfer1::INetworkDefinition, public stub_VNetworkDefinition {
public:
    network(const reporter& parent, nvinfer1::NetworkDefinitionCreationFlags creation) : report(parent), flags(creation) { mImpl = this; }
    ~network() noexcept override = default;
    int32_t getNbLayers() const noexcept override { return static_cast<int32_t>(model.nodes.size()); }
    int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(inputs.size()); }
    nvinfer1::ITensor* getInput(int32_t index) const noexcept override;
    int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(outputs.size()); }
    nvinfer1::ITensor* getOutput(int32_t index) const noexcept override;
    void setName(char const* value) noexcept override { model.name = value; }
    char const* getName() const noexcept override { return model.name.c_str(); }
    bool hasImplicitBatchDimension() const noexcept override { return false; }
    void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { report.set_recorder(recorder); }
    nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return report.get_recorder(); }
    nvinfer1::NetworkDefinitionCreationFlags getFlags() const noexcept override { return flags; }
    bool getFlag(nvinfer1::NetworkDefinitionCreationFlag flag) const noexcept override { return (flags >> static_cast<int32_t>(flag) & 1) != 0; }

    // Takes over what the parser read.
    void fill(onnx_model value, std::vector<uint8_t> bytes);

    onnx_model model;
    std::vector<uint8_t> onnx;

private:
    counted live{"network"};
    reporter report;
    nvinfer1::NetworkDefinitionCreationFlags flags;
    std::vector<std::unique_ptr<network_tensor>> inputs, outputs;
};

class optimization_profile final : public nvinfer1::IOptimizationProfile, public stub_VOptimizationProfile {
public:
    optimization_profile() { mImpl = this; }
    ~optimization_profile() noexcept override = default;
    bool setDimensions(char const* input, nvinfer1::OptProfileSelector which, nvinfer1::Dims const& dims) noexcept override;
    nvinfer1::Dims getDimensions(char const* input, nvinfer1::OptProfileSelector which) const noexcept override;
    bool isValid() const noexcept override;

    std::map<std::string, range> inputs;
};

class timing_cache final : public nvinfer1::ITimingCache, public stub_VTimingCache {
public:
    explicit timing_cache(std::vector<uint8_t> value) : bytes(std::move(value)) { mImpl = this; }
    ~timing_cache() noexcept override = default;
    nvinfer1::IHostMemory* serialize() const noexcept override;
    bool combine(nvinfer1::ITimingCache const&, bool) noexcept override { return true; }
    bool reset() noexcept override;

    // What a cache of this library begins with: another version's is not taken.
    static std::vector<uint8_t> header();
    static bool fits(const void* blob, size_t size);

    // One byte for each build that used it, so that a test sees it grow.
    mutable std::vector<uint8_t> bytes;

private:
    counted live{"timing cache"};
};

}  // namespace yzc_double
