// Bytes handed out by handle: TensorRT's own memory.
#pragma once

#include "handles.h"
#include "library.h"

namespace yzc
{

class Blob
{
public:
    static constexpr Kind kKind = Kind::kBlob;

    Blob(std::shared_ptr<Library> library, std::unique_ptr<nvinfer1::IHostMemory> memory);

    void const* data() const noexcept;
    uint64_t length() const noexcept;

private:
    std::shared_ptr<Library> mLibrary;
    std::unique_ptr<nvinfer1::IHostMemory> mMemory;
};

} // namespace yzc
