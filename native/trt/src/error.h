// Failures inside the shim are exceptions; `guard` turns them into a status and this thread's message at every export.
#pragma once

#include "yzc_trt.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

namespace yzc
{

class Failure : public std::runtime_error
{
public:
    Failure(yzc_trt_status status, std::string const& message)
        : std::runtime_error(message)
        , mStatus(status)
    {
    }

    yzc_trt_status status() const noexcept
    {
        return mStatus;
    }

private:
    yzc_trt_status mStatus;
};

// Stores the words for yzc_trt_last_message. Never allocates: it must work when memory is out.
int32_t remember(int32_t status, char const* message) noexcept;

char const* lastMessage() noexcept;

// TensorRT's own error lines on this thread since the current export began; they go into the message of a refusal.
void addWords(char const* text) noexcept;
char const* words() noexcept;

// An export's own words. They nest: a callback may call an export while another one waits for TensorRT and still needs its words.
class Words
{
public:
    Words() noexcept;
    ~Words();
    Words(Words const&) = delete;
    Words& operator=(Words const&) = delete;

private:
    size_t mOuterBegin;
};

// Copies a text out by the header's rule for strings.
int32_t copyText(char const* text, char* buffer, int32_t capacity, int32_t* length);

template <typename Body>
int32_t guard(Body&& body) noexcept
{
    Words const own;
    try
    {
        body();
        return YZC_TRT_OK;
    }
    catch (Failure const& failure)
    {
        return remember(failure.status(), failure.what());
    }
    catch (std::bad_alloc const&)
    {
        return remember(YZC_TRT_E_OUT_OF_MEMORY, "the host has no memory left for the shim's own data");
    }
    catch (std::exception const& error)
    {
        return remember(YZC_TRT_E_INTERNAL, error.what());
    }
    catch (...)
    {
        return remember(YZC_TRT_E_INTERNAL, "an exception without a text reached the edge of the shim");
    }
}

inline void require(bool condition, char const* message)
{
    if (!condition)
    {
        throw Failure(YZC_TRT_E_ARGUMENT, message);
    }
}

} // namespace yzc
