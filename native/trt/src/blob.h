// Bytes handed out by handle: TensorRT's own memory where it gave some, a string otherwise.
#pragma once

#include "handles.h"
#include "library.h"

#include <string>

namespace yzc
{

class Blob
{
public:
    static constexpr Kind kKind = Kind::kBlob;

    explicit Blob(std::string text);
    Blob(std::shared_ptr<Library> library, std::unique_ptr<nvinfer1::IHostMemory> memory);

    void const* data() const noexcept;
    uint64_t length() const noexcept;

private:
    std::shared_ptr<Library> mLibrary;
    std::unique_ptr<nvinfer1::IHostMemory> mMemory;
    std::string mText;
};

} // namespace yzc
