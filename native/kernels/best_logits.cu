// A head's last convolution of one cell, of which nothing is left but each cell's best logit: the map of logits, of a hundred and more bytes a cell, is
// neither written nor read. Sums are of single precision, then rounded to halves, as a map's are.
// Two warps look at the same cells, each at every second group of classes: one frame alone has few cells, and waits for memory.
// Grid: x = segments of YZC_BEST_CELLS, y = picture. Block: YZC_BEST_THREADS.
#include "best_logit.cuh"
#include "layer_device.cuh"

namespace {

struct best_logits {
    static constexpr int Products = 2;      // Of 16 cells, a warp.
    static constexpr int Cells = 16 * Products;
    static constexpr int Columns = 5;       // Products side by side, of 8 classes each: 80 classes are two times as many.
    static constexpr int Lanes = 4;         // Of a row. Each has a vector, which is four steps of a product.
    static constexpr int Rounds = 3;        // Vectors of a lane on their way at a time.
    static constexpr int Sharers = 2;       // Warps with the same cells.
    static constexpr int Teams = YZC_BEST_THREADS / 32 / Sharers;
    static_assert(YZC_BEST_CELLS == Teams * Cells, "a block has whole warps");

    struct memory {
        uint32_t best[Teams][Cells], wrong[Teams][Cells];   // What the second warp of a team has found.
    };

    const yzc_layer_params& params;
    memory& shared;
    int group, pair;                        // Of a lane: its row of the cells and its column of the classes.
    int cells;                              // Of a picture.
    int first_cell;                         // Of the warp.
    float best[Products][2];                // Of rows `group` and `group + 8`: the largest logit of the lane's classes,
    int best_class[Products][2];            // and the first class that has it.
    uint32_t wrong[Products][2];            // The lowest class whose logit is not finite, as 0xFFFF - class, above its place in order; 0: none.

    YZC_DEVICE_MEMBER best_logits(const yzc_layer_params& params, memory& shared)
        : params(params)
        , shared(shared)
        , group(lane_index() / Lanes)
        , pair(lane_index() % Lanes)
        , cells(params.height * params.width)
        , first_cell(block_x() * YZC_BEST_CELLS + warp_index() / Sharers * Cells)
    {
    }

    // All lanes take part to the end: rows beyond the last cell repeat it.
    YZC_DEVICE_MEMBER words4 feature(int product, int half, int vector) const
    {
        int cell = lesser(first_cell + 16 * product + 8 * half + group, cells - 1);
        return vector < params.vectors ? read128(at(params.input, params.input_step, cells, block_y(), cell, vector)) : words4 {};
    }

    YZC_DEVICE_MEMBER void weigh(words4 (&weights)[Columns], int first_tile, int tiles, int vector) const
    {
#pragma unroll
        for (int j = 0; j < Columns; j++) {
            uint64_t row = (uint64_t)(8 * (first_tile + j) + group) * (uint64_t)params.vectors;
            bool is_there = first_tile + j < tiles && vector < params.vectors;
            weights[j] = is_there ? read128(params.weights + 16ull * (row + (uint64_t)vector)) : words4 {};
        }
    }

    // Classes from 8 * first_tile on.
    YZC_DEVICE_MEMBER void classes(int first_tile, int tiles)
    {
        float sums[Products][Columns][4];
#pragma unroll
        for (int j = 0; j < Columns; j++) {
            int class_id = 8 * (first_tile + j) + 2 * pair;
            uint32_t two = first_tile + j < tiles ? read32(params.bias + 2ull * (uint64_t)class_id) : 0;

            // What is no class has the lowest logit there is, and comes behind all that have it.
            constexpr float Lowest = -65504;
            float left = class_id < params.classes ? half_to_float(two & 0xFFFF) : Lowest;
            float right = class_id + 1 < params.classes ? half_to_float(two >> 16) : Lowest;
#pragma unroll
            for (int i = 0; i < Products; i++) {
                sums[i][j][0] = sums[i][j][2] = left;
                sums[i][j][1] = sums[i][j][3] = right;
            }
        }

#pragma unroll 1
        for (int first = pair; first - pair < params.vectors; first += Lanes * Rounds) {
            words4 features[Rounds][Products][2];
            words4 weights[2][Columns];
            weigh(weights[0], first_tile, tiles, first);
#pragma unroll
            for (int round = 0; round < Rounds; round++) {
#pragma unroll
                for (int i = 0; i < Products; i++) {
                    features[round][i][0] = feature(i, 0, first + Lanes * round);
                    features[round][i][1] = feature(i, 1, first + Lanes * round);
                }
            }

#pragma unroll
            for (int round = 0; round < Rounds; round++) {
                if (round + 1 < Rounds) {
                    weigh(weights[(round + 1) % 2], first_tile, tiles, first + Lanes * (round + 1));
                }

#pragma unroll
                for (int step = 0; step < 4; step++) {
#pragma unroll
                    for (int i = 0; i < Products; i++) {
#pragma unroll
                        for (int j = 0; j < Columns; j++) {
                            const words4(&two)[2] = features[round][i];
                            warp_multiply_add(sums[i][j], two[0].at[step], two[1].at[step], weights[round % 2][j].at[step]);
                        }
                    }
                }
            }
        }

#pragma unroll
        for (int i = 0; i < Products; i++) {
#pragma unroll
            for (int k = 0; k < 4; k++) {
                float largest = 0;
#pragma unroll
                for (int j = 0; j < Columns; j++) {
                    float logit = half_to_float(float_to_half(sums[i][j][k]));
                    int class_id = 8 * (first_tile + j) + 2 * pair + k % 2;
                    sums[i][j][k] = logit;

                    // Columns of a lane come in the order of classes but for its two neighbours, the second of which waits for the next k.
                    bool is_better = logit > best[i][k / 2] || (logit == best[i][k / 2] && class_id < best_class[i][k / 2]);
                    best[i][k / 2] = is_better ? logit : best[i][k / 2];
                    best_class[i][k / 2] = is_better ? class_id : best_class[i][k / 2];
                    largest = larger(largest, magnitude(logit));
                    largest = logit == logit ? largest : bits_to_float(0x7F800000u);
                }

                if (largest > 65504) {
                    find_wrong(i, k, first_tile, sums[i]);
                }
            }
        }
    }

    YZC_DEVICE_MEMBER void find_wrong(int product, int k, int first_tile, const float (&sums)[Columns][4])
    {
#pragma unroll
        for (int j = 0; j < Columns; j++) {
            uint32_t half = float_to_half(sums[j][k]);
            uint32_t first = (uint32_t)(0xFFFF - (8 * (first_tile + j) + 2 * pair + k % 2)) << 16 | best_logit::in_order(half);
            uint32_t before = wrong[product][k / 2];
            wrong[product][k / 2] = !best_logit::is_finite(half) && first > before ? first : before;
        }
    }

    YZC_DEVICE_MEMBER static uint32_t larger_of_row(uint32_t value)
    {
        uint32_t other = (uint32_t)warp_xor((int)value, 1);
        value = other > value ? other : value;
        other = (uint32_t)warp_xor((int)value, 2);
        return other > value ? other : value;
    }

    YZC_DEVICE_MEMBER void run()
    {
#pragma unroll
        for (int i = 0; i < 2 * Products; i++) {
            best[i / 2][i % 2] = bits_to_float(0xFF800000u);
            best_class[i / 2][i % 2] = 0;
            wrong[i / 2][i % 2] = 0;
        }

        int tiles = (params.classes + 7) / 8;
#pragma unroll 1
        for (int first = warp_index() % Sharers * Columns; first < tiles; first += Sharers * Columns) {
            classes(first, tiles);
        }

        // Each lane of a row has one of their four cells.
        uint32_t mine = 0;
        uint32_t mine_wrong = 0;
#pragma unroll
        for (int i = 0; i < 2 * Products; i++) {
            uint32_t order = best_logit::in_order(float_to_half(best[i / 2][i % 2]));
            uint32_t key = larger_of_row(best_logit::key(order, best_class[i / 2][i % 2]));
            uint32_t not_finite = larger_of_row(wrong[i / 2][i % 2]);
            mine = i == pair ? key : mine;
            mine_wrong = i == pair ? not_finite : mine_wrong;
        }

        int team = warp_index() / Sharers;
        int place = 8 * pair + group;
        if (warp_index() % Sharers != 0) {
            shared.best[team][place] = mine;
            shared.wrong[team][place] = mine_wrong;
        }

        block_sync();
        if (warp_index() % Sharers == 0 && first_cell + place < cells) {
            uint32_t other = shared.best[team][place];
            uint32_t other_wrong = shared.wrong[team][place];
            mine = other > mine ? other : mine;
            mine_wrong = other_wrong > mine_wrong ? other_wrong : mine_wrong;
            global<uint32_t>(at(params.output, params.output_step, cells, block_y(), 0, 0))[first_cell + place] =
                mine_wrong == 0 ? mine : mine_wrong << 16 | mine_wrong >> 16;
        }
    }
};

}

YZC_KERNEL(yzc_best_logits_f16, YZC_BEST_THREADS, 3)(const yzc_layer_params params)
{
    YZC_SHARED best_logits::memory shared;
    best_logits(params, shared).run();
}
