// What the tests share: the last message, the libraries that a machine may have, and a session that frees what it made.
#pragma once

#include "yzc_trt.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace yzc_test
{

std::string message();

// Empty when the variable is not set.
std::string variable(char const* name);

// Sets an environment variable for a scope.
class Variable
{
public:
    Variable(char const* name, char const* value);
    ~Variable();
    Variable(Variable const&) = delete;
    Variable& operator=(Variable const&) = delete;

private:
    std::string mName;
    std::string mBefore;
    bool mHad;
};

// Every line that TensorRT logged.
class Log
{
public:
    static void write(void* user, int32_t severity, char const* text);
    std::string text() const;
    size_t size() const;

private:
    mutable std::mutex mMutex;
    std::vector<std::string> mLines;
};

yzc_trt_library_options libraryOptions(Log* log = nullptr);
int32_t openLibrary(std::string const& path, yzc_trt_library* library, Log* log = nullptr);

// TensorRT for RTX from the folder in YZC_TENSORRT_ASSETS; empty when it is not there.
std::string rtxLibrary();

// A readable file of the repository.
std::string repositoryFile(char const* path);
std::vector<unsigned char> readFile(std::string const& path);

// A plan without the metadata that stands before it in a file of Ultralytics.
std::vector<unsigned char> withoutMetadata(std::vector<unsigned char> const& file);

// Parses a model by way of a file.
int32_t parseBytes(yzc_trt_builder builder, std::string const& model);

std::vector<unsigned char> blobBytes(yzc_trt_blob blob);

int32_t handleCount();

// Compares with a status by name and shows the message when it differs.
::testing::AssertionResult hasStatus(int32_t actual, int32_t expected);

} // namespace yzc_test

#define EXPECT_STATUS(expected, call) EXPECT_TRUE(yzc_test::hasStatus((call), (expected)))
#define ASSERT_STATUS(expected, call) ASSERT_TRUE(yzc_test::hasStatus((call), (expected)))
#define EXPECT_MESSAGE(part) EXPECT_NE(yzc_test::message().find(part), std::string::npos) << "message: " << yzc_test::message()
