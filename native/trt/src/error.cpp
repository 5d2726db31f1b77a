#include "error.h"

#include <cstring>

namespace yzc
{

namespace
{

// A library search that tried many places or a parser with many nodes to blame still fits; what is longer is cut.
constexpr size_t kMessageBytes = 8192;
constexpr size_t kWordBytes = 4096;

struct ThreadText
{
    char message[kMessageBytes];
    char words[kWordBytes];
    size_t wordsBegin;
    size_t wordsEnd;
    int depth;
};

thread_local ThreadText text{};

// Cuts at the start of a UTF-8 character.
size_t cut(char const* source, size_t length, size_t limit) noexcept
{
    if (length <= limit)
    {
        return length;
    }
    size_t end = limit;
    while (end > 0 && (static_cast<unsigned char>(source[end]) & 0xC0U) == 0x80U)
    {
        end--;
    }
    return end;
}

} // namespace

int32_t remember(int32_t status, char const* message) noexcept
{
    size_t const length = cut(message, std::strlen(message), kMessageBytes - 1);
    std::memcpy(text.message, message, length);
    text.message[length] = '\0';
    return status;
}

char const* lastMessage() noexcept
{
    return text.message;
}

Words::Words() noexcept
    : mOuterBegin(text.wordsBegin)
{
    text.wordsBegin = text.wordsEnd;
    text.depth++;
}

Words::~Words()
{
    text.wordsEnd = text.wordsBegin;
    text.words[text.wordsEnd] = '\0';
    text.wordsBegin = mOuterBegin;
    text.depth--;
}

void addWords(char const* line) noexcept
{
    size_t const separator = text.wordsEnd == text.wordsBegin ? 0 : 2;
    if (text.depth == 0 || text.wordsEnd + separator + 1 >= kWordBytes)
    {
        return;
    }
    std::memcpy(text.words + text.wordsEnd, "; ", separator);
    text.wordsEnd += separator;
    size_t const length = cut(line, std::strlen(line), kWordBytes - 1 - text.wordsEnd);
    std::memcpy(text.words + text.wordsEnd, line, length);
    text.wordsEnd += length;
    text.words[text.wordsEnd] = '\0';
}

char const* words() noexcept
{
    return text.words + text.wordsBegin;
}

int32_t copyText(char const* source, char* buffer, int32_t capacity, int32_t* length)
{
    if (capacity < 0 || (buffer == nullptr && capacity > 0))
    {
        return YZC_TRT_E_ARGUMENT;
    }
    size_t const full = std::strlen(source);
    if (length != nullptr)
    {
        *length = static_cast<int32_t>(full);
    }
    if (capacity == 0)
    {
        return YZC_TRT_E_BUFFER;
    }
    size_t const part = cut(source, full, static_cast<size_t>(capacity) - 1);
    std::memcpy(buffer, source, part);
    buffer[part] = '\0';
    return part == full ? YZC_TRT_OK : YZC_TRT_E_BUFFER;
}

} // namespace yzc

int32_t yzc_trt_abi_version(void)
{
    return YZC_TRT_ABI_VERSION;
}

int32_t yzc_trt_last_message(char* buffer, int32_t capacity, int32_t* length)
{
    return yzc::copyText(yzc::lastMessage(), buffer, capacity, length);
}
