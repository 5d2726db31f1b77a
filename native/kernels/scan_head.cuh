// Finds the candidates in the raw maps of a head: halves, channels last. A block looks at one segment of one level, as the other scans do at theirs.
// Logits are read once, 16 bytes a thread, side by side: a pixel of 80 classes is ten such vectors. Only logits above the threshold's meet in shared
// memory; scores and boxes are computed for what is left, four threads a box, with the arithmetic of the C# HeadDecoder, bit for bit.
// Where yzc_best_logits_f16 has been, each cell's best logit is there already, at the beginning of the picture's part of the map.
#pragma once

#include "best_logit.cuh"
#include "yzc_device.h"

namespace {

// e^x: the operations of the C# HeadValues.Exp, in the same order.
YZC_DEVICE float exponential(float x)
{
    constexpr float Most = 104;
    if (!(magnitude(x) < Most)) {
        return x > 0 ? bits_to_float(0x7F800000u) : x < 0 ? 0 : x;
    }

    constexpr float Shift = 12582912;
    float shifted = multiply_add(x, 1.44269504f, Shift);
    int n = (int)float_to_bits(shifted) - 0x4B400000;
    float whole = shifted - Shift;
    float r = multiply_add(whole, -0.693359375f, x);
    r = multiply_add(whole, 2.12194440e-4f, r);
    float sum = 1.0f / 5040;
    sum = multiply_add(sum, r, 1.0f / 720);
    sum = multiply_add(sum, r, 1.0f / 120);
    sum = multiply_add(sum, r, 1.0f / 24);
    sum = multiply_add(sum, r, 1.0f / 6);
    sum = multiply_add(sum, r, 0.5f);
    sum = multiply_add(sum, r, 1);
    sum = multiply_add(sum, r, 1);
    int half = n >> 1;
    return sum * bits_to_float((uint32_t)(half + 127) << 23) * bits_to_float((uint32_t)(n - half + 127) << 23);
}

struct head_scan {
    static constexpr int HalvesOfVector = 8;
    static constexpr int Unroll = 4;
    static constexpr uint32_t NotANumber = 0x7FC00000u;
    static constexpr uint64_t NoneWrong = ~0ull;

    struct memory {
        uint32_t best[YZC_SCAN_THREADS];    // Of each cell: best_logit::key. 0: none.
        int candidates[YZC_SCAN_THREADS];   // Cells.
        int count;
        uint64_t wrong;
    };

    const yzc_head_params& params;
    memory& shared;
    yzc_head_level level;
    uint64_t sides;             // Of this picture and level.
    uint64_t scores;
    uint64_t sides_bytes;       // From cell to cell.
    int cell_vectors;           // Of logits.
    int first_cell;
    int cells;                  // Of this segment.

    YZC_DEVICE_MEMBER head_scan(const yzc_head_params& params, memory& shared)
        : params(params)
        , shared(shared)
        , level(params.levels[0])
    {
        for (int i = 1; i < params.level_count; i++) {
            if (block_x() >= params.levels[i].first_segment) {
                level = params.levels[i];
            }
        }

        cell_vectors = vectors_of(params.decode.class_count);
        uint64_t scores_bytes = 16ull * (uint64_t)cell_vectors;
        sides_bytes = 16ull * (uint64_t)vectors_of(4 * params.bins);
        uint64_t batch = (uint64_t)params.batch;
        uint64_t before = (uint64_t)level.cells * (uint64_t)block_y();
        sides = params.decode.output + batch * (uint64_t)level.sides + before * sides_bytes;
        scores = params.decode.output + batch * (uint64_t)level.scores + before * scores_bytes;
        first_cell = (block_x() - level.first_segment) * params.decode.segment_anchors;
        cells = lesser(params.decode.segment_anchors, level.cells - first_cell);
    }

    YZC_DEVICE_MEMBER static int vectors_of(int channels) { return (channels + HalvesOfVector - 1) / HalvesOfVector; }

    YZC_DEVICE_MEMBER void flag(int cell, uint32_t element) const { shared_min(&shared.wrong, (uint64_t)(level.first_anchor + first_cell + cell) << 32 | element); }

    YZC_DEVICE_MEMBER static uint32_t part(const words4& words, int j) { return j % 2 == 0 ? words.at[j / 2] & 0xFFFF : words.at[j / 2] >> 16; }

    // Raises the cell's best logit; of equal ones the lowest class counts.
    YZC_DEVICE_MEMBER void look_closer(const words4& logits, int cell, int first_class) const
    {
        uint32_t best = 0;
        int wrong = HalvesOfVector;
#pragma unroll
        for (int j = 0; j < HalvesOfVector; j++) {
            uint32_t half = part(logits, j);
            uint32_t key = best_logit::key(best_logit::in_order(half), first_class + j);
            best = half_to_float(half) > params.logit_threshold && key > best ? key : best;
            wrong = lesser(wrong, best_logit::is_finite(half) ? HalvesOfVector : j);
        }

        if (wrong < HalvesOfVector) {
            flag(cell, (uint32_t)(4 + first_class + wrong));
        } else if (best != 0) {
            shared_max(&shared.best[cell], best);
        }
    }

    YZC_DEVICE_MEMBER void find_logits() const
    {
        int vectors = cells * cell_vectors;
        uint64_t from = scores + 16ull * (uint64_t)cell_vectors * (uint64_t)first_cell;

        // What fills a cell's last vector up becomes the lowest logit there is, which is no candidate, or not the first of its kind.
        constexpr uint32_t Lowest = 0xFBFF;
        int rest = params.decode.class_count - HalvesOfVector * (cell_vectors - 1);
        words4 kept;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            kept.at[i] = rest > 2 * i + 1 ? ~0u : rest > 2 * i ? 0xFFFFu : 0;
        }

        int step_cells = YZC_SCAN_THREADS / cell_vectors;
        int step_within = YZC_SCAN_THREADS - step_cells * cell_vectors;
        int cell = thread_index() / cell_vectors;
        int within = thread_index() - cell * cell_vectors;
        for (int first = thread_index(); first < vectors; first += YZC_SCAN_THREADS * Unroll) {
            words4 logits[Unroll];
#pragma unroll
            for (int k = 0; k < Unroll; k++) {
                int index = first + YZC_SCAN_THREADS * k;
                if (index < vectors) {
                    logits[k] = read128(from + 16ull * (uint64_t)index);
                }
            }

#pragma unroll
            for (int k = 0; k < Unroll; k++) {
                if (first + YZC_SCAN_THREADS * k < vectors) {
                    bool last = within == cell_vectors - 1;
                    uint32_t wrong = 0;
                    float largest = bits_to_float(0xFF800000u);
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        uint32_t mask = last ? kept.at[i] : ~0u;
                        uint32_t word = (logits[k].at[i] & mask) | ((Lowest << 16 | Lowest) & ~mask);
                        logits[k].at[i] = word;
                        wrong |= ((word & 0x7FFF7FFFu) + 0x04000400u) & 0x80008000u;
                        largest = larger(largest, larger(half_to_float(word & 0xFFFF), half_to_float(word >> 16)));
                    }

                    if (wrong != 0 || largest > params.logit_threshold) {
                        look_closer(logits[k], cell, HalvesOfVector * within);
                    }
                }

                cell += step_cells;
                within += step_within;
                if (within >= cell_vectors) {
                    within -= cell_vectors;
                    cell++;
                }
            }
        }
    }

    YZC_DEVICE_MEMBER uint32_t key_of(int cell) const { return read32(scores + 4ull * (uint64_t)(first_cell + cell)); }

    YZC_DEVICE_MEMBER void find_best() const
    {
        int cell = thread_index();
        if (cell < cells) {
            uint32_t key = key_of(cell);
            uint32_t half = best_logit::half_of(key);
            if (!best_logit::is_finite(half)) {
                flag(cell, (uint32_t)(4 + best_logit::class_of(key)));
            } else if (half_to_float(half) > params.logit_threshold) {
                shared.best[cell] = key;
            }
        }
    }

    YZC_DEVICE_MEMBER static float score_of(float logit) { return 1 / (1 + exponential(-logit)); }
    YZC_DEVICE_MEMBER static float best_score(uint32_t best) { return score_of(half_to_float(best_logit::half_of(best))); }

    YZC_DEVICE_MEMBER static bool counts(const yzc_decode_params& params, int class_id)
    {
        return (params.flags & YZC_SOME_CLASSES) == 0 || (params.class_bits[class_id / 32] >> class_id % 32 & 1) != 0;
    }

    YZC_DEVICE_MEMBER void find_candidates() const
    {
        int cell = thread_index();
        uint32_t best = cell < cells ? shared.best[cell] : 0;
        if (best != 0 && best_score(best) > params.decode.score_threshold && (params.kept != 0 || counts(params.decode, best_logit::class_of(best)))) {
            shared.candidates[shared_add(&shared.count, 1)] = cell;
        }
    }

    YZC_DEVICE_MEMBER float value(int cell, int channel) const
    {
        return half_to_float(read16(sides + (uint64_t)(first_cell + cell) * sides_bytes + 2ull * (uint64_t)channel));
    }

    // The mean of a side's distances, in units of the stride.
    YZC_DEVICE_MEMBER float distance(int cell, int side) const
    {
        int bins = params.bins;
        if (bins == 1) {
            return value(cell, side);
        }

        float largest = bits_to_float(0xFF800000u);
        for (int bin = 0; bin < bins; bin++) {
            largest = larger(largest, value(cell, side * bins + bin));
        }

        float sum = 0;
        float mean = 0;
        for (int bin = 0; bin < bins; bin++) {
            float weight = exponential(value(cell, side * bins + bin) - largest);
            sum += weight;
            mean += weight * (float)bin;
        }

        return mean / sum;
    }

    // A side of the box in pixels of the input: left, top, right, bottom.
    YZC_DEVICE_MEMBER float place(int cell, int side) const
    {
        int at = first_cell + cell;
        int row = at / level.width;
        float centre = (float)(side % 2 == 0 ? at - row * level.width : row) + 0.5f;
        float away = distance(cell, side);
        return (side < 2 ? centre - away : centre + away) * (float)level.stride;
    }

    YZC_DEVICE_MEMBER void write(int index, const float (&box)[4], uint64_t scratch, const yzc_scratch& at) const
    {
        int cell = shared.candidates[index];
        int anchor = level.first_anchor + first_cell + cell;
        if (params.kept == 0 && is_not_finite(box[0] + box[1] + box[2] + box[3])) {
#pragma unroll
            for (int side = 0; side < 4; side++) {
                if (is_not_finite(box[side])) {
                    flag(cell, (uint32_t)side);
                }
            }
        }

        uint32_t best = shared.best[cell];
        store_box(scratch + at.boxes, anchor, { box[0], box[1], box[2], box[3] });
        uint64_t key = (uint64_t)~float_to_bits(best_score(best)) << 32 | (uint64_t)anchor << 10 | (uint64_t)best_logit::class_of(best);
        global<uint64_t>(scratch + at.keys)[(uint64_t)block_x() * (uint64_t)params.decode.segment_anchors + (uint64_t)index] = key;
    }

    YZC_DEVICE_MEMBER static bool is_not_finite(float value) { return (float_to_bits(value) & 0x7F800000u) == 0x7F800000u; }

    // Whole numbers for the bits of a value that is wrong. NaN has many: one for all.
    template <bool HasBest>
    YZC_DEVICE_MEMBER uint32_t wrong_bits(int cell, uint32_t element) const
    {
        if (element < 4) {
            float corner = place(cell, (int)element);
            return corner == corner ? float_to_bits(corner) : NotANumber;
        }

        uint64_t logit = 16ull * (uint64_t)cell_vectors * (uint64_t)(first_cell + cell) + 2ull * (uint64_t)(element - 4);
        return widen(HasBest ? best_logit::half_of(key_of(cell)) : read16(scores + logit));
    }

    // The bits as binary32 of a half that is not finite.
    YZC_DEVICE_MEMBER static uint32_t widen(uint32_t half) { return (half & 0x8000u) << 16 | 0x7F800000u | (half & 0x03FFu) << 13; }

    template <bool HasBest>
    YZC_DEVICE_MEMBER void run() const
    {
        shared.best[thread_index()] = 0;
        if (thread_index() == 0) {
            shared.count = 0;
            shared.wrong = NoneWrong;
        }

        block_sync();
        if (HasBest) {
            find_best();
        } else {
            find_logits();
        }

        block_sync();
        find_candidates();
        block_sync();
        uint64_t scratch = params.decode.scratch + params.decode.scratch_stride * (uint64_t)block_y();
        yzc_scratch at = yzc_scratch_of(params.decode.anchors, params.decode.segments, params.decode.segment_anchors);
        int count = shared.count;

        // Four lanes a candidate, one a side; all lanes of a warp meet.
        for (int first = 0; first < count; first += YZC_SCAN_THREADS / 4) {
            int index = first + thread_index() / 4;
            int side = thread_index() % 4;
            float corner = index < count ? place(shared.candidates[index], side) : 0;
            float box[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                box[i] = bits_to_float((uint32_t)warp_from((int)float_to_bits(corner), (lane_index() & ~3) + i));
            }

            if (side == 0 && index < count) {
                write(index, box, scratch, at);
            }
        }

        block_sync();
        if (thread_index() == 0) {
            uint64_t wrong = shared.wrong;
            int cell = (int)(wrong >> 32) - level.first_anchor - first_cell;
            global<int>(scratch + at.counts)[block_x()] = count;
            global<uint64_t>(scratch + at.wrong)[block_x()] = wrong;
            global<uint32_t>(scratch + at.wrong_values)[block_x()] = wrong == NoneWrong ? 0 : wrong_bits<HasBest>(cell, (uint32_t)wrong);
        }
    }
};

template <bool HasBest>
YZC_DEVICE void scan_head(const yzc_head_params& params)
{
    YZC_SHARED head_scan::memory shared;
    head_scan scan(params, shared);
    scan.run<HasBest>();
}

}
