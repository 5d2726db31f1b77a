// The check of a plan's frame: what real plans begin with, and damage of all kinds.
#include "error.h"
#include "plan.h"
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

// The words of the last refusal.
std::string said;

int32_t check(std::string const& bytes, yzc::PlanMaker* maker = nullptr)
{
    // An exact copy on the heap, so that the sanitizer sees a read beyond it.
    std::vector<unsigned char> const exact(bytes.begin(), bytes.end());
    try
    {
        yzc::PlanMaker const found = yzc::checkPlan(exact.data(), exact.size());
        if (maker != nullptr)
        {
            *maker = found;
        }
        return YZC_TRT_OK;
    }
    catch (yzc::Failure const& failure)
    {
        said = failure.what();
        return failure.status();
    }
}

} // namespace

TEST(Plan, OfTensorRTIsTaken)
{
    yzc::PlanMaker maker{};
    ASSERT_STATUS(YZC_TRT_OK, check(plan(), &maker));
    EXPECT_FALSE(maker.isRtx);
    EXPECT_EQ(10, maker.major);
    EXPECT_EQ(16, maker.minor);
    EXPECT_EQ(0, maker.patch);
}

TEST(Plan, OfTensorRTForRtxIsTaken)
{
    yzc::PlanMaker maker{};
    ASSERT_STATUS(YZC_TRT_OK, check(plan("vtrt"), &maker));
    EXPECT_TRUE(maker.isRtx);
    EXPECT_EQ(1, maker.major);
    EXPECT_EQ(7, maker.minor);
    EXPECT_EQ(1, maker.patch);
}

TEST(Plan, CutAnywhereIsDamaged)
{
    for (std::string const& whole : {plan(), plan("vtrt")})
    {
        for (size_t length = 0; length < whole.size(); length++)
        {
            EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, check(whole.substr(0, length))) << "cut to " << length;
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
            EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, check(damaged)) << "at " << offset << ": " << value;
        }
    }
}

TEST(Plan, MissingEndMarkIsDamage)
{
    std::string damaged = plan();
    damaged.back() = 0;
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, check(damaged));
    EXPECT_NE(std::string::npos, said.find("mark at its end")) << said;
}

TEST(Plan, HeaderOfAnotherLayoutIsLeftToTensorRT)
{
    std::string other = plan();
    other[4] = 1;
    other[8] = 99;
    EXPECT_STATUS(YZC_TRT_OK, check(other));
}

TEST(Plan, OtherFilesAreNamedForWhatTheyLookLike)
{
    std::vector<unsigned char> const onnx = readFile(repositoryFile("samples/model/conveyor.onnx"));
    ASSERT_FALSE(onnx.empty());
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, check(std::string(onnx.begin(), onnx.begin() + 4096)));
    EXPECT_NE(std::string::npos, said.find("ONNX")) << said;
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, check(std::string(4096, '\0')));
    EXPECT_NE(std::string::npos, said.find("00 00 00 00")) << said;
    EXPECT_STATUS(YZC_TRT_E_DAMAGED_PLAN, check("PK\x03\x04" + std::string(100, 'x')));
}

TEST(Plan, RandomBytesNeverReadBeyondTheirEnd)
{
    std::mt19937 random(20260507);
    for (int round = 0; round < 20000; round++)
    {
        std::string bytes = plan(round % 2 == 0 ? "ftrt" : "vtrt");
        uint32_t const changes = 1 + random() % 4;
        for (uint32_t i = 0; i < changes; i++)
        {
            bytes[random() % std::min<size_t>(bytes.size(), 160)] = static_cast<char>(random());
        }
        bytes.resize(bytes.size() - random() % 8);
        int32_t const status = check(bytes);
        EXPECT_TRUE(status == YZC_TRT_OK || status == YZC_TRT_E_DAMAGED_PLAN);
    }
}
