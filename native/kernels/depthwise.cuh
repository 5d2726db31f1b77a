// Convolution of each channel by itself, bias, perhaps SiLU, perhaps a sum. A thread takes 8 channels of some pixels side by side, whose windows share
// their inputs. Sums begin with the bias and go through the window row by row; products of halves are exact in single precision.
#pragma once

#include "layer_device.cuh"

namespace {

// Activation, sum and rounding of one pixel's 8 channels.
YZC_DEVICE void finish(const yzc_layer_params& params, float (&sums)[8], int pixel, int vector)
{
    constexpr float MinusLog2E = -1.44269504f;
    int pixels = params.output_height * params.output_width;
    if ((params.options & YZC_SILU) != 0) {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            sums[i] = silu(sums[i], MinusLog2E);
        }
    }

    if ((params.options & YZC_ADD) != 0) {
        words4 added = read128(at(params.second, params.second_step, pixels, block_y(), pixel, vector));
#pragma unroll
        for (int i = 0; i < 8; i++) {
            sums[i] += half_of(added, i);
        }
    }

    store128(at(params.output, params.output_step, pixels, block_y(), pixel, vector), halves_of(sums));
}

YZC_DEVICE uint64_t weights_at(const yzc_layer_params& params, int tap, int vector)
{
    return params.weights + 16ull * ((uint64_t)tap * (uint64_t)params.vectors + (uint64_t)vector);
}

YZC_DEVICE void multiply_add_halves(float (&sums)[8], const words4& values, const float (&factors)[8])
{
#pragma unroll
    for (int i = 0; i < 8; i++) {
        sums[i] = multiply_add(half_of(values, i), factors[i], sums[i]);
    }
}

// A square window, the same stride down and right.
template <int Side, int Stride, int Pixels>
YZC_DEVICE void depthwise(const yzc_layer_params& params)
{
    constexpr int Inputs = (Pixels - 1) * Stride + Side;
    place to;
    int strips = (params.output_width + Pixels - 1) / Pixels;
    if (!to.find(params.vectors, strips * params.output_height)) {
        return;
    }

    int y = to.pixel / strips;
    int x = (to.pixel - y * strips) * Pixels;
    int left = x * Stride - params.padding_left;
    int pixels = params.height * params.width;
    words4 bias = read128(params.bias + 16ull * (uint64_t)to.vector);
    float sums[Pixels][8];
#pragma unroll
    for (int p = 0; p < Pixels; p++) {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            sums[p][i] = half_of(bias, i);
        }
    }

#pragma unroll 1
    for (int row = 0; row < Side; row++) {
        int from = y * Stride - params.padding_top + row;
        if (from < 0 || from >= params.height) {
            continue;
        }

        words4 values[Inputs];
#pragma unroll
        for (int j = 0; j < Inputs; j++) {
            if (left + j >= 0 && left + j < params.width) {
                values[j] = read128(at(params.input, params.input_step, pixels, block_y(), from * params.width + left + j, to.vector));
            }
        }

        float factors[Side][8];
#pragma unroll
        for (int column = 0; column < Side; column++) {
            words4 weights = read128(weights_at(params, row * Side + column, to.vector));
#pragma unroll
            for (int i = 0; i < 8; i++) {
                factors[column][i] = half_of(weights, i);
            }
        }

#pragma unroll
        for (int j = 0; j < Inputs; j++) {
            if (left + j >= 0 && left + j < params.width) {
#pragma unroll
                for (int p = 0; p < Pixels; p++) {
                    int column = j - p * Stride;
                    if (column >= 0 && column < Side) {
                        multiply_add_halves(sums[p], values[j], factors[column]);
                    }
                }
            }
        }
    }

#pragma unroll
    for (int p = 0; p < Pixels; p++) {
        if (x + p < params.output_width) {
            finish(params, sums[p], y * params.output_width + x + p, to.vector);
        }
    }
}

YZC_DEVICE void depthwise_of_any_size(const yzc_layer_params& params)
{
    place to;
    if (!to.find(params.vectors, params.output_height * params.output_width)) {
        return;
    }

    int y = to.pixel / params.output_width;
    int top = y * params.stride_down - params.padding_top;
    int left = (to.pixel - y * params.output_width) * params.stride_right - params.padding_left;
    int pixels = params.height * params.width;
    words4 bias = read128(params.bias + 16ull * (uint64_t)to.vector);
    float sums[8];
#pragma unroll
    for (int i = 0; i < 8; i++) {
        sums[i] = half_of(bias, i);
    }

    for (int row = 0; row < params.kernel_height; row++) {
        for (int column = 0; column < params.kernel_width; column++) {
            if (top + row >= 0 && top + row < params.height && left + column >= 0 && left + column < params.width) {
                words4 weights = read128(weights_at(params, row * params.kernel_width + column, to.vector));
                float factors[8];
#pragma unroll
                for (int i = 0; i < 8; i++) {
                    factors[i] = half_of(weights, i);
                }

                multiply_add_halves(
                    sums, read128(at(params.input, params.input_step, pixels, block_y(), (top + row) * params.width + left + column, to.vector)), factors);
            }
        }
    }

    finish(params, sums, to.pixel, to.vector);
}

}
