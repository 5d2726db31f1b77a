// Types, shapes and versions.
#include "plan.h"

namespace yzc_double {

int32_t bytes_of(element type)
{
    switch (type) {
    case element::f32:
    case element::i32:
        return 4;
    case element::f16:
    case element::bf16:
        return 2;
    case element::i8:
    case element::boolean:
    case element::u8:
        return 1;
    case element::i64:
        return 8;
    }

    throw damaged_plan("a tensor has the unknown type " + std::to_string(static_cast<int32_t>(type)));
}

std::string text_of(const shape& dimensions)
{
    std::string text = "[";
    for (size_t i = 0; i < dimensions.size(); i++) {
        text += (i == 0 ? "" : ",") + std::to_string(dimensions[i]);
    }

    return text + "]";
}

int64_t elements_of(const shape& dimensions)
{
    int64_t count = 1;
    for (int64_t dimension : dimensions) {
        if (dimension < 0) {
            return -1;
        }

        if (__builtin_mul_overflow(count, dimension, &count) || count > (int64_t{1} << 48)) {
            throw damaged_plan("the shape " + text_of(dimensions) + " is too large");
        }
    }

    return count;
}

std::string text_of(const version& value)
{
    return std::to_string(value[0]) + "." + std::to_string(value[1]) + "." + std::to_string(value[2]) + "." + std::to_string(value[3]);
}

version version_from(const std::string& text)
{
    version value{};
    size_t at = 0;
    for (size_t i = 0; i < value.size() && at < text.size(); i++) {
        size_t used = 0;
        int number = std::stoi(text.substr(at), &used);
        if (number < 0 || number > 255) {
            throw std::invalid_argument("version " + text);
        }

        value[i] = static_cast<uint8_t>(number);
        at += used + 1;
    }

    return value;
}

}  // namespace yzc_double
