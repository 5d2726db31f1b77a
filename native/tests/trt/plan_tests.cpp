// The preflight of engine files: what real plans begin with, Ultralytics' prefix, and damage of all kinds.
#include "support.h"

#include <cstring>
#include <random>

using namespace yzc_test;

namespace
{

void put(std::string& out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
    {
        out += static_cast<char>(value >> (8 * i));
    }
}

// A plan as TensorRT lays it out: two sections and the mark at the end.
std::string plan(char const* magic = "ftrt")
{
    bool const rtx = std::strcmp(magic, "vtrt") == 0;
    std::string const first(40, 'e');
    std::string const second(64, 'w');
    uint64_t const table = rtx ? 64 : 32;
    uint64_t const begin = table + 2 * 24;
    uint64_t const total = begin + first.size() + second.size() + 4;
    std::string out = magic;
    put(out, 0, 4);
    put(out, 2, 8);
    put(out, total, 8);
    out += rtx ? std::string("\x01\x07\x01\x74", 4) : std::string("\x0A\x10\x00\x48", 4);
    put(out, 0, 4);
    out.resize(table, '\0');
    out += "NGNE";
    put(out, 0, 4);
    put(out, begin, 8);
    put(out, first.size(), 8);
    out += "THGW";
    put(out, 0, 4);
    put(out, begin + first.size(), 8);
    put(out, second.size(), 8);
    out += first + second;
    put(out, 0x8b8d8b99, 4);
    return out;
}

std::string prefixed(std::string const& json, std::string const& rest, uint32_t claimed)
{
    std::string out;
    put(out, claimed, 4);
    return out + json + rest;
}

std::string prefixed(std::string const& json, std::string const& rest)
{
    return prefixed(json, rest, static_cast<uint32_t>(json.size()));
}

int32_t read(std::string const& bytes, uint64_t available, yzc_trt_plan_info* info)
{
    // An exact copy on the heap, so that the sanitizer sees a read beyond it.
    std::vector<char> const exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(available));
    *info = {};
    info->struct_size = sizeof *info;
    return yzc_trt_plan_read(exact.empty() ? "" : exact.data(), available, bytes.size(), info);
}

int32_t read(std::string const& bytes, yzc_trt_plan_info* info)
{
    return read(bytes, bytes.size(), info);
}

std::string const kJson = R"({"task": "detect", "names": {"0": "bolt", "1": "nut"}})";

} // namespace

TEST(Plan, OfTensorRTIsRead)
{
    yzc_trt_plan_info info;
    ASSERT_STATUS(YZC_TRT_OK, read(plan(), &info));
    EXPECT_EQ(0, info.has_metadata);
    EXPECT_EQ(0U, info.plan_offset);
    EXPECT_EQ(plan().size(), info.plan_length);
    EXPECT_EQ(0, info.is_rtx);
    EXPECT_EQ(10, info.version_major);
    EXPECT_EQ(16, info.version_minor);
    EXPECT_EQ(0, info.version_patch);
    EXPECT_EQ(72, info.version_build);
}

TEST(Plan, OfTensorRTForRtxIsRead)
{
    yzc_trt_plan_info info;
    ASSERT_STATUS(YZC_TRT_OK, read(plan("vtrt"), &info));
    EXPECT_EQ(1, info.is_rtx);
    EXPECT_EQ(1, info.version_major);
    EXPECT_EQ(7, info.version_minor);
    EXPECT_EQ(1, info.version_patch);
    EXPECT_EQ(116, info.version_build);
}

TEST(Plan, BehindUltralyticsPrefixIsFound)
{
    yzc_trt_plan_info info;
    std::string const file = prefixed(kJson, plan());
    ASSERT_STATUS(YZC_TRT_OK, read(file, &info));
    EXPECT_EQ(1, info.has_metadata);
    EXPECT_EQ(4U, info.metadata_offset);
    EXPECT_EQ(kJson.size(), info.metadata_length);
    EXPECT_EQ(kJson, file.substr(info.metadata_offset, info.metadata_length));
    EXPECT_EQ(4 + kJson.size(), info.plan_offset);
    EXPECT_EQ(plan().size(), info.plan_length);
    EXPECT_EQ(10, info.version_major);
}

TEST(Plan, TheBeginningOfAFileIsEnough)
{
    yzc_trt_plan_info info;
    std::string const file = prefixed(kJson, plan());
    EXPECT_STATUS(YZC_TRT_E_BUFFER, read(file, 40, &info));
    EXPECT_EQ(kJson.size(), info.metadata_length);
    uint64_t const wanted = info.metadata_offset + info.metadata_length + 64;
    ASSERT_STATUS(YZC_TRT_OK, read(file, wanted, &info));
    EXPECT_EQ(10, info.version_major);
    ASSERT_STATUS(YZC_TRT_OK, read(plan(), 64, &info));
    EXPECT_STATUS(YZC_TRT_E_BUFFER, read(plan(), 20, &info));
    EXPECT_STATUS(YZC_TRT_E_BUFFER, read(plan(), 0, &info));
}

TEST(Plan, CutAnywhereIsDamaged)
{
    for (std::string const& whole : {plan(), plan("vtrt"), prefixed(kJson, plan())})
    {
        for (size_t length = 0; length < whole.size(); length++)
        {
            yzc_trt_plan_info info;
            EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(whole.substr(0, length), &info)) << "cut to " << length;
            EXPECT_EQ(0U, info.plan_length);
        }
    }
}

TEST(Plan, HugeNumbersAreDamage)
{
    // Every field of the header and the table, set to values that overflow when added or multiplied.
    uint64_t const values[] = {1, 3, 0x7fffffffffffffff, 0xffffffffffffffff, 0x8000000000000000, 0xfffffffffffffff8, 0x0aaaaaaaaaaaaaab, 200, 229};
    for (size_t const offset : {8U, 16U, 40U, 48U, 64U, 72U})
    {
        for (uint64_t const value : values)
        {
            std::string damaged = plan();
            std::string field;
            put(field, value, 8);
            if (damaged.compare(offset, 8, field) == 0 || (offset == 48 && value < 40))
            {
                continue; // A first section that is shorter leaves a gap, which is allowed.
            }
            damaged.replace(offset, 8, field);
            yzc_trt_plan_info info;
            EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(damaged, &info)) << "at " << offset << ": " << value;
        }
    }
}

TEST(Plan, MissingEndMarkIsDamage)
{
    std::string damaged = plan();
    damaged.back() = 0;
    yzc_trt_plan_info info;
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(damaged, &info));
    EXPECT_MESSAGE("mark at its end");
}

TEST(Plan, HeaderOfAnotherLayoutIsLeftToTensorRT)
{
    std::string other = plan();
    other[4] = 1;
    other[8] = 99;
    yzc_trt_plan_info info;
    EXPECT_STATUS(YZC_TRT_OK, read(other, &info));
}

TEST(Plan, OtherFilesAreNamedForWhatTheyLookLike)
{
    yzc_trt_plan_info info;
    std::vector<unsigned char> const onnx = readFile(repositoryFile("samples/model/conveyor.onnx"));
    ASSERT_FALSE(onnx.empty());
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(std::string(onnx.begin(), onnx.begin() + 4096), &info));
    EXPECT_MESSAGE("ONNX");
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(std::string(4096, '\0'), &info));
    EXPECT_MESSAGE("00 00 00 00");
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read("PK\x03\x04" + std::string(100, 'x'), &info));
}

TEST(Plan, PrefixesThatDoNotFitAreDamage)
{
    yzc_trt_plan_info info;
    uint32_t const right = static_cast<uint32_t>(kJson.size());
    for (uint32_t const claimed : {0U, 1U, right - 1, right + 1, 4096U, 0x7fffffffU, 0x80000000U, 0xffffffffU, 0xfffffffcU})
    {
        EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(prefixed(kJson, plan(), claimed), &info)) << "claimed " << claimed;
    }
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(prefixed(kJson, std::string(200, 'x')), &info));
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(prefixed("not json", plan()), &info));
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(prefixed("{not json]", plan()), &info));
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, read(prefixed(kJson, prefixed(kJson, plan())), &info));
    EXPECT_STATUS(YZC_TRT_OK, read(prefixed("{}", plan()), &info));
    EXPECT_EQ(2U, info.metadata_length);
}

TEST(Plan, ArgumentsAreChecked)
{
    yzc_trt_plan_info info{};
    info.struct_size = sizeof info;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_plan_read(nullptr, 10, 10, &info));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_plan_read("0123456789", 10, 5, &info));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_plan_read("0123456789", 10, 10, nullptr));
}

TEST(Plan, RandomBytesNeverReadBeyondTheirEnd)
{
    std::mt19937 random(20260507);
    std::string const whole = prefixed(kJson, plan());
    for (int round = 0; round < 20000; round++)
    {
        std::string bytes = round % 2 == 0 ? whole : plan(round % 4 == 1 ? "ftrt" : "vtrt");
        uint32_t const changes = 1 + random() % 4;
        for (uint32_t i = 0; i < changes; i++)
        {
            bytes[random() % std::min<size_t>(bytes.size(), 160)] = static_cast<char>(random());
        }
        bytes.resize(bytes.size() - random() % 8);
        yzc_trt_plan_info info;
        int32_t const status = read(bytes, random() % 3 == 0 ? random() % (bytes.size() + 1) : bytes.size(), &info);
        EXPECT_TRUE(status == YZC_TRT_OK || status == YZC_TRT_E_DAMAGED_PLAN || status == YZC_TRT_E_BUFFER);
        EXPECT_LE(info.plan_offset + info.plan_length, bytes.size());
    }
}
