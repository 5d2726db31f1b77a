#pragma once

#include "engine.h"

namespace yzc_double {

class inspector final : public nvinfer1::IEngineInspector, public nvinfer1::apiv::VEngineInspector {
public:
    inspector(engine& of, const reporter& parent);
    ~inspector() noexcept override;

    nvinfer1::IEngineInspector* getPImpl() noexcept override { return this; }
    bool setExecutionContext(nvinfer1::IExecutionContext const* value) noexcept override;
    nvinfer1::IExecutionContext const* getExecutionContext() const noexcept override { return context; }
    char const* getLayerInformation(int32_t layer, nvinfer1::LayerInformationFormat format) const noexcept override;
    char const* getEngineInformation(nvinfer1::LayerInformationFormat format) const noexcept override;
    void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { report.set_recorder(recorder); }
    nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return report.get_recorder(); }

private:
    counted live{"inspector"};
    reporter report;
    const std::shared_ptr<const engine_data> data;
    nvinfer1::IExecutionContext const* context = nullptr;
    mutable std::string text;
};

}  // namespace yzc_double
