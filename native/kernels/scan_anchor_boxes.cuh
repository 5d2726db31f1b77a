// Finds the candidates in the maps of a head with anchor boxes (YOLOv5): halves, channels last, one map a level, in which every anchor box of a cell has
// its centre, size, objectness and class logits. A thread looks at an anchor's objectness; where that alone is above the threshold, a warp looks at
// the classes. With the arithmetic of the C# AnchorBoxDecoder, bit for bit.
#pragma once

#include "scan_head.cuh"

namespace {

struct anchor_box_scan {
    static constexpr int Objectness = 4;
    static constexpr int FirstClass = 5;
    static constexpr int Warps = YZC_SCAN_THREADS / 32;

    struct memory {
        int anchors[YZC_SCAN_THREADS];  // Of the segment, whose objectness is above the threshold.
        int open;
        int count;
        uint64_t wrong;
    };

    const yzc_head_params& params;
    memory& shared;
    int level_index;
    yzc_head_level level;
    int channels;               // Of an anchor.
    uint64_t cell_bytes;
    uint64_t map;               // Of this picture.
    int first;                  // Anchor of the level.
    uint64_t scratch;
    yzc_scratch at;

    YZC_DEVICE_MEMBER anchor_box_scan(const yzc_head_params& params, memory& shared)
        : params(params)
        , shared(shared)
        , level_index(0)
        , level(params.levels[0])
        , at(yzc_scratch_of(params.decode.anchors, params.decode.segments, params.decode.segment_anchors))
    {
        for (int i = 1; i < params.level_count; i++) {
            if (block_x() >= params.levels[i].first_segment) {
                level_index = i;
                level = params.levels[i];
            }
        }

        channels = FirstClass + params.decode.class_count;
        cell_bytes = 16ull * (uint64_t)head_scan::vectors_of(channels * level.boxes);
        map = params.decode.output + (uint64_t)params.batch * (uint64_t)level.sides + (uint64_t)block_y() * (uint64_t)level.cells * cell_bytes;
        first = (block_x() - level.first_segment) * params.decode.segment_anchors;
        scratch = params.decode.scratch + params.decode.scratch_stride * (uint64_t)block_y();
    }

    // An anchor of the level is a cell of one of the boxes: all cells' first boxes come first.
    YZC_DEVICE_MEMBER uint32_t bits(int anchor, int channel) const
    {
        int box = anchor / level.cells;
        return read16(map + (uint64_t)(anchor - box * level.cells) * cell_bytes + 2ull * (uint64_t)(box * channels + channel));
    }

    YZC_DEVICE_MEMBER float value(int anchor, int channel) const { return half_to_float(bits(anchor, channel)); }
    YZC_DEVICE_MEMBER void flag(int anchor, int element) const { shared_min(&shared.wrong, (uint64_t)(level.first_anchor + anchor) << 32 | (uint32_t)element); }
    YZC_DEVICE_MEMBER float twice(int anchor, int channel) const { return 2 * head_scan::score_of(value(anchor, channel)); }

    // Centre and size in pixels of the input.
    YZC_DEVICE_MEMBER float side(int anchor, int element) const
    {
        int box = anchor / level.cells;
        int cell = anchor - box * level.cells;
        int row = cell / level.width;
        float whole = twice(anchor, element);
        if (element < 2) {
            return (whole + (float)(element == 0 ? cell - row * level.width : row) - 0.5f) * (float)level.stride;
        }

        return whole * whole * params.anchor_boxes[level_index][box][element - 2];
    }

    YZC_DEVICE_MEMBER void find_objects() const
    {
        int anchor = first + thread_index();
        if (anchor < level.cells * level.boxes) {
            uint32_t half = bits(anchor, Objectness);
            float logit = half_to_float(half);
            if (!best_logit::is_finite(half)) {
                flag(anchor, Objectness);
            } else if (logit > params.logit_threshold && head_scan::score_of(logit) > params.decode.score_threshold) {
                shared.anchors[shared_add(&shared.open, 1)] = anchor;
            }
        }
    }

    // A warp's work: the anchor's best class, the lowest of equal ones.
    YZC_DEVICE_MEMBER uint32_t best_class(int anchor, bool& finite) const
    {
        uint32_t best = 0;
        finite = true;
        for (int class_id = lane_index(); class_id < params.decode.class_count; class_id += 32) {
            uint32_t half = bits(anchor, FirstClass + class_id);
            if (!best_logit::is_finite(half)) {
                flag(anchor, FirstClass + class_id);
                finite = false;
            } else {
                uint32_t key = best_logit::key(best_logit::in_order(half), class_id);
                best = key > best ? key : best;
            }
        }

#pragma unroll
        for (int lanes = 16; lanes > 0; lanes /= 2) {
            uint32_t other = (uint32_t)warp_xor((int)best, lanes);
            best = other > best ? other : best;
        }

        finite = warp_ballot(!finite) == 0;
        return best;
    }

    YZC_DEVICE_MEMBER void add(int anchor, uint32_t best) const
    {
        int class_id = best_logit::class_of(best);
        float score = head_scan::score_of(value(anchor, Objectness)) * head_scan::best_score(best);
        if (!(score > params.decode.score_threshold) || !head_scan::counts(params.decode, class_id)) {
            return;
        }

        float sides[4];
        bool finite = true;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            sides[i] = side(anchor, i);
            if (head_scan::is_not_finite(sides[i])) {
                flag(anchor, i);
                finite = false;
            }
        }

        if (finite) {
            float half_width = sides[2] / 2;
            float half_height = sides[3] / 2;
            int number = level.first_anchor + anchor;
            store_box(scratch + at.boxes, number, { sides[0] - half_width, sides[1] - half_height, sides[0] + half_width, sides[1] + half_height });
            uint64_t key = (uint64_t)~float_to_bits(score) << 32 | (uint64_t)number << 10 | (uint64_t)class_id;
            int slot = shared_add(&shared.count, 1);
            global<uint64_t>(scratch + at.keys)[(uint64_t)block_x() * (uint64_t)params.decode.segment_anchors + (uint64_t)slot] = key;
        }
    }

    YZC_DEVICE_MEMBER uint32_t wrong_bits(uint64_t wrong) const
    {
        int anchor = (int)(wrong >> 32) - level.first_anchor;
        int element = (int)(uint32_t)wrong;
        if (element < Objectness) {
            float box = side(anchor, element);
            return box == box ? float_to_bits(box) : head_scan::NotANumber;
        }

        return head_scan::widen(bits(anchor, element));
    }

    YZC_DEVICE_MEMBER void run() const
    {
        if (thread_index() == 0) {
            shared.open = 0;
            shared.count = 0;
            shared.wrong = head_scan::NoneWrong;
        }

        block_sync();
        find_objects();
        block_sync();
        for (int i = warp_index(); i < shared.open; i += Warps) {
            bool finite;
            uint32_t best = best_class(shared.anchors[i], finite);
            if (lane_index() == 0 && finite) {
                add(shared.anchors[i], best);
            }
        }

        block_sync();
        if (thread_index() == 0) {
            global<int>(scratch + at.counts)[block_x()] = shared.count;
            global<uint64_t>(scratch + at.wrong)[block_x()] = shared.wrong;
            global<uint32_t>(scratch + at.wrong_values)[block_x()] = shared.wrong == head_scan::NoneWrong ? 0 : wrong_bits(shared.wrong);
        }
    }
};

YZC_DEVICE void scan_anchor_boxes(const yzc_head_params& params)
{
    YZC_SHARED anchor_box_scan::memory shared;
    anchor_box_scan(params, shared).run();
}

}
