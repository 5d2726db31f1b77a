#include "plan.h"

#include "error.h"

#include <cstdio>
#include <cstring>

namespace yzc
{

namespace
{

constexpr uint64_t kMagicBytes = 4;

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

std::string firstBytes(unsigned char const* data)
{
    std::string text;
    for (uint64_t i = 0; i < 8; i++)
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

// TensorRT checks its table too, but adds offsets to lengths without a look at overflow and then reads where that leads.
void checkSections(unsigned char const* data, uint64_t length)
{
    uint64_t const table = isRtxPlan(data) ? kRtxHeaderBytes : kHeaderBytes;
    uint64_t const count = readLittleEndian64(data + kCountOffset);
    if (length < table || count > (length - table) / kSectionBytes)
    {
        damaged("its header claims " + std::to_string(count) + " sections in " + std::to_string(length) + " bytes");
    }
    uint64_t end = table + count * kSectionBytes;
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
    if (mark + kEndMarkBytes != length || readLittleEndian32(data + mark) != kEndMark)
    {
        damaged("the mark at its end is missing");
    }
}

} // namespace

PlanMaker checkPlan(unsigned char const* data, uint64_t length)
{
    if (length < kHeaderBytes)
    {
        damaged("it has " + std::to_string(length) + " bytes, the shortest plan has " + std::to_string(kHeaderBytes));
    }
    if (!beginsPlan(data))
    {
        damaged("it does not begin with TensorRT's mark, but with " + firstBytes(data) + (data[0] == 0x08 ? " (was an ONNX model given?)" : ""));
    }
    uint64_t const claimed = readLittleEndian64(data + kLengthOffset);
    // A header of another layout is left to TensorRT to judge; so is one without a length, which TensorRT does not take.
    if (claimed != 0 && readLittleEndian32(data + kLayoutOffset) == 0)
    {
        if (claimed != length)
        {
            damaged("its header says " + std::to_string(claimed) + " bytes, " + std::to_string(length) + " are there");
        }
        checkSections(data, length);
    }
    return {isRtxPlan(data), data[kVersionOffset], data[kVersionOffset + 1], data[kVersionOffset + 2]};
}

} // namespace yzc
