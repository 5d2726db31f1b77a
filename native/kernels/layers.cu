// Layers between convolutions, on channels-last tensors of halves: a view is some channels of a buffer [pictures, height, width, channels], all of
// whose addresses and steps are multiples of 16 bytes. A thread moves 16 bytes, 8 channels of a pixel; those of a warp lie side by side.
// Grid: y = picture, but of yzc_max_pool_chain_f16. Block: YZC_LAYER_THREADS.
#include "yzc_device.h"

namespace {

// What a thread of a kernel over all vectors of a picture is about.
struct place {
    int vector;
    int pixel;

    // False: none.
    YZC_DEVICE_MEMBER bool find(const yzc_layer_params& params)
    {
        uint32_t index = (uint32_t)block_x() * YZC_LAYER_THREADS + (uint32_t)thread_index();
        uint32_t vectors = (uint32_t)params.vectors;
        pixel = (int)(index / vectors);
        vector = (int)(index - (uint32_t)pixel * vectors);
        return pixel < params.height * params.width;
    }
};

// Address of a vector of a pixel. Steps are vectors from pixel to pixel.
YZC_DEVICE uint64_t at(uint64_t view, int step, int pixels, int picture, int pixel, int vector)
{
    return view + 16ull * (((uint64_t)picture * (uint64_t)pixels + (uint64_t)pixel) * (uint64_t)step + (uint64_t)vector);
}

// Halves in an order of signed whole numbers of 16 bits: the same function there and back. NaN is above or below all, by its sign.
YZC_DEVICE words4 in_order(const words4& halves)
{
    words4 result;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        uint32_t negative = (halves.at[i] >> 15 & 0x00010001u) * 0x7FFFu;
        result.at[i] = halves.at[i] ^ negative;
    }

    return result;
}

YZC_DEVICE int greater(int a, int b) { return a > b ? a : b; }

// The larger of each two in order. The upper ones are compared with what lies below them, which decides only where they are equal.
YZC_DEVICE words4 larger_of(const words4& a, const words4& b)
{
    words4 result;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        uint32_t upper = (uint32_t)greater((int)a.at[i], (int)b.at[i]);
        uint32_t lower = (uint32_t)greater((int)(a.at[i] << 16), (int)(b.at[i] << 16));
        result.at[i] = (upper & 0xFFFF0000u) | lower >> 16;
    }

    return result;
}

YZC_DEVICE void copy(const yzc_layer_params& params)
{
    place to;
    if (to.find(params)) {
        int pixels = params.height * params.width;
        words4 value = read128(at(params.input, params.input_step, pixels, block_y(), to.pixel, to.vector));
        store128(at(params.output, params.output_step, pixels, block_y(), to.pixel, to.vector), value);
    }
}

// The sum in single precision rounds as that of halves does.
YZC_DEVICE void add(const yzc_layer_params& params)
{
    place to;
    if (to.find(params)) {
        int pixels = params.height * params.width;
        words4 first = read128(at(params.input, params.input_step, pixels, block_y(), to.pixel, to.vector));
        words4 second = read128(at(params.second, params.second_step, pixels, block_y(), to.pixel, to.vector));
        words4 sum;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            uint32_t low = float_to_half(half_to_float(first.at[i] & 0xFFFF) + half_to_float(second.at[i] & 0xFFFF));
            uint32_t high = float_to_half(half_to_float(first.at[i] >> 16) + half_to_float(second.at[i] >> 16));
            sum.at[i] = low | high << 16;
        }

        store128(at(params.output, params.output_step, pixels, block_y(), to.pixel, to.vector), sum);
    }
}

// A thread for each vector of the input, which it writes four times.
YZC_DEVICE void upsample(const yzc_layer_params& params)
{
    place from;
    if (from.find(params)) {
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

// A window of any odd side; its neighbours' loads come from the cache.
YZC_DEVICE void max_pool(const yzc_layer_params& params)
{
    place to;
    if (to.find(params)) {
        int pixels = params.height * params.width;
        int radius = params.window / 2;
        int y = to.pixel / params.width;
        int x = to.pixel - y * params.width;
        int top = clamped(y - radius, 0, params.height - 1);
        int bottom = clamped(y + radius, 0, params.height - 1);
        int left = clamped(x - radius, 0, params.width - 1);
        int right = clamped(x + radius, 0, params.width - 1);
        words4 best = in_order(read128(at(params.input, params.input_step, pixels, block_y(), to.pixel, to.vector)));
        for (int row = top; row <= bottom; row++) {
            for (int column = left; column <= right; column++) {
                best = larger_of(best, in_order(read128(at(params.input, params.input_step, pixels, block_y(), row * params.width + column, to.vector))));
            }
        }

        store128(at(params.output, params.output_step, pixels, block_y(), to.pixel, to.vector), in_order(best));
    }
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

YZC_KERNEL(YZC_LAYER_THREADS) yzc_copy_f16(const yzc_layer_params params) { copy(params); }
YZC_KERNEL(YZC_LAYER_THREADS) yzc_add_f16(const yzc_layer_params params) { add(params); }
YZC_KERNEL(YZC_LAYER_THREADS) yzc_upsample_f16(const yzc_layer_params params) { upsample(params); }
YZC_KERNEL(YZC_LAYER_THREADS) yzc_max_pool_f16(const yzc_layer_params params) { max_pool(params); }

YZC_KERNEL(YZC_LAYER_THREADS) yzc_max_pool_chain_f16(const yzc_layer_params params)
{
    YZC_SHARED pool_chain::memory shared;
    pool_chain(params, shared).run();
}
