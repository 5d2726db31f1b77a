#include "inspector.h"

#include <cstdio>

namespace yzc_double {
namespace {

std::string quoted(const std::string& value)
{
    std::string text = "\"";
    for (char c : value) {
        if (c == '"' || c == '\\') {
            text += '\\';
            text += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
            text += escaped;
        } else {
            text += c;
        }
    }

    return text + "\"";
}

template <typename Items, typename Text>
std::string joined(const Items& items, const char* separator, Text text)
{
    std::string result;
    for (const auto& item : items) {
        result += (result.empty() ? "" : separator) + text(item);
    }

    return result;
}

}  // namespace

inspector::inspector(engine& of, const reporter& parent) : report(parent), data(of.data)
{
    mImpl = this;
    data->children++;
}

inspector::~inspector() noexcept
{
    data->children--;
}

bool inspector::setExecutionContext(nvinfer1::IExecutionContext const* value) noexcept
{
    context = value;
    return true;
}

char const* inspector::getLayerInformation(int32_t layer, nvinfer1::LayerInformationFormat format) const noexcept
{
    if (!report.enters("IEngineInspector", "getLayerInformation")) {
        return nullptr;
    }

    const std::vector<std::string>& layers = data->model.layers;
    if (layer < 0 || layer >= static_cast<int32_t>(layers.size())) {
        report.usage_error("IEngineInspector::getLayerInformation", "Parameter check failed, condition: layerIndex >= 0 && layerIndex < getNbLayers().");
        return nullptr;
    }

    const std::string& name = layers[static_cast<size_t>(layer)];
    text = format == nvinfer1::LayerInformationFormat::kJSON ? quoted(name) : name + "\n";
    return text.c_str();
}

char const* inspector::getEngineInformation(nvinfer1::LayerInformationFormat format) const noexcept
{
    if (!report.enters("IEngineInspector", "getEngineInformation")) {
        return nullptr;
    }

    const plan& model = data->model;
    if (format != nvinfer1::LayerInformationFormat::kJSON) {
        text = "Layers:\n" + joined(model.layers, "\n", [](const std::string& layer) { return layer; }) + "\n";
        return text.c_str();
    }

    std::string layers = joined(model.layers, ",", quoted);
#if NV_TENSORRT_MAJOR < 11
    std::string tensors = "\"Bindings\":[" + joined(model.tensors, ",", [](const tensor& each) { return quoted(each.name); }) + "]";
#else
    std::string tensors = "\"I/O Tensors\":[" + joined(model.tensors, ",", [](const tensor& each) {
        return "{\"Name\":" + quoted(each.name) + ",\"Dimensions\":" + text_of(each.dimensions) + ",\"Format\":\"Linear\",\"Datatype\":" + quoted(name_of(each.type)) + "}";
    }) + "]";
#endif
    text = "{\"Layers\":[" + layers + "]," + tensors + "}";
    return text.c_str();
}

}  // namespace yzc_double
