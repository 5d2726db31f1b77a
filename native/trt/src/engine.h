// A loaded plan. Contexts share it.
#pragma once

#include "runtime.h"
#include "shapes.h"

#include <map>

namespace yzc
{

class Engine
{
public:
    static constexpr Kind kKind = Kind::kEngine;

    Engine(std::shared_ptr<Runtime> runtime, unsigned char const* data, uint64_t length);

    yzc_trt_engine_info info();
    yzc_trt_tensor_info tensor(int32_t index, int32_t profile);
    yzc_trt_shape profileShape(char const* input, int32_t profile, int32_t select);
    int64_t profileMemory(int32_t profile);
    std::unique_ptr<nvinfer1::IExecutionContext> createContext();

    int32_t tensorCount() const noexcept
    {
        return static_cast<int32_t>(mNames.size());
    }

    char const* name(int32_t index) const noexcept
    {
        return mNames[static_cast<size_t>(index)];
    }

    // The engine's own pointer for a name; throws, listing what there is, when it has no such tensor (or it is no input and must be).
    char const* known(char const* name, bool input) const;

    nvinfer1::ICudaEngine const& native() const noexcept
    {
        return *mEngine;
    }

    Logger& logger() const noexcept
    {
        return mRuntime->logger();
    }

    void checkProfile(int32_t profile) const;

private:
    bool isInput(char const* name) const noexcept;

    std::shared_ptr<Runtime> mRuntime;
    std::unique_ptr<nvinfer1::ICudaEngine> mEngine;
    std::vector<char const*> mNames;
    std::map<std::pair<int32_t, int32_t>, std::string> mFormats;
};

} // namespace yzc
