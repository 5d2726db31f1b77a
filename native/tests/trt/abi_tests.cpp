// The handshake, handles and structures: what a binding can get wrong.
#include "support.h"

#include <dlfcn.h>
#include <limits>
#include <thread>

using namespace yzc_test;

namespace
{

// One of each function that takes a handle, with arguments that are otherwise fine.
struct HandleCall
{
    char const* name;
    int32_t (*call)(uint64_t handle);
};

void const* blobData = nullptr;
uint64_t length = 0;
int32_t number = 0;
int64_t bytes = 0;
uint64_t child = 0;
yzc_trt_shape shape{};

template <typename T>
T* sized()
{
    static T value{};
    value.struct_size = sizeof value;
    return &value;
}

HandleCall const kHandleCalls[] = {
    {"blob_data", [](uint64_t h) { return yzc_trt_blob_data(h, &blobData, &length); }},
    {"blob_free", [](uint64_t h) { return yzc_trt_blob_free(h); }},
    {"library_info_get", [](uint64_t h) { return yzc_trt_library_info_get(h, sized<yzc_trt_library_info>()); }},
    {"library_free", [](uint64_t h) { return yzc_trt_library_free(h); }},
    {"runtime_create", [](uint64_t h) { return yzc_trt_runtime_create(h, nullptr, &child); }},
    {"runtime_free", [](uint64_t h) { return yzc_trt_runtime_free(h); }},
    {"engine_load", [](uint64_t h) { return yzc_trt_engine_load(h, "plan", 4, &child); }},
    {"engine_free", [](uint64_t h) { return yzc_trt_engine_free(h); }},
    {"engine_info_get", [](uint64_t h) { return yzc_trt_engine_info_get(h, sized<yzc_trt_engine_info>()); }},
    {"engine_tensor", [](uint64_t h) { return yzc_trt_engine_tensor(h, 0, 0, sized<yzc_trt_tensor_info>()); }},
    {"engine_profile_shape", [](uint64_t h) { return yzc_trt_engine_profile_shape(h, "x", 0, YZC_TRT_SELECT_MAX, &shape); }},
    {"engine_profile_memory", [](uint64_t h) { return yzc_trt_engine_profile_memory(h, 0, &bytes); }},
    {"context_create", [](uint64_t h) { return yzc_trt_context_create(h, &child); }},
    {"context_free", [](uint64_t h) { return yzc_trt_context_free(h); }},
    {"context_set_profile", [](uint64_t h) { return yzc_trt_context_set_profile(h, 0, nullptr); }},
    {"context_set_input_shape", [](uint64_t h) { return yzc_trt_context_set_input_shape(h, "x", &shape); }},
    {"context_tensor_shape", [](uint64_t h) { return yzc_trt_context_tensor_shape(h, "x", &shape); }},
    {"context_required_memory", [](uint64_t h) { return yzc_trt_context_required_memory(h, &length); }},
    {"context_set_memory", [](uint64_t h) { return yzc_trt_context_set_memory(h, nullptr, 0); }},
    {"context_set_address", [](uint64_t h) { return yzc_trt_context_set_address(h, "x", &shape); }},
    {"context_enqueue", [](uint64_t h) { return yzc_trt_context_enqueue(h, nullptr); }},
    {"context_capturable", [](uint64_t h) { return yzc_trt_context_capturable(h, &number, nullptr, 0, nullptr); }},
    {"builder_create", [](uint64_t h) { return yzc_trt_builder_create(h, nullptr, &child); }},
    {"builder_free", [](uint64_t h) { return yzc_trt_builder_free(h); }},
    {"builder_parse_file", [](uint64_t h) { return yzc_trt_builder_parse_file(h, "model.onnx"); }},
    {"builder_issue_count", [](uint64_t h) { return yzc_trt_builder_issue_count(h, &number); }},
    {"builder_issue", [](uint64_t h) { return yzc_trt_builder_issue(h, 0, sized<yzc_trt_issue>()); }},
    {"builder_add_profile", [](uint64_t h) { return yzc_trt_builder_add_profile(h, sized<yzc_trt_profile_input>(), 1); }},
    {"builder_build", [](uint64_t h) { return yzc_trt_builder_build(h, &child); }},
    {"builder_cancel", [](uint64_t h) { return yzc_trt_builder_cancel(h); }},
    {"builder_timing_cache", [](uint64_t h) { return yzc_trt_builder_timing_cache(h, &child); }},
};

class EveryHandleCall : public ::testing::TestWithParam<HandleCall>
{
};

// A library handle of a fake that answers its version and nothing else.
yzc_trt_library fakeLibrary()
{
    Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
    yzc_trt_library library = 0;
    EXPECT_STATUS(YZC_TRT_OK, openLibrary(YZC_FAKE_SILENT, &library));
    return library;
}

} // namespace

TEST(Handshake, SaysAbiAndMajor)
{
    EXPECT_EQ(YZC_TRT_ABI_VERSION, yzc_trt_abi_version());
    EXPECT_EQ(YZC_EXPECTED_MAJOR, yzc_trt_tensorrt_major());
}

TEST_P(EveryHandleCall, RefusesZero)
{
    EXPECT_STATUS(YZC_TRT_E_HANDLE, GetParam().call(0));
    EXPECT_MESSAGE("handle is 0");
}

TEST_P(EveryHandleCall, RefusesNumbersThatNeverWereHandles)
{
    for (uint64_t const handle : {uint64_t{1}, uint64_t{0x7fffdeadbeef}, ~uint64_t{0}, uint64_t{1} << 63, uint64_t{0x0101010101010101}})
    {
        EXPECT_STATUS(YZC_TRT_E_HANDLE, GetParam().call(handle));
    }
    // The right kind in its upper bits, but no such slot.
    for (uint64_t kind = 1; kind <= 6; kind++)
    {
        EXPECT_STATUS(YZC_TRT_E_HANDLE, GetParam().call((kind << 56) | 0xFFFFF0));
    }
}

TEST_P(EveryHandleCall, RefusesAnotherKindOrAFreedHandle)
{
    std::string const name = GetParam().name;
    bool const takesLibrary = name.find("library") == 0 || name == "runtime_create" || name == "builder_create";
    yzc_trt_library const library = fakeLibrary();
    if (!takesLibrary)
    {
        EXPECT_STATUS(YZC_TRT_E_HANDLE, GetParam().call(library));
        EXPECT_MESSAGE("kind library");
    }
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(library));
    EXPECT_STATUS(YZC_TRT_E_HANDLE, GetParam().call(library));
}

INSTANTIATE_TEST_SUITE_P(Handles, EveryHandleCall, ::testing::ValuesIn(kHandleCalls),
    [](::testing::TestParamInfo<HandleCall> const& info) { return info.param.name; });

TEST(Handles, DoubleFreeIsAStatusAndNumbersAreNotReused)
{
    yzc_trt_library const first = fakeLibrary();
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(first));
    EXPECT_STATUS(YZC_TRT_E_HANDLE, yzc_trt_library_free(first));
    EXPECT_MESSAGE("was freed");
    yzc_trt_library const second = fakeLibrary();
    EXPECT_NE(first, second);
    EXPECT_STATUS(YZC_TRT_E_HANDLE, yzc_trt_library_free(first));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(second));
    EXPECT_EQ(0, handleCount());
}

TEST(Handles, OfManyThreadsThatFreeTheSameOneOnlyOneSucceeds)
{
    for (int round = 0; round < 20; round++)
    {
        yzc_trt_library const library = fakeLibrary();
        std::atomic<int> freed{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; i++)
        {
            threads.emplace_back([&] {
                yzc_trt_library_info info{};
                info.struct_size = sizeof info;
                yzc_trt_library_info_get(library, &info);
                freed += yzc_trt_library_free(library) == YZC_TRT_OK ? 1 : 0;
            });
        }
        for (std::thread& thread : threads)
        {
            thread.join();
        }
        EXPECT_EQ(1, freed.load());
    }
    EXPECT_EQ(0, handleCount());
}

TEST(Messages, BelongToTheThread)
{
    EXPECT_STATUS(YZC_TRT_E_HANDLE, yzc_trt_library_free(0));
    std::string const mine = message();
    std::string other = "untouched";
    std::thread([&] { other = message(); }).join();
    EXPECT_EQ("", other);
    EXPECT_EQ(mine, message());
}

TEST(Messages, FitTheBufferOrSayHowLongTheyAre)
{
    yzc_trt_library_free(0);
    std::string const whole = message();
    char small[8];
    int32_t full = 0;
    EXPECT_EQ(YZC_TRT_E_BUFFER, yzc_trt_last_message(small, sizeof small, &full));
    EXPECT_EQ(static_cast<int32_t>(whole.size()), full);
    EXPECT_EQ(whole.substr(0, 7), small);
    EXPECT_EQ(YZC_TRT_E_ARGUMENT, yzc_trt_last_message(small, -1, nullptr));
    EXPECT_EQ(YZC_TRT_E_ARGUMENT, yzc_trt_last_message(nullptr, 8, nullptr));
    EXPECT_EQ(YZC_TRT_E_BUFFER, yzc_trt_last_message(nullptr, 0, nullptr));
    EXPECT_EQ(whole, message());
}

TEST(Messages, AreCutAtACharacterWhenTooLong)
{
    // 20,000 bytes of two-byte characters, as a path in the list of tried places.
    std::string path = "/";
    for (int i = 0; i < 10000; i++)
    {
        path += "\xC3\xA9";
    }
    yzc_trt_library library = 0;
    Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
    EXPECT_STATUS(YZC_TRT_E_LIBRARY_MISSING, openLibrary(path, &library));
    std::string const text = message();
    EXPECT_LT(text.size(), 8192U);
    EXPECT_EQ(0xA9, static_cast<unsigned char>(text.back()));
    EXPECT_EQ(0xC3, static_cast<unsigned char>(text[text.size() - 2]));
}

TEST(Structures, OfAWrongSizeAreRefused)
{
    yzc_trt_library const library = fakeLibrary();
    for (uint32_t const size : {0U, 4U, static_cast<uint32_t>(sizeof(yzc_trt_library_info)) - 1, 4097U, std::numeric_limits<uint32_t>::max()})
    {
        yzc_trt_library_info info{};
        info.struct_size = size;
        EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_library_info_get(library, &info));
        EXPECT_MESSAGE("struct_size is " + std::to_string(size));
        EXPECT_EQ(nullptr, info.path);

        yzc_trt_library_options options = libraryOptions();
        options.struct_size = size;
        yzc_trt_library other = 77;
        EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_library_open(&options, &other));
        EXPECT_EQ(77U, other);

        yzc_trt_runtime_options runtime{};
        runtime.struct_size = size;
        EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_runtime_create(library, &runtime, &other));
        yzc_trt_builder_options builder{};
        builder.struct_size = size;
        EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_create(library, &builder, &other));
    }
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(library));
}

TEST(Structures, OfALaterAbiPassWhenTheirNewFieldsAreZero)
{
    struct Later
    {
        yzc_trt_library_options known;
        uint64_t more;
    };
    Variable const skip("YZC_TRT_SKIP_DRIVER_CHECK", "1");
    char const* const paths[] = {YZC_FAKE_SILENT};
    Later options{libraryOptions(), 0};
    options.known.struct_size = sizeof options;
    options.known.path_count = 1;
    options.known.paths = paths;
    yzc_trt_library library = 0;
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_open(&options.known, &library));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(library));
    options.more = 1;
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_library_open(&options.known, &library));
    EXPECT_MESSAGE("later ABI");
}

TEST(Structures, NullIsRefused)
{
    yzc_trt_library const library = fakeLibrary();
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_library_open(nullptr, nullptr));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_library_info_get(library, nullptr));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_runtime_create(library, nullptr, nullptr));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_builder_create(library, nullptr, nullptr));
    EXPECT_STATUS(YZC_TRT_E_ARGUMENT, yzc_trt_handle_count(nullptr));
    EXPECT_STATUS(YZC_TRT_OK, yzc_trt_library_free(library));
}
