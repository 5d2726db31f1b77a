// Attention of the cells of an area to each other, as tensor cores want it: a warp has 16 queries, a block 64, and goes through keys and values in tiles
// of 64, which lie in shared memory. The softmax is that of the tiles so far; sums are scaled when a larger product comes. Products and sums are of
// single precision; a weight is rounded to half before it meets its value, and counts in the sum of weights as it is then.
// Grid: x = tiles of queries of all areas, y = picture, z = head. Block: YZC_ATTENTION_THREADS.
#pragma once

#include "layer_device.cuh"

namespace {

struct attention {
    static constexpr int Keys = 64;             // Of a tile.
    static constexpr int Groups = Keys / 8;
    static constexpr int MostVectors = YZC_ATTENTION_VECTORS;
    static constexpr int WarpQueries = 16;
    static constexpr int MostPitch = 4 * MostVectors + 4;
    static_assert(YZC_ATTENTION_QUERIES == WarpQueries * (YZC_ATTENTION_THREADS / 32), "a warp has 16 queries");

    struct alignas(16) memory {
        vector4 keys[Keys * MostPitch / 4];
        vector4 values[Keys * MostPitch / 4];
    };

    const yzc_layer_params& params;
    memory& shared;
    int cells;                  // Of an area.
    int first_cell;             // Of the area.
    int first_query;            // Of the warp, in the area.
    int group, pair;            // Of the lane: rows group and group + 8, columns 2 pair and 2 pair + 1.

    YZC_DEVICE_MEMBER attention(const yzc_layer_params& params, memory& shared)
        : params(params)
        , shared(shared)
    {
        cells = params.height * params.width / params.areas;
        int tiles = (cells + YZC_ATTENTION_QUERIES - 1) / YZC_ATTENTION_QUERIES;
        int area = block_x() / tiles;
        first_cell = area * cells;
        first_query = (block_x() - area * tiles) * YZC_ATTENTION_QUERIES + warp_index() * WarpQueries;
        group = lane_index() / 4;
        pair = lane_index() % 4;
    }

    // Address of a vector of a cell's head.
    YZC_DEVICE_MEMBER uint64_t vector_at(uint64_t view, int step, int vectors, int cell, int vector) const
    {
        return at(view, step, params.height * params.width, block_y(), first_cell + cell, block_z() * vectors + vector);
    }

    // Cells lie a vector apart from what is their size, so that a warp's rows begin in different banks.
    YZC_DEVICE_MEMBER static int pitch(int vectors) { return vectors + 1; }

    YZC_DEVICE_MEMBER void load(vector4* to, uint64_t view, int step, int vectors, int first_key) const
    {
        for (int i = thread_index(); i < Keys * vectors; i += YZC_ATTENTION_THREADS) {
            int key = i / vectors;
            int vector = i - key * vectors;
            words4 value = { { 0, 0, 0, 0 } };
            if (first_key + key < cells) {
                value = read128(vector_at(view, step, vectors, first_key + key, vector));
            }

            to[key * pitch(vectors) + vector] = { value.at[0], value.at[1], value.at[2], value.at[3] };
        }
    }

    YZC_DEVICE_MEMBER static uint32_t word(const vector4* from, int index) { return ((const uint32_t*)from)[index]; }

    YZC_DEVICE_MEMBER static float over_pairs_largest(float value)
    {
#pragma unroll
        for (int lanes = 1; lanes < 4; lanes *= 2) {
            value = larger(value, bits_to_float((uint32_t)warp_xor((int)float_to_bits(value), lanes)));
        }

        return value;
    }

    YZC_DEVICE_MEMBER static float over_pairs_sum(float value)
    {
#pragma unroll
        for (int lanes = 1; lanes < 4; lanes *= 2) {
            value += bits_to_float((uint32_t)warp_xor((int)float_to_bits(value), lanes));
        }

        return value;
    }

    YZC_DEVICE_MEMBER void run() const
    {
        constexpr float Log2E = 1.44269504f;
        constexpr uint32_t MinusInfinity = 0xFF800000u;
        float scale = params.scale * Log2E;
        int key_pitch = 4 * pitch(params.key_vectors);
        int value_pitch = 4 * pitch(params.vectors);
        uint32_t queries[MostVectors][2];
#pragma unroll
        for (int i = 0; i < MostVectors; i++) {
#pragma unroll
            for (int row = 0; row < 2; row++) {
                int query = first_query + group + 8 * row;
                queries[i][row] = i < params.key_vectors && query < cells
                    ? read32(vector_at(params.input, params.input_step, params.key_vectors, query, i) + 4ull * (uint64_t)pair)
                    : 0;
            }
        }

        float sums[MostVectors][4] = {};
        float largest[2] = { bits_to_float(MinusInfinity), bits_to_float(MinusInfinity) };
        float total[2] = { 0, 0 };
        for (int first_key = 0; first_key < cells; first_key += Keys) {
            block_sync();
            load(shared.keys, params.second, params.second_step, params.key_vectors, first_key);
            load(shared.values, params.third, params.third_step, params.vectors, first_key);
            block_sync();

            float products[Groups][4] = {};
#pragma unroll
            for (int n = 0; n < Groups; n++) {
#pragma unroll
                for (int i = 0; i < MostVectors; i++) {
                    if (i < params.key_vectors) {
                        warp_multiply_add(products[n], queries[i][0], queries[i][1], word(shared.keys, (8 * n + group) * key_pitch + 4 * i + pair));
                    }
                }
            }

            float best[2] = { largest[0], largest[1] };
#pragma unroll
            for (int n = 0; n < Groups; n++) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    bool exists = first_key + 8 * n + 2 * pair + j % 2 < cells;
                    products[n][j] = exists ? products[n][j] * scale : bits_to_float(MinusInfinity);
                    best[j / 2] = larger(best[j / 2], products[n][j]);
                }
            }

#pragma unroll
            for (int row = 0; row < 2; row++) {
                best[row] = over_pairs_largest(best[row]);
                float factor = approximate_exp2(largest[row] - best[row]);
                largest[row] = best[row];
                total[row] *= factor;
#pragma unroll
                for (int i = 0; i < MostVectors; i++) {
                    sums[i][2 * row] *= factor;
                    sums[i][2 * row + 1] *= factor;
                }
            }

#pragma unroll
            for (int n = 0; n < Groups; n++) {
                uint32_t weights[2];
#pragma unroll
                for (int row = 0; row < 2; row++) {
                    uint32_t low = float_to_half(approximate_exp2(products[n][2 * row] - largest[row]));
                    uint32_t high = float_to_half(approximate_exp2(products[n][2 * row + 1] - largest[row]));
                    weights[row] = low | high << 16;
                    total[row] += half_to_float(low) + half_to_float(high);
                }

                // Two keys' values of one channel: the upper or the lower half of a word each.
                int shift = 16 * (group % 2);
                int first = (8 * n + 2 * pair) * value_pitch + group / 2;
#pragma unroll
                for (int i = 0; i < MostVectors; i++) {
                    if (i < params.vectors) {
                        uint32_t one = word(shared.values, first + 4 * i) >> shift & 0xFFFF;
                        uint32_t other = word(shared.values, first + value_pitch + 4 * i) >> shift << 16;
                        warp_multiply_add(sums[i], weights[0], weights[1], one | other);
                    }
                }
            }
        }

#pragma unroll
        for (int row = 0; row < 2; row++) {
            float whole = over_pairs_sum(total[row]);
            int query = first_query + group + 8 * row;
#pragma unroll
            for (int i = 0; i < MostVectors; i++) {
                if (i < params.vectors && query < cells) {
                    uint32_t low = float_to_half(sums[i][2 * row] / whole);
                    uint32_t high = float_to_half(sums[i][2 * row + 1] / whole);
                    *global<uint32_t>(vector_at(params.output, params.output_step, params.vectors, query, i) + 4ull * (uint64_t)pair) = low | high << 16;
                }
            }
        }
    }
};

}
