#include "plan.h"

#include "error.h"
#include "structs.h"

#include <cstdio>
#include <cstring>

namespace yzc
{

namespace
{

constexpr uint64_t kMagicBytes = 4;
constexpr uint64_t kLengthBytes = 4;

// TensorRT's header is longer; a file that ends within its first fields holds no plan.
constexpr uint64_t kLeastPlanBytes = 32;

// Names of a thousand classes need some 20 KiB.
constexpr uint64_t kMostMetadataBytes = 16ULL << 20;

bool beginsPlan(unsigned char const* data)
{
    return std::memcmp(data, "ftrt", kMagicBytes) == 0 || std::memcmp(data, "ptrt", kMagicBytes) == 0;
}

uint64_t readLittleEndian32(unsigned char const* data)
{
    return data[0] | (static_cast<uint64_t>(data[1]) << 8) | (static_cast<uint64_t>(data[2]) << 16) | (static_cast<uint64_t>(data[3]) << 24);
}

[[noreturn]] void damaged(std::string const& reason)
{
    throw Failure(YZC_TRT_E_DAMAGED_PLAN, "this is no TensorRT plan: " + reason);
}

std::string firstBytes(unsigned char const* data, uint64_t available)
{
    std::string text;
    for (uint64_t i = 0; i < available && i < 8; i++)
    {
        char byte[4];
        std::snprintf(byte, sizeof byte, "%02x ", data[i]);
        text += byte;
    }
    return text.substr(0, text.size() - 1);
}

} // namespace

void readPlan(unsigned char const* data, uint64_t available, uint64_t fileLength, yzc_trt_plan_info& info)
{
    info.has_metadata = 0;
    info.metadata_offset = 0;
    info.metadata_length = 0;
    info.plan_offset = 0;
    info.plan_length = fileLength;
    if (fileLength < kLeastPlanBytes)
    {
        damaged("it has " + std::to_string(fileLength) + " bytes, the shortest plan has " + std::to_string(kLeastPlanBytes));
    }
    if (available < kLengthBytes + 1)
    {
        throw Failure(YZC_TRT_E_BUFFER, "at least the first 64 bytes of the file are wanted");
    }
    if (beginsPlan(data))
    {
        return;
    }
    uint64_t const length = readLittleEndian32(data);
    if (data[kLengthBytes] != '{')
    {
        damaged("it begins with neither TensorRT's mark nor a metadata prefix, but with " + firstBytes(data, available)
            + (data[0] == 0x08 ? " (was an ONNX model given?)" : ""));
    }
    if (length < 2 || length > kMostMetadataBytes || fileLength - kLengthBytes < length
        || fileLength - kLengthBytes - length < kLeastPlanBytes)
    {
        damaged("its metadata prefix claims " + std::to_string(length) + " bytes of a file of " + std::to_string(fileLength));
    }
    info.has_metadata = 1;
    info.metadata_offset = kLengthBytes;
    info.metadata_length = length;
    info.plan_offset = kLengthBytes + length;
    info.plan_length = fileLength - info.plan_offset;
    if (available < info.plan_offset + kMagicBytes)
    {
        throw Failure(YZC_TRT_E_BUFFER, "the metadata prefix has " + std::to_string(length) + " bytes, more than were given");
    }
    if (data[info.plan_offset - 1] != '}')
    {
        damaged("its metadata prefix does not end with '}'");
    }
    if (!beginsPlan(data + info.plan_offset))
    {
        damaged("behind its metadata prefix TensorRT's mark is missing");
    }
}

} // namespace yzc

int32_t yzc_trt_plan_read(const void* data, uint64_t available, uint64_t file_length, yzc_trt_plan_info* info)
{
    return yzc::guard([&] {
        yzc::checkedSize(info, "plan info");
        yzc::require(data != nullptr, "data is null");
        yzc::require(available <= file_length, "available is more than file_length");
        yzc_trt_plan_info read{};
        try
        {
            yzc::readPlan(static_cast<unsigned char const*>(data), available, file_length, read);
        }
        catch (yzc::Failure const& failure)
        {
            if (failure.status() == YZC_TRT_E_BUFFER)
            {
                yzc::writeStruct(info, read, "plan info");
            }
            throw;
        }
        yzc::writeStruct(info, read, "plan info");
    });
}
