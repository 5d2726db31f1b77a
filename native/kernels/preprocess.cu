// Letterbox, conversion to RGB, normalisation, layout and cast of a whole batch in one launch, with the arithmetic of the C# CpuPreprocessor, bit for
// bit.
// Grid: x = columns of 32 * YZC_PREPROCESS_PIXELS, y = YZC_PREPROCESS_ROWS rows, z = picture. Block: YZC_PREPROCESS_THREADS, a warp for each row.
#include "sampling.cuh"

namespace {

struct uint8 {
    using storage = uint8_t;

    YZC_DEVICE_MEMBER static uint8_t of(uint32_t level) { return (uint8_t)level; }
};

// [batch, 3, height, width]
template <class Element>
struct channels_first {
    YZC_GLOBAL typename Element::storage* tensor;
    int64_t plane;

    YZC_DEVICE_MEMBER explicit channels_first(const yzc_preprocess_params& params)
        : tensor(global<typename Element::storage>(params.tensor))
        , plane((int64_t)params.input_height * params.input_width)
    {
        tensor += 3 * plane * block_z();
    }

    YZC_DEVICE_MEMBER void store(int64_t pixel, const rgb& levels) const
    {
        tensor[pixel] = Element::of((uint32_t)levels.red);
        tensor[pixel + plane] = Element::of((uint32_t)levels.green);
        tensor[pixel + 2 * plane] = Element::of((uint32_t)levels.blue);
    }
};

// [batch, height, width, 4] of halves, the fourth 0. A pixel is one access of 8 bytes: of a structure the compiler makes two, and each fills half of
// what the cache writes at once.
struct channels_last {
    YZC_GLOBAL uint64_t* tensor;

    YZC_DEVICE_MEMBER explicit channels_last(const yzc_preprocess_params& params)
        : tensor(global<uint64_t>(params.tensor))
    {
        tensor += (int64_t)params.input_height * params.input_width * block_z();
    }

    YZC_DEVICE_MEMBER void store(int64_t pixel, const rgb& levels) const { tensor[pixel] = to_halves(levels); }
};

template <class Tensor>
YZC_DEVICE void store_row(const Tensor& tensor, int y, int first, int width, const rgb (&levels)[Pixels])
{
#pragma unroll
    for (int i = 0; i < Pixels; i++) {
        int x = first + 32 * i;
        if (x < width) {
            tensor.store((int64_t)y * width + x, levels[i]);
        }
    }
}

template <class Tensor>
YZC_DEVICE void preprocess(const yzc_preprocess_params& params)
{
    int width = params.input_width;
    int y = block_y() * YZC_PREPROCESS_ROWS + warp_index();
    int first = block_x() * 32 * Pixels + lane_index();
    if (y >= params.input_height) {
        return;
    }

    const yzc_picture picture = read_picture(params.pictures, block_z());
    const Tensor tensor(params);
    int resized_row = y - picture.top;
    rgb levels[Pixels];
#pragma unroll
    for (int i = 0; i < Pixels; i++) {
        levels[i] = { Padding, Padding, Padding };
    }

    // A warp's whole row is padding, of frames wider than the input nearly half of all: the compiler knows the values.
    if (resized_row < 0 || resized_row >= picture.resized_height) {
        store_row(tensor, y, first, width, levels);
        return;
    }

    bool in_frame[Pixels];
    sources from;
    set_row(from, picture, locate(resized_row, picture.scale_y));
    bool two_columns = false;
#pragma unroll
    for (int i = 0; i < Pixels; i++) {
        int column = first + 32 * i - picture.left;
        in_frame[i] = column >= 0 && column < picture.resized_width;
        set_column(from, i, column_of(picture, clamped(column, 0, picture.resized_width - 1)));
        two_columns |= from.right_weight[i] != 0;
    }

    from.two_columns = warp_ballot(two_columns) != 0;
    rgb sampled[Pixels];
    sample_frame(picture, from, sampled);
#pragma unroll
    for (int i = 0; i < Pixels; i++) {
        levels[i].red = in_frame[i] ? sampled[i].red : levels[i].red;
        levels[i].green = in_frame[i] ? sampled[i].green : levels[i].green;
        levels[i].blue = in_frame[i] ? sampled[i].blue : levels[i].blue;
    }

    store_row(tensor, y, first, width, levels);
}

}

YZC_KERNEL(yzc_preprocess_f32, YZC_PREPROCESS_THREADS)(const yzc_preprocess_params params) { preprocess<channels_first<float32>>(params); }
YZC_KERNEL(yzc_preprocess_f16, YZC_PREPROCESS_THREADS)(const yzc_preprocess_params params) { preprocess<channels_first<float16>>(params); }
YZC_KERNEL(yzc_preprocess_u8, YZC_PREPROCESS_THREADS)(const yzc_preprocess_params params) { preprocess<channels_first<uint8>>(params); }
YZC_KERNEL(yzc_preprocess_f16_last, YZC_PREPROCESS_THREADS)(const yzc_preprocess_params params) { preprocess<channels_last>(params); }
