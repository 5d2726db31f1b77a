// x * sigmoid(scale * x) against double precision.
#include <cstdio>
#include "launches.h"

#include <cstring>
#include <random>

namespace {

// The emulated device's conversions are the kernels' own: these are for the reference.
double half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31;
    double fraction = bits & 0x3FF;
    double magnitude = exponent == 31 ? (fraction == 0 ? INFINITY : NAN) : exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

double silu(double x, double scale) { return x / (1 + std::exp(-scale * x)); }

// Half a unit of the last place of a half, which rounding may take, and what the float before it is off: the exponential's argument is rounded twice,
// so the error grows with it.
bool is_close(double actual, double exact, double argument, bool half)
{
    double magnitude = std::fabs(exact);
    double rounding = half ? std::ldexp(0.5, std::max(std::ilogb(magnitude == 0 ? 1e-30 : magnitude), -14) - 10) : 0;
    return std::fabs(actual - exact) <= rounding * 1.001 + (4e-7 + 1.2e-7 * std::fabs(argument)) * magnitude + 1e-37;
}

struct run {
    bool half;
    size_t elements;
    float scale;
    bool in_place;
};

template <class T>
std::vector<T> activate(device& device, const run& run, const std::vector<T>& values)
{
    // One vector beyond the end tells whether more is written than there is.
    std::vector<T> padded(values);
    padded.resize(values.size() + 16, (T)0x5A5A);
    buffer input(device, padded);
    buffer other(device, std::vector<T>(padded.size(), (T)0x5A5A));
    buffer& output = run.in_place ? input : other;
    yzc_silu_params params = { input.address, output.address, run.elements, run.scale, 0 };
    size_t block = (size_t)YZC_SILU_THREADS * YZC_SILU_VECTORS * (16 / sizeof(T));
    grid grid = { (int)((run.elements - 1) / block) + 1, 1, 1, YZC_SILU_THREADS };
    device.launch(run.half ? "yzc_silu_f16" : "yzc_silu_f32", grid, &params);
    device.synchronize();
    return output.read<T>();
}

template <class T, class ToDouble>
void check(device& device, tally& tally, const run& run, const std::vector<T>& values, ToDouble to_double)
{
    std::vector<T> result = activate(device, run, values);
    size_t wrong = 0, first = 0;
    for (size_t i = 0; i < values.size(); i++) {
        double x = to_double(values[i]);
        double actual = to_double(result[i]);
        bool ok = std::isnan(x) || std::isinf(x) ? std::isnan(actual) || actual == x || actual == 0 : is_close(actual, silu(x, run.scale), run.scale * x, run.half);
        if (!ok && wrong++ == 0) {
            first = i;
        }
    }

    bool kept = true;
    for (size_t i = values.size(); i < result.size(); i++) {
        kept &= result[i] == (T)0x5A5A;
    }

    char text[200];
    std::snprintf(text, sizeof text, "silu %s %zu elements scale %g%s: %zu wrong, the first of %g is %g; %s", run.half ? "f16" : "f32", run.elements, run.scale,
        run.in_place ? " in place" : "", wrong, to_double(values[first]), to_double(result[first]), kept ? "nothing behind written" : "written behind the end");
    tally.add(wrong == 0 && kept, text);
}

}

void check_activation(device& device, const options& options, tally& tally)
{
    std::mt19937 random(5);
    // Every half there is, but those whose result no half holds.
    std::vector<uint16_t> halves;
    for (int bits = 0; bits < 0x10000; bits++) {
        if ((bits & 0x7C00) != 0x7C00) {
            halves.push_back((uint16_t)bits);
        }
    }

    auto as_half = [](uint16_t bits) { return half_value(bits); };
    auto as_float = [](uint32_t bits) {
        float value;
        std::memcpy(&value, &bits, sizeof value);
        return (double)value;
    };
    for (float scale : { 1.0f, 1.702f }) {
        check(device, tally, { true, halves.size(), scale, scale == 1 }, halves, as_half);
    }

    // Lengths around a vector and a block, in place and not.
    std::normal_distribution<float> normal(0, 3);
    for (size_t elements : { (size_t)1, (size_t)3, (size_t)4, (size_t)7, (size_t)8, (size_t)9, (size_t)2047, (size_t)4095, (size_t)4096, (size_t)4097, (size_t)(options.quick ? 9001 : 1000003) }) {
        for (bool in_place : { false, true }) {
            std::vector<uint32_t> floats(elements);
            std::vector<uint16_t> some(elements);
            for (size_t i = 0; i < elements; i++) {
                float value = normal(random);
                std::memcpy(&floats[i], &value, sizeof value);
                some[i] = halves[random() % halves.size()];
            }

            check(device, tally, { false, elements, 1, in_place }, floats, as_float);
            check(device, tally, { true, elements, 1, in_place }, some, as_half);
        }
    }
}
