#include "blob.h"

namespace yzc
{

Blob::Blob(std::shared_ptr<Library> library, std::unique_ptr<nvinfer1::IHostMemory> memory)
    : mLibrary(std::move(library))
    , mMemory(std::move(memory))
{
}

void const* Blob::data() const noexcept
{
    return mMemory->data();
}

uint64_t Blob::length() const noexcept
{
    return mMemory->size();
}

} // namespace yzc

int32_t yzc_trt_blob_data(yzc_trt_blob blob, const void** data, uint64_t* length)
{
    return yzc::guard([&] {
        yzc::require(data != nullptr && length != nullptr, "data or length is null");
        std::shared_ptr<yzc::Blob> const found = yzc::find<yzc::Blob>(blob);
        *data = found->data();
        *length = found->length();
    });
}

int32_t yzc_trt_blob_free(yzc_trt_blob blob)
{
    return yzc::guard([&] { yzc::release<yzc::Blob>(blob); });
}

int32_t yzc_trt_handle_count(int32_t* count)
{
    return yzc::guard([&] {
        yzc::require(count != nullptr, "count is null");
        *count = static_cast<int32_t>(yzc::liveHandles());
    });
}
