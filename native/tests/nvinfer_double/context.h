#pragma once

#include <memory>

#include "engine.h"

namespace yzc_double {

// A model opened for shapes, addresses and stream, warmed up so that a caller's capture can hold its runs.
class execution {
public:
    // Throws std::runtime_error. Waits for the device.
    execution(const plan& model, const std::vector<ort::place>& tensors, const ort::device& where);
    void run() { bound->run(); }

    // Why no capture can hold its runs; empty when one can.
    const std::string& refusal() const { return reason; }

private:
    void open(const plan& model, const std::vector<ort::place>& tensors, const ort::device& where, bool capturable);

    counted live{"session"};
    std::string reason;
    std::unique_ptr<ort::session> session;
    std::unique_ptr<ort::binding> bound;
};

class context final : public nvinfer1::IExecutionContext, public nvinfer1::apiv::VExecutionContext {
public:
    context(engine& of, const reporter& from, nvinfer1::ExecutionContextAllocationStrategy which);
    ~context() noexcept override;

    nvinfer1::IExecutionContext* getPImpl() noexcept override { return this; }
    void setDebugSync(bool value) noexcept override { debug_sync = value; }
    bool getDebugSync() const noexcept override { return debug_sync; }
    void setProfiler(nvinfer1::IProfiler* value) noexcept override { profiler = value; }
    nvinfer1::IProfiler* getProfiler() const noexcept override { return profiler; }
    nvinfer1::ICudaEngine const& getEngine() const noexcept override { return parent; }
    void setName(char const* value) noexcept override { name = value == nullptr ? "" : value; }
    char const* getName() const noexcept override { return name.c_str(); }
    void setDeviceMemory(void* memory) noexcept override;
    int32_t getOptimizationProfile() const noexcept override { return static_cast<int32_t>(profile); }
    bool allInputDimensionsSpecified() const noexcept override { return missing().empty(); }
    void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { report.set_recorder(recorder); }
    nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return report.get_recorder(); }
    bool executeV2(void* const* bindings) noexcept override;
    bool setOptimizationProfileAsync(int32_t index, cudaStream_t stream) noexcept override;
    void setEnqueueEmitsProfile(bool) noexcept override {}
    bool getEnqueueEmitsProfile() const noexcept override { return true; }
    bool reportToProfiler() const noexcept override { return false; }
    bool setInputShape(char const* tensor_name, nvinfer1::Dims const& dims) noexcept override;
    nvinfer1::Dims getTensorShape(char const* tensor_name) const noexcept override;
    nvinfer1::Dims getTensorStrides(char const* tensor_name) const noexcept override;
    bool setTensorAddress(char const* tensor_name, void* data) noexcept override;
    void const* getTensorAddress(char const* tensor_name) const noexcept override;
    bool setInputTensorAddress(char const* tensor_name, void const* data) noexcept override;
    bool setOutputTensorAddress(char const* tensor_name, void* data) noexcept override;
    int32_t inferShapes(int32_t count, char const** names) noexcept override;
    bool setInputConsumedEvent(cudaEvent_t value) noexcept override;
    cudaEvent_t getInputConsumedEvent() const noexcept override { return consumed; }
    void* getOutputTensorAddress(char const* tensor_name) const noexcept override;
    bool setOutputAllocator(char const*, nvinfer1::IOutputAllocator*) noexcept override;
    nvinfer1::IOutputAllocator* getOutputAllocator(char const*) noexcept override { return nullptr; }
    int64_t getMaxOutputSize(char const* tensor_name) const noexcept override;
    bool setTemporaryStorageAllocator(nvinfer1::IGpuAllocator* value) noexcept override;
    nvinfer1::IGpuAllocator* getTemporaryStorageAllocator() const noexcept override { return temporary; }
    bool enqueueV3(cudaStream_t stream) noexcept override;
    void setPersistentCacheLimit(size_t) noexcept override {}
    size_t getPersistentCacheLimit() const noexcept override { return 0; }
    bool setNvtxVerbosity(nvinfer1::ProfilingVerbosity) noexcept override { return true; }
    nvinfer1::ProfilingVerbosity getNvtxVerbosity() const noexcept override { return nvinfer1::ProfilingVerbosity::kNONE; }
    void setAuxStreams(cudaStream_t*, int32_t) noexcept override {}
    bool setDebugListener(nvinfer1::IDebugListener*) noexcept override { return false; }
    nvinfer1::IDebugListener* getDebugListener() noexcept override { return nullptr; }
    bool setTensorDebugState(char const*, bool) noexcept override { return false; }
    bool getDebugState(char const*) const noexcept override { return false; }
    bool setAllTensorsDebugState(bool) noexcept override { return false; }
    size_t updateDeviceMemorySizeForShapes() noexcept override;
    void setDeviceMemoryV2(void* memory, int64_t size) noexcept override;
    nvinfer1::IRuntimeConfig* getRuntimeConfig() const noexcept override { return nullptr; }
    bool setUnfusedTensorsDebugState(bool) noexcept override { return false; }
    bool getUnfusedTensorsDebugState() const noexcept override { return false; }
    bool setCommunicator(void*) noexcept override { return false; }
#if NV_TENSORRT_MAJOR < 11
    bool allInputShapesSpecified() const noexcept override { return missing().empty(); }
#endif

private:
    // What decides which execution serves an enqueue.
    using key = std::pair<std::vector<std::pair<shape, void*>>, void*>;

    const tensor* find(const char* call, const char* tensor_name, bool any_mode = true, bool input = false) const;
    bool set_address(const char* call, const tensor* which, void* data);
    shape shape_now(const tensor& which) const;
    std::vector<const tensor*> missing() const;
    std::map<std::string, shape> inputs_now() const;
    void allocate();
    std::string unready(uint64_t& needed) const;
    execution& execution_for(void* stream, bool capturing);
    bool run(void* stream, uint64_t needed);

    counted live{"context"};
    reporter report;
    engine& parent;
    const std::shared_ptr<const engine_data> data;
    const nvinfer1::ExecutionContextAllocationStrategy strategy;
    size_t profile = 0;
    std::map<std::string, shape> shapes;
    std::map<std::string, void*> addresses;
    void* memory = nullptr;
    uint64_t memory_bytes = 0;
    std::unique_ptr<device_memory> own_memory;
    // Shapes for which the memory was divided; empty until that was asked for.
    std::map<std::string, shape> divided_for;
    cudaEvent_t consumed = nullptr;
    std::map<key, std::unique_ptr<execution>> executions;
    nvinfer1::IProfiler* profiler = nullptr;
    nvinfer1::IGpuAllocator* temporary = nullptr;
    std::string name;
    bool debug_sync = false;
    std::atomic_flag busy = ATOMIC_FLAG_INIT;
};

}  // namespace yzc_double
