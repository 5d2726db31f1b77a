// Preprocessing and a network's first convolution in one launch: 3 by 3, every second cell of every second row, from red, green and blue to 16 or more
// channels. The input's tensor, of more bytes than frames or result, is never written. Its pixels are those of yzc_preprocess_f16_last to the bit; a block
// has those of its tile, and of what lies around it, in shared memory, and multiplies them on tensor cores.
// Grid: x = tiles of YZC_STEM_COLUMNS, y = tiles of YZC_STEM_ROWS, z = picture. Block: YZC_STEM_THREADS.
#include "layer_device.cuh"
#include "sampling.cuh"

namespace {

struct stem {
    static constexpr int Columns = 2 * YZC_STEM_COLUMNS + 2;    // Of pixels. The last is met by no weight but 0: products are of four pixels of a row.
    static constexpr int Rows = 2 * YZC_STEM_ROWS + 1;
    static constexpr int Apart = Columns / Pixels;              // Between pixels of a thread.
    static constexpr int Items = Apart * Rows;                  // What threads have at a time.
    static constexpr int Cells = 16;                            // Of a product, all of one row of the output.
    static constexpr int RowProducts = YZC_STEM_COLUMNS / Cells;
    static constexpr int Words = 2;                             // Of a pixel: red and green, blue and 0.
    static constexpr int RowWords = 3 * Words;                  // Of weights for a row of the window,
    static constexpr int ChannelWords = 3 * RowWords;           // and of those of a channel.
    static_assert(Pixels * Apart == Columns && YZC_STEM_COLUMNS % Cells == 0, "a tile is whole");

    // Aligned, so that it is one access.
    struct alignas(8) pixel_words {
        uint32_t red_green, blue;
    };

    // Of a pixel that no frame reaches, instead of its place: padding, or beyond the input, where a convolution has zeros.
    static constexpr int InPadding = -1;
    static constexpr int Beyond = -2;
    static constexpr int RowOffset = 1;     // A row's place begins at -1.

    struct memory {
        pixel_words pixels[Rows * Columns];
        location columns[Columns];
        location rows[Rows];
    };

    const yzc_layer_params& params;
    memory& shared;
    int first_column, first_row;    // Of the tile, in the output.

    YZC_DEVICE_MEMBER stem(const yzc_layer_params& params, memory& shared)
        : params(params)
        , shared(shared)
        , first_column(block_x() * YZC_STEM_COLUMNS)
        , first_row(block_y() * YZC_STEM_ROWS)
    {
    }

    // Once for each column and row of the tile, not for each pixel. A barrier for the block. True: the tile sees nothing but padding, as nearly half of all
    // do of frames wider than the input.
    YZC_DEVICE_MEMBER bool locate_all(const yzc_picture& picture) const
    {
        bool sees_other = false;
        int i = thread_index();
        if (i < Columns) {
            int x = 2 * first_column - 1 + i;
            int column = x - picture.left;
            shared.columns[i] = x < 0 || x >= params.width ? location { Beyond, 0, 0 }
                : column < 0 || column >= picture.resized_width ? location { InPadding, 0, 0 }
                                                                : column_of(picture, column);
            sees_other = i < Columns - 1 && shared.columns[i].first == Beyond;
        }

        // Another warp's.
        i -= YZC_STEM_THREADS - 32;
        if (i >= 0 && i < Rows) {
            int y = 2 * first_row - 1 + i;
            int row = y - picture.top;
            location from = { InPadding, 0, 0 };
            if (row >= 0 && row < picture.resized_height) {
                from = locate(row, picture.scale_y);
                from.first += RowOffset;
            }

            shared.rows[i] = y < 0 || y >= params.height ? location { Beyond, 0, 0 } : from;
            sees_other = shared.rows[i].first != InPadding;
        }

        return !block_any(sees_other);
    }

    YZC_DEVICE_MEMBER void load(const yzc_picture& picture) const
    {
#pragma unroll 1
        for (int first = 0; first < Items; first += YZC_STEM_THREADS) {
            // All threads take part to the end.
            int item = lesser(first + thread_index(), Items - 1);
            int row = item / Apart;
            int column = item - row * Apart;
            location vertical = shared.rows[row];
            location horizontal[Pixels];
            bool in_frame = false;
#pragma unroll
            for (int i = 0; i < Pixels; i++) {
                horizontal[i] = shared.columns[column + Apart * i];
                in_frame |= vertical.first >= 0 && horizontal[i].first >= 0;
            }

            rgb levels[Pixels] = {};
            if (warp_ballot(in_frame) != 0) {
                sources from;
                bool two_columns = false;
                set_row(from, picture, { vertical.first - RowOffset, vertical.first_weight, vertical.second_weight });
#pragma unroll
                for (int i = 0; i < Pixels; i++) {
                    set_column(from, i, { horizontal[i].first < 0 ? 0 : horizontal[i].first, horizontal[i].first_weight, horizontal[i].second_weight });
                    two_columns |= from.right_weight[i] != 0;
                }

                from.two_columns = warp_ballot(two_columns) != 0;
                sample_frame(picture, from, levels);
            }

#pragma unroll
            for (int i = 0; i < Pixels; i++) {
                constexpr int Level = (int)Padding;
                bool beyond = vertical.first == Beyond || horizontal[i].first == Beyond;
                bool padding = vertical.first < 0 || horizontal[i].first < 0;
                uint64_t halves = beyond ? 0 : to_halves(padding ? rgb { Level, Level, Level } : levels[i]);
                shared.pixels[row * Columns + column + Apart * i] = { (uint32_t)halves, (uint32_t)(halves >> 32) };
            }
        }
    }

    // A row of the tile: products of 16 cells by 16 channels, of 8 words at a time, which are four pixels. The columns of a product are ordered so that a lane
    // has four channels side by side: channel 4 (c / 2) + 2 j + c % 2 is column c of product j.
    // In padding all cells are the same: one product has them.
    template <bool AllPadding>
    YZC_DEVICE_MEMBER void multiply(int row, int channels) const
    {
        constexpr int Products = AllPadding ? 1 : RowProducts;
        int group = lane_index() / 4;
        int pair = lane_index() % 4;
        uint64_t from = params.weights + 4ull * (uint64_t)((16 * channels + 4 * (group / 2) + group % 2) * ChannelWords + pair);
        uint64_t bias = params.bias + 2ull * (uint64_t)(16 * channels + 4 * pair);
        uint32_t weights[3][2][2];
        float sums[Products][2][4];
#pragma unroll
        for (int j = 0; j < 2; j++) {
#pragma unroll
            for (int ky = 0; ky < 3; ky++) {
                uint64_t at = from + 4ull * (uint64_t)(2 * j * ChannelWords + ky * RowWords);
                weights[ky][0][j] = read32(at);
                weights[ky][1][j] = pair < RowWords - 4 ? read32(at + 16) : 0;
            }

            uint32_t two = read32(bias + 4ull * (uint64_t)j);
#pragma unroll
            for (int i = 0; i < Products; i++) {
                sums[i][j][0] = sums[i][j][2] = half_to_float(two & 0xFFFF);
                sums[i][j][1] = sums[i][j][3] = half_to_float(two >> 16);
            }
        }

        constexpr int Level = (int)Padding;
        uint64_t padding = to_halves({ Level, Level, Level });
        uint32_t constant = (uint32_t)(pair % 2 == 0 ? padding : padding >> 32);
        const uint32_t* words = (const uint32_t*)shared.pixels + (2 * row * Columns + 2 * group) * Words + pair;
#pragma unroll
        for (int ky = 0; ky < 3; ky++) {
#pragma unroll
            for (int s = 0; s < 2; s++) {
#pragma unroll
                for (int i = 0; i < Products; i++) {
                    int at = (ky * Columns + 2 * Cells * i) * Words + 4 * s;
                    uint32_t upper = AllPadding ? constant : words[at];
                    uint32_t lower = AllPadding ? constant : words[at + Cells * Words];
#pragma unroll
                    for (int j = 0; j < 2; j++) {
                        warp_multiply_add(sums[i][j], upper, lower, weights[ky][s][j]);
                    }
                }
            }
        }

        bool has_silu = (params.options & YZC_SILU) != 0;
        int pixels = params.output_height * params.output_width;
        uint64_t cells = at(params.output, params.output_step, pixels, block_z(), (first_row + row) * params.output_width, 2 * channels) + 8ull * (uint64_t)pair;
        uint64_t result = 0;
#pragma unroll
        for (int i = 0; i < 2 * RowProducts; i++) {
            int x = first_column + Cells / 2 * i + group;
            if (i == 0 || !AllPadding) {
                result = 0;
#pragma unroll
                for (int k = 0; k < 4; k++) {
                    float sum = sums[AllPadding ? 0 : i / 2][k / 2][2 * (i % 2) + k % 2];
                    result |= (uint64_t)float_to_half(has_silu ? quick_silu(sum) : sum) << 16 * k;
                }
            }

            if (x < params.output_width) {
                *global<uint64_t>(cells + 16ull * (uint64_t)(uint32_t)(x * params.output_step)) = result;
            }
        }
    }

    YZC_DEVICE_MEMBER void run() const
    {
        const yzc_picture picture = read_picture(params.input, block_z());
        if (locate_all(picture)) {
            multiply_all<true>();
            return;
        }

        load(picture);
        block_sync();
        multiply_all<false>();
    }

    template <bool AllPadding>
    YZC_DEVICE_MEMBER void multiply_all() const
    {
        int row = warp_index();
        if (row < YZC_STEM_ROWS && first_row + row < params.output_height) {
#pragma unroll 1
            for (int channels = 0; channels < params.vectors / 2; channels++) {
                multiply<AllPadding>(row, channels);
            }
        }
    }
};

}

// Of three blocks one or the other loads while another multiplies.
YZC_KERNEL(yzc_stem_f16, YZC_STEM_THREADS, 3)(const yzc_layer_params params)
{
    YZC_SHARED stem::memory shared;
    stem(params, shared).run();
}
