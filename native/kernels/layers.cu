// Layers between convolutions, on channels-last tensors of halves: a view is some channels of a buffer [pictures, height, width, channels], all of
// whose addresses and steps are multiples of 16 bytes. A thread moves 16 bytes, 8 channels of a pixel; those of a warp lie side by side.
// Grid: y = picture. Block: YZC_LAYER_THREADS, but of attention.
#include "layer_device.cuh"
#include "attention.cuh"
#include "depthwise.cuh"

namespace {

YZC_DEVICE void copy(const yzc_layer_params& params)
{
    place to;
    if (to.find(params.vectors, params.height * params.width)) {
        int pixels = params.height * params.width;
        words4 value = read128(at(params.input, params.input_step, pixels, block_y(), to.pixel, to.vector));
        store128(at(params.output, params.output_step, pixels, block_y(), to.pixel, to.vector), value);
    }
}

// The sum in single precision rounds as that of halves does.
YZC_DEVICE void add(const yzc_layer_params& params)
{
    place to;
    if (to.find(params.vectors, params.height * params.width)) {
        int pixels = params.height * params.width;
        words4 first = read128(at(params.input, params.input_step, pixels, block_y(), to.pixel, to.vector));
        words4 second = read128(at(params.second, params.second_step, pixels, block_y(), to.pixel, to.vector));
        float sums[8];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            sums[i] = half_of(first, i) + half_of(second, i);
        }

        store128(at(params.output, params.output_step, pixels, block_y(), to.pixel, to.vector), halves_of(sums));
    }
}

// A thread for each vector of the input, which it writes four times.
YZC_DEVICE void upsample(const yzc_layer_params& params)
{
    place from;
    if (from.find(params.vectors, params.height * params.width)) {
        int pixels = params.height * params.width;
        words4 value = read128(at(params.input, params.input_step, pixels, block_y(), from.pixel, from.vector));
        int y = from.pixel / params.width;
        int x = from.pixel - y * params.width;
        int first = 2 * (2 * y * params.width + x);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int pixel = first + i / 2 * 2 * params.width + i % 2;
            store128(at(params.output, params.output_step, 4 * pixels, block_y(), pixel, from.vector), value);
        }
    }
}

// Windows that move; neighbours' loads come from the cache.
YZC_DEVICE void pool(const yzc_layer_params& params)
{
    place to;
    if (!to.find(params.vectors, params.output_height * params.output_width)) {
        return;
    }

    int pixels = params.height * params.width;
    int y = to.pixel / params.output_width;
    int x = to.pixel - y * params.output_width;
    int top = y * params.stride_down - params.padding_top;
    int left = x * params.stride_right - params.padding_left;
    int bottom = lesser(top + params.kernel_height, params.height);
    int right = lesser(left + params.kernel_width, params.width);
    top = greater(top, 0);
    left = greater(left, 0);
    bool mean = (params.options & YZC_MEAN) != 0;
    words4 best = { { LowestPair, LowestPair, LowestPair, LowestPair } };
    float sums[8] = {};
    for (int row = top; row < bottom; row++) {
        for (int column = left; column < right; column++) {
            words4 value = read128(at(params.input, params.input_step, pixels, block_y(), row * params.width + column, to.vector));
            if (mean) {
#pragma unroll
                for (int i = 0; i < 8; i++) {
                    sums[i] += half_of(value, i);
                }
            } else {
                best = larger_of(best, in_order(value));
            }
        }
    }

    if (mean) {
        float count = (float)((bottom - top) * (right - left));
#pragma unroll
        for (int i = 0; i < 8; i++) {
            sums[i] /= count;
        }
    }

    words4 result = mean ? halves_of(sums) : in_order(best);
    store128(at(params.output, params.output_step, params.output_height * params.output_width, block_y(), to.pixel, to.vector), result);
}

// Three windows of five by five, one over the other, in one launch: a block takes one vector of a tile and of what lies up to six cells around it.
// Each is a row of five and then a column of five, in shared memory; a thread has two neighbours, whose windows share four of their six cells.
// Grid: x = tiles of a picture, y = picture, z = vector. Tiles are counted by rows.
struct pool_chain {
    static constexpr int Tile = YZC_POOL_TILE;
    static constexpr int Halo = 6;
    static constexpr int Side = Tile + 2 * Halo;
    static constexpr int Pitch = Side + 1;  // Odd: threads one below the other then lie in different banks.

    struct memory {
        vector4 first[Side * Pitch];
        vector4 second[Side * Pitch];
    };

    const yzc_layer_params& params;
    memory& shared;
    int tile_x, tile_y;         // First cell of the tile
    int left, top;              // and of the region.
    int width, height;          // Of the region, which ends with the map.

    YZC_DEVICE_MEMBER pool_chain(const yzc_layer_params& params, memory& shared)
        : params(params)
        , shared(shared)
    {
        int columns = (params.width + Tile - 1) / Tile;
        int row = block_x() / columns;
        tile_x = (block_x() - row * columns) * Tile;
        tile_y = row * Tile;
        left = clamped(tile_x - Halo, 0, params.width);
        top = clamped(tile_y - Halo, 0, params.height);
        width = clamped(tile_x + Tile + Halo, 0, params.width) - left;
        height = clamped(tile_y + Tile + Halo, 0, params.height) - top;
    }

    YZC_DEVICE_MEMBER static words4 get(const vector4* cells, int cell) { return { { cells[cell].x, cells[cell].y, cells[cell].z, cells[cell].w } }; }
    YZC_DEVICE_MEMBER static void put(vector4* cells, int cell, const words4& value) { cells[cell] = { value.at[0], value.at[1], value.at[2], value.at[3] }; }

    YZC_DEVICE_MEMBER void load() const
    {
        int pixels = params.height * params.width;
        for (int cell = thread_index(); cell < width * height; cell += YZC_LAYER_THREADS) {
            int y = cell / width;
            int x = cell - y * width;
            words4 value = read128(at(params.input, params.input_step, pixels, block_y(), (top + y) * params.width + left + x, block_z()));
            put(shared.first, y * Pitch + x, in_order(value));
        }
    }

    // Two neighbours' largest of five, along lines of `length` cells `step` apart. A cell behind the end is its neighbour inside.
    YZC_DEVICE_MEMBER static void pool_pair(const vector4* from, vector4* to, int line, int step, int position, int length)
    {
        words4 cells[6];
#pragma unroll
        for (int i = 0; i < 6; i++) {
            cells[i] = get(from, line + step * clamped(position + i - 2, 0, length - 1));
        }

        words4 shared_cells = larger_of(larger_of(cells[1], cells[2]), larger_of(cells[3], cells[4]));
        put(to, line + step * position, larger_of(cells[0], shared_cells));
        if (position + 1 < length) {
            put(to, line + step * (position + 1), larger_of(shared_cells, cells[5]));
        }
    }

    // Both windows, and what of them is the tile's to the output.
    YZC_DEVICE_MEMBER void pool(uint64_t output) const
    {
        int pairs = (width + 1) / 2;
        for (int i = thread_index(); i < pairs * height; i += YZC_LAYER_THREADS) {
            int pair = i / height;
            pool_pair(shared.first, shared.second, (i - pair * height) * Pitch, 1, 2 * pair, width);
        }

        block_sync();
        pairs = (height + 1) / 2;
        for (int i = thread_index(); i < pairs * width; i += YZC_LAYER_THREADS) {
            int pair = i / width;
            pool_pair(shared.second, shared.first, i - pair * width, Pitch, 2 * pair, height);
        }

        block_sync();
        int pixels = params.height * params.width;
        int columns = lesser(Tile, params.width - tile_x);
        int rows = lesser(Tile, params.height - tile_y);
        for (int cell = thread_index(); cell < columns * rows; cell += YZC_LAYER_THREADS) {
            int row = cell / columns;
            int y = tile_y + row;
            int x = tile_x + cell - row * columns;
            words4 value = in_order(get(shared.first, (y - top) * Pitch + x - left));
            store128(at(output, params.output_step, pixels, block_y(), y * params.width + x, block_z()), value);
        }
    }

    YZC_DEVICE_MEMBER void run() const
    {
        load();
        block_sync();
        pool(params.output);
        pool(params.second);
        pool(params.third);
    }
};

}

YZC_KERNEL(yzc_copy_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { copy(params); }
YZC_KERNEL(yzc_add_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { add(params); }
YZC_KERNEL(yzc_upsample_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { upsample(params); }
YZC_KERNEL(yzc_pool_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { pool(params); }

YZC_KERNEL(yzc_max_pool_chain_f16, YZC_LAYER_THREADS)(const yzc_layer_params params)
{
    YZC_SHARED pool_chain::memory shared;
    pool_chain(params, shared).run();
}

YZC_KERNEL(yzc_depthwise_3x3_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { depthwise<3, 1, YZC_DEPTHWISE_STRIP>(params); }
YZC_KERNEL(yzc_depthwise_5x5_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { depthwise<5, 1, YZC_DEPTHWISE_PAIR>(params); }
YZC_KERNEL(yzc_depthwise_7x7_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { depthwise<7, 1, YZC_DEPTHWISE_PAIR>(params); }
YZC_KERNEL(yzc_depthwise_3x3_stride_2_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { depthwise<3, 2, YZC_DEPTHWISE_PAIR>(params); }
YZC_KERNEL(yzc_depthwise_5x5_stride_2_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { depthwise<5, 2, YZC_DEPTHWISE_PAIR>(params); }
YZC_KERNEL(yzc_depthwise_7x7_stride_2_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { depthwise<7, 2, YZC_DEPTHWISE_PAIR>(params); }
YZC_KERNEL(yzc_depthwise_f16, YZC_LAYER_THREADS)(const yzc_layer_params params) { depthwise_of_any_size(params); }

YZC_KERNEL(yzc_attention_f16, YZC_ATTENTION_THREADS)(const yzc_layer_params params)
{
    YZC_SHARED attention::memory shared;
    attention(params, shared).run();
}
