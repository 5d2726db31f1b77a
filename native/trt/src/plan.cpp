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

// TensorRT's header: "ftrt" (TensorRT for RTX: "vtrt"); at 4 its own layout's version, 0; at 8 the number of sections; at 16 the length of the
// whole plan; at 24 the library's version, a byte each. Behind it a table: for each section its tag, and at 8 its offset, at 16 its length.
// Behind the last section a mark. Seen in plans of TensorRT for RTX 1.7 and in how the runtimes 10.16 and 11.4 read theirs.
constexpr uint64_t kHeaderBytes = 32;
constexpr uint64_t kRtxHeaderBytes = 64;
constexpr uint64_t kLayoutOffset = 4;
constexpr uint64_t kCountOffset = 8;
constexpr uint64_t kLengthOffset = 16;
constexpr uint64_t kVersionOffset = 24;
constexpr uint64_t kSectionBytes = 24;
constexpr uint64_t kEndMark = 0x8b8d8b99;
constexpr uint64_t kEndMarkBytes = 4;

// Names of a thousand classes need some 20 KiB.
constexpr uint64_t kMostMetadataBytes = 16ULL << 20;

bool isRtxPlan(unsigned char const* data)
{
    return std::memcmp(data, "vtrt", kMagicBytes) == 0;
}

bool beginsPlan(unsigned char const* data)
{
    return std::memcmp(data, "ftrt", kMagicBytes) == 0 || isRtxPlan(data);
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

uint64_t readLittleEndian64(unsigned char const* data)
{
    return readLittleEndian32(data) | (readLittleEndian32(data + 4) << 32);
}

// TensorRT checks its table too, but adds offsets to lengths without a look at overflow and then reads where that leads. `length` is the
// plan's, `available` bytes of it are at `data`: what is not there cannot be checked.
void checkSections(unsigned char const* data, uint64_t available, uint64_t length)
{
    uint64_t const table = isRtxPlan(data) ? kRtxHeaderBytes : kHeaderBytes;
    uint64_t const count = readLittleEndian64(data + kCountOffset);
    if (length < table || count > (length - table) / kSectionBytes)
    {
        damaged("its header claims " + std::to_string(count) + " sections in " + std::to_string(length) + " bytes");
    }
    uint64_t end = table + count * kSectionBytes;
    if (available < end)
    {
        return;
    }
    for (uint64_t i = 0; i < count; i++)
    {
        unsigned char const* const section = data + table + i * kSectionBytes;
        uint64_t const offset = readLittleEndian64(section + 8);
        uint64_t const bytes = readLittleEndian64(section + 16);
        if (offset < end || offset % 8 != 0 || offset > length || bytes > length - offset)
        {
            damaged("its section " + std::to_string(i) + " claims " + std::to_string(bytes) + " bytes at " + std::to_string(offset) + " of "
                + std::to_string(length));
        }
        end = offset + bytes;
    }
    uint64_t const mark = (end + 7) / 8 * 8;
    if (mark + kEndMarkBytes != length || (mark + kEndMarkBytes <= available && readLittleEndian32(data + mark) != kEndMark))
    {
        damaged("the mark at its end is missing");
    }
}

// `data` is TensorRT's header, `available` bytes of it and what follows are there.
void readHeader(unsigned char const* data, uint64_t available, yzc_trt_plan_info& info)
{
    uint64_t const length = readLittleEndian64(data + kLengthOffset);
    // A header of another layout is left to TensorRT to judge; so is one without a length, which TensorRT does not take.
    if (length != 0 && readLittleEndian32(data + kLayoutOffset) == 0)
    {
        if (length != info.plan_length)
        {
            damaged("its header says " + std::to_string(length) + " bytes, " + std::to_string(info.plan_length) + " are there");
        }
        checkSections(data, available, length);
    }
    info.is_rtx = isRtxPlan(data) ? 1 : 0;
    info.version_major = data[kVersionOffset];
    info.version_minor = data[kVersionOffset + 1];
    info.version_patch = data[kVersionOffset + 2];
    info.version_build = data[kVersionOffset + 3];
}

} // namespace

void readPlan(unsigned char const* data, uint64_t available, uint64_t fileLength, yzc_trt_plan_info& info)
{
    info.has_metadata = 0;
    info.metadata_offset = 0;
    info.metadata_length = 0;
    info.plan_offset = 0;
    info.plan_length = fileLength;
    if (fileLength < kHeaderBytes)
    {
        damaged("it has " + std::to_string(fileLength) + " bytes, the shortest plan has " + std::to_string(kHeaderBytes));
    }
    if (available < kHeaderBytes)
    {
        throw Failure(YZC_TRT_E_BUFFER, "at least the first " + std::to_string(kHeaderBytes) + " bytes of the file are wanted");
    }
    if (beginsPlan(data))
    {
        readHeader(data, available, info);
        return;
    }
    uint64_t const length = readLittleEndian32(data);
    if (data[kLengthBytes] != '{')
    {
        damaged("it begins with neither TensorRT's mark nor a metadata prefix, but with " + firstBytes(data, available)
            + (data[0] == 0x08 ? " (was an ONNX model given?)" : ""));
    }
    if (length < 2 || length > kMostMetadataBytes || fileLength - kLengthBytes < length
        || fileLength - kLengthBytes - length < kHeaderBytes)
    {
        damaged("its metadata prefix claims " + std::to_string(length) + " bytes of a file of " + std::to_string(fileLength));
    }
    info.has_metadata = 1;
    info.metadata_offset = kLengthBytes;
    info.metadata_length = length;
    info.plan_offset = kLengthBytes + length;
    info.plan_length = fileLength - info.plan_offset;
    if (available < info.plan_offset + kHeaderBytes)
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
    readHeader(data + info.plan_offset, available - info.plan_offset, info);
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
