// Reading and writing the ABI's structures by their struct_size.
#pragma once

#include "error.h"

#include <cstring>
#include <type_traits>

namespace yzc
{

// No structure of any later ABI will be larger; a size above it is rubbish.
constexpr uint32_t kLargestStruct = 4096;

template <typename T>
uint32_t checkedSize(T const* given, char const* name)
{
    static_assert(std::is_trivially_copyable<T>::value, "structures of the ABI are plain data");
    if (given == nullptr)
    {
        throw Failure(YZC_TRT_E_ARGUMENT, std::string(name) + " is null");
    }
    uint32_t const size = given->struct_size;
    if (size < sizeof(T) || size > kLargestStruct)
    {
        throw Failure(YZC_TRT_E_ARGUMENT,
            std::string(name) + ".struct_size is " + std::to_string(size) + ", wanted " + std::to_string(sizeof(T)));
    }
    return size;
}

// Copies what this ABI knows. Bytes of a later ABI must be zero: they would ask for something that is not done here.
template <typename T>
T readStruct(T const* given, char const* name)
{
    uint32_t const size = checkedSize(given, name);
    unsigned char const* const bytes = reinterpret_cast<unsigned char const*>(given);
    for (uint32_t i = sizeof(T); i < size; i++)
    {
        if (bytes[i] != 0)
        {
            throw Failure(YZC_TRT_E_ARGUMENT, std::string(name) + " has fields of a later ABI that are not zero");
        }
    }
    T copy;
    std::memcpy(&copy, given, sizeof(T));
    return copy;
}

// Writes what this ABI knows and leaves struct_size as the caller set it.
template <typename T>
void writeStruct(T* target, T value, char const* name)
{
    value.struct_size = checkedSize(target, name);
    std::memcpy(target, &value, sizeof(T));
}

} // namespace yzc
