#include "builder.h"

#include <algorithm>
#include <new>

#include "cuda.h"
#include "engine.h"
#include "runtime.h"

namespace yzc_double {
namespace {

using nvinfer1::BuilderFlag;

// What an input needs of activation memory at its maximum: a guess of the size that real networks have.
constexpr int64_t memory_per_input_byte = 16;

// Tells the monitor of a phase; false when it wants no more.
bool run_phase(nvinfer1::IProgressMonitor* monitor, const char* name, const char* parent, int32_t steps, const std::vector<const char*>& inner)
{
    if (monitor == nullptr) {
        return true;
    }

    bool on = true;
    monitor->phaseStart(name, parent, steps);
    for (const char* phase : inner) {
        on = on && run_phase(monitor, phase, name, 4, {});
    }

    for (int32_t step = 0; step < steps && on; step++) {
        on = monitor->stepComplete(name, step);
    }

    monitor->phaseFinish(name);
    return on;
}

}  // namespace

int32_t builder_config::addOptimizationProfile(nvinfer1::IOptimizationProfile const* profile) noexcept
{
    if (!report.enters("IBuilderConfig", "addOptimizationProfile")) {
        return -1;
    }

    const auto* own = static_cast<const optimization_profile*>(profile);
    if (own == nullptr || !own->isValid()) {
        report.usage_error("IBuilderConfig::addOptimizationProfile", "Parameter check failed, condition: profile->isValid().");
        return -1;
    }

    profiles.push_back(own);
    return getNbOptimizationProfiles() - 1;
}

nvinfer1::ITimingCache* builder_config::createTimingCache(void const* blob, std::size_t size) const noexcept
{
    if (!report.enters("IBuilderConfig", "createTimingCache")) {
        return nullptr;
    }

    if (size == 0) {
        return new (std::nothrow) timing_cache(timing_cache::header());
    }

    if (blob == nullptr || !timing_cache::fits(blob, size)) {
        report.usage_error("IBuilderConfig::createTimingCache", "The timing cache is of another version or is damaged.");
        return nullptr;
    }

    const auto* bytes = static_cast<const uint8_t*>(blob);
    return new (std::nothrow) timing_cache({bytes, bytes + size});
}

bool builder_config::setTimingCache(nvinfer1::ITimingCache const& value, bool) noexcept
{
    if (!report.enters("IBuilderConfig", "setTimingCache")) {
        return false;
    }

    cache = &value;
    return true;
}

void builder_config::setMemoryPoolLimit(nvinfer1::MemoryPoolType pool, std::size_t bytes) noexcept
{
    if (report.enters("IBuilderConfig", "setMemoryPoolLimit") && pool == nvinfer1::MemoryPoolType::kWORKSPACE) {
        workspace = bytes;
    }
}

std::size_t builder_config::getMemoryPoolLimit(nvinfer1::MemoryPoolType pool) const noexcept
{
    return pool == nvinfer1::MemoryPoolType::kWORKSPACE ? workspace : 0;
}

void builder_config::setBuilderOptimizationLevel(int32_t value) noexcept
{
    if (value < 0 || value > 5) {
        report.usage_error("IBuilderConfig::setBuilderOptimizationLevel", "Parameter check failed, condition: level >= 0 && level <= 5.");
    } else {
        level = value;
    }
}

nvinfer1::IBuilderConfig* builder::createBuilderConfig() noexcept
{
    return report.enters("IBuilder", "createBuilderConfig") ? new (std::nothrow) builder_config(report) : nullptr;
}

nvinfer1::INetworkDefinition* builder::createNetworkV2(nvinfer1::NetworkDefinitionCreationFlags flags) noexcept
{
    return report.enters("IBuilder", "createNetworkV2") ? new (std::nothrow) network(report, flags) : nullptr;
}

nvinfer1::IOptimizationProfile* builder::createOptimizationProfile() noexcept
{
    if (!report.enters("IBuilder", "createOptimizationProfile")) {
        return nullptr;
    }

    profiles.push_back(std::make_unique<optimization_profile>());
    return profiles.back().get();
}

std::string builder::reason_against(const network& source, const builder_config& config) const
{
    if (source.getNbOutputs() == 0) {
        return "Network must have at least one output";
    }

    for (const tensor& each : source.model.tensors) {
        if (!each.input || elements_of(each.dimensions) >= 0) {
            continue;
        }

        if (config.profiles.empty()) {
            return "Network has dynamic or shape inputs, but no optimization profile has been defined.";
        }

        for (size_t i = 0; i < config.profiles.size(); i++) {
            auto found = config.profiles[i]->inputs.find(each.name);
            if (found == config.profiles[i]->inputs.end() || found->second.min.size() != each.dimensions.size()) {
                return "Input tensor " + each.name + " is dynamic and optimization profile " + std::to_string(i) + " does not give its dimensions.";
            }
        }
    }

    return {};
}

plan builder::make_plan(const network& source, const builder_config& config) const
{
    plan made;
    library_version own = own_version();
    made.built_by = {static_cast<uint8_t>(own.major), static_cast<uint8_t>(own.minor), static_cast<uint8_t>(own.patch), static_cast<uint8_t>(own.build)};
    made.architecture = cuda::architecture();
    bool compatible = config.getFlag(BuilderFlag::kVERSION_COMPATIBLE);
    made.flags |= compatible ? plan_version_compatible : 0U;
    made.flags |= compatible && !config.getFlag(BuilderFlag::kEXCLUDE_LEAN_RUNTIME) ? plan_lean_runtime_inside : 0U;
    made.flags |= config.getHardwareCompatibilityLevel() == nvinfer1::HardwareCompatibilityLevel::kAMPERE_PLUS ? plan_ampere_plus : 0U;
    made.weight_bytes = source.onnx.size();
    made.name = source.model.name;
    made.layers = source.model.nodes;
    made.tensors = source.model.tensors;
    made.onnx = source.onnx;
    for (size_t i = 0; i < std::max<size_t>(1, config.profiles.size()); i++) {
        int64_t bytes = 0;
        for (tensor& each : made.tensors) {
            if (each.input) {
                bool given = i < config.profiles.size() && config.profiles[i]->inputs.count(each.name) != 0;
                each.profiles.push_back(given ? config.profiles[i]->inputs.at(each.name) : range{each.dimensions, each.dimensions, each.dimensions});
                bytes += elements_of(each.profiles.back().max) * bytes_of(each.type);
            }
        }

        auto wanted = static_cast<uint64_t>(memory_per_input_byte * bytes);
        uint64_t limit = config.getMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE) + static_cast<uint64_t>(bytes);
        made.memory.push_back((std::min(wanted, limit) + 255) / 256 * 256);
    }

    return made;
}

nvinfer1::IHostMemory* builder::buildSerializedNetwork(nvinfer1::INetworkDefinition& source, nvinfer1::IBuilderConfig& given) noexcept
{
    constexpr const char* call = "IBuilder::buildSerializedNetwork";
    if (!report.enters("IBuilder", "buildSerializedNetwork")) {
        return nullptr;
    }

    const auto& from = static_cast<const network&>(source);
    const auto& config = static_cast<const builder_config&>(given);
    try {
        if (std::string reason = reason_against(from, config); !reason.empty()) {
            report.usage_error(call, reason);
            return nullptr;
        }

        if (!run_phase(config.getProgressMonitor(), "Building Engine", nullptr, 8, {"Building engine from subgraph", "Timing graph nodes"})) {
            report.error(nvinfer1::ErrorCode::kUNSPECIFIED_ERROR, call, "The build was cancelled by the progress monitor.");
            return nullptr;
        }

        if (const auto* cache = static_cast<const timing_cache*>(config.getTimingCache()); cache != nullptr) {
            cache->bytes.push_back('+');
        }

        return new host_memory(write_plan(make_plan(from, config)));
    } catch (const std::exception& error) {
        report.error(nvinfer1::ErrorCode::kINTERNAL_ERROR, call, error.what());
        return nullptr;
    }
}

}  // namespace yzc_double
