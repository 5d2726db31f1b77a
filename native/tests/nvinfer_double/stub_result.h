#pragma once

#include <cstdlib>
#include <string>
#include <type_traits>

#include "control.h"

namespace yzc_double {

// The answer of a method that the double does not play.
template <typename Result>
Result stub_result(const char* method)
{
    note_misuse(std::string("the test double does not play ") + method);
    if constexpr (std::is_reference_v<Result>) {
        std::abort();
    } else if constexpr (!std::is_void_v<Result>) {
        return Result{};
    }
}

}  // namespace yzc_double
