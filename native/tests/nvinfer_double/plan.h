// The plans of the double: the header that every TensorRT plan begins with, a description of the engine, and the ONNX model itself.
// Knows nothing of TensorRT's headers, so that one tool writes plans for every major.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace yzc_double {

// TensorRT's data types; the values are the same in both majors.
enum class element : int32_t { f32 = 0, f16 = 1, i8 = 2, i32 = 3, boolean = 4, u8 = 5, bf16 = 7, i64 = 8 };

int32_t bytes_of(element type);

using shape = std::vector<int64_t>;

std::string text_of(const shape& dimensions);

// Product of all dimensions; -1 when one is unknown. Throws when it does not fit.
int64_t elements_of(const shape& dimensions);

struct range {
    shape min, opt, max;
};

struct tensor {
    std::string name;
    bool input = false;
    element type = element::f32;
    shape dimensions;                // -1: known when it runs
    std::vector<std::string> names;  // of the unknown dimensions, as the ONNX model calls them; empty for the others
    std::vector<range> profiles;     // of an input, one for each profile
};

// What a plan's version-compatible flag, hardware level and the like promise.
enum plan_flags : uint32_t {
    plan_version_compatible = 1,
    plan_lean_runtime_inside = 2,
    plan_ampere_plus = 4,
    plan_weight_streaming = 8,
    plan_refittable = 16,
};

using version = std::array<uint8_t, 4>;  // major, minor, patch, build

std::string text_of(const version& value);
version version_from(const std::string& text);

struct plan {
    version built_by{};
    uint32_t architecture = 0;  // 10 * major + minor of the GPU's compute capability; 0: any
    uint32_t flags = 0;
    uint64_t weight_bytes = 0;
    std::string name;
    std::vector<std::string> layers;
    std::vector<uint64_t> memory;  // of each profile at its maximum
    std::vector<tensor> tensors;
    std::vector<uint8_t> onnx;
};

// The bytes are no plan, are cut off or are damaged.
struct damaged_plan : std::runtime_error {
    using std::runtime_error::runtime_error;
};

constexpr uint32_t plan_tag = 0x74727466;  // "ftrt", as TensorRT's own tools look for
constexpr size_t plan_header_bytes = 64;

// Bytes of the whole plan by its header, of which `size` bytes are there; checks the header.
uint64_t plan_size(const uint8_t* bytes, size_t size);
version plan_version(const uint8_t* bytes, size_t size);
plan read_plan(const uint8_t* bytes, size_t size);
std::vector<uint8_t> write_plan(const plan& value);

}  // namespace yzc_double
