// Of a head that needs no suppression: the best pairs of an anchor and a class, as the C# BestPairDecoder chooses them. The scan has found the anchors
// with a class above the threshold; the best `kept` of them are ranked, and of their pairs with every class the best `kept` are the detections.
#pragma once

#include "scan_head.cuh"
#include "suppress.cuh"

namespace {

struct choosing {
    const yzc_head_params& params;
    suppress_memory& shared;
    int& taken;                 // Shared by the block.
    suppression work;

    YZC_DEVICE_MEMBER choosing(const yzc_head_params& params, suppress_memory& shared, int& taken)
        : params(params)
        , shared(shared)
        , taken(taken)
        , work(params.decode, shared)
    {
    }

    // Where the anchor of a rank stands: suppression, which needs that memory, does not run.
    YZC_DEVICE_MEMBER YZC_GLOBAL int* anchors() const { return global<int>(work.scratch + work.at.kept_classes); }

    YZC_DEVICE_MEMBER uint64_t logits_of(int anchor) const
    {
        yzc_head_level level = params.levels[0];
        for (int i = 1; i < params.level_count; i++) {
            if (anchor >= params.levels[i].first_anchor) {
                level = params.levels[i];
            }
        }

        uint64_t cell = (uint64_t)level.cells * (uint64_t)block_x() + (uint64_t)(anchor - level.first_anchor);
        return params.decode.output + (uint64_t)params.batch * (uint64_t)level.scores + 16ull * (uint64_t)head_scan::vectors_of(params.decode.class_count) * cell;
    }

    // Counts the pairs of the first `ranks` anchors whose keys are up to a limit, and gives their keys where there is room for them. Every thread takes
    // part; all have the result.
    YZC_DEVICE_MEMBER int take_pairs(int ranks, uint64_t limit, bool keep) const
    {
        constexpr int Halves = head_scan::HalvesOfVector;
        block_sync();
        if (thread_index() == 0) {
            taken = 0;
        }

        block_sync();
        int vectors = head_scan::vectors_of(params.decode.class_count);
        for (int rank = warp_index(); rank < ranks; rank += Warps) {
            uint64_t from = logits_of(anchors()[rank]);
            for (int vector = lane_index(); vector < vectors; vector += 32) {
                words4 logits = read128(from + 16ull * (uint64_t)vector);
#pragma unroll
                for (int j = 0; j < Halves; j++) {
                    int class_id = Halves * vector + j;
                    float logit = half_to_float(head_scan::part(logits, j));
                    if (class_id < params.decode.class_count && logit > params.logit_threshold) {
                        float score = head_scan::score_of(logit);
                        uint64_t key = (uint64_t)~float_to_bits(score) << 32 | (uint64_t)rank << 10 | (uint64_t)class_id;
                        if (score > params.decode.score_threshold && key <= limit) {
                            int slot = shared_add(&taken, 1);
                            if (keep && slot < YZC_MAX_CANDIDATES) {
                                shared.keys[slot] = key;
                            }
                        }
                    }
                }
            }
        }

        block_sync();
        return taken;
    }

    // The best `kept` pairs' largest key, bit by bit: no two pairs have the same.
    YZC_DEVICE_MEMBER uint64_t find_limit(int ranks) const
    {
        uint64_t limit = 0;
        for (int bit = 63; bit >= 0; bit--) {
            if (take_pairs(ranks, limit | ((1ull << bit) - 1), false) < params.kept) {
                limit |= 1ull << bit;
            }
        }

        return limit;
    }

    // Writes the best pairs whose classes count. Returns how many.
    YZC_DEVICE_MEMBER int write(const yzc_picture& picture, int pairs) const
    {
        int i = thread_index();
        uint64_t key = i < pairs ? shared.keys[i] : 0;
        bool counts = i < pairs && head_scan::counts(params.decode, suppression::key_class(key));
        int total = 0;
        int position = work.sum_before(counts ? 1 : 0, total);
        if (counts) {
            int anchor = anchors()[(uint32_t)key >> 10];
            box4 box = load_box(work.scratch + work.at.boxes, anchor);
            const float sides[4] = { box.x1, box.y1, box.x2, box.y2 };
#pragma unroll
            for (int side = 0; side < 4; side++) {
                if (head_scan::is_not_finite(sides[side])) {
                    shared_min(&shared.wrong, (uint64_t)anchor << 32 | (uint64_t)side);
                }
            }

            if (position < params.decode.max_detections) {
                work.write(picture, position, key, box);
            }
        }

        block_sync();
        return lesser(total, params.decode.max_detections);
    }

    YZC_DEVICE_MEMBER int run(const yzc_picture& picture, int candidates) const
    {
        int cut = candidates > YZC_MAX_CANDIDATES ? candidates - YZC_MAX_CANDIDATES : 0;
        if (cut > 0) {
            work.gather_best();
        }

        work.sort(candidates - cut);
        int ranks = lesser(candidates, params.kept);
        if (thread_index() < ranks) {
            anchors()[thread_index()] = (int)((uint32_t)shared.keys[thread_index()] >> 10);
        }

        // Where there are as many anchors as are kept, no pair with a lower score than the last one's best is.
        uint64_t limit = ranks == params.kept ? shared.keys[ranks - 1] | 0xFFFFFFFFu : ~0ull;
        int pairs = take_pairs(ranks, limit, true);
        if (pairs > YZC_MAX_CANDIDATES) {
            pairs = take_pairs(ranks, find_limit(ranks), true);
        }

        work.sort(pairs);
        return write(picture, lesser(pairs, params.kept));
    }

    YZC_DEVICE_MEMBER uint32_t wrong_bits(uint64_t wrong) const
    {
        box4 box = load_box(work.scratch + work.at.boxes, (int)(wrong >> 32));
        int side = (int)(uint32_t)wrong;
        float value = side == 0 ? box.x1 : side == 1 ? box.y1 : side == 2 ? box.x2 : box.y2;
        return value == value ? float_to_bits(value) : head_scan::NotANumber;
    }
};

YZC_DEVICE void choose(const yzc_head_params& params)
{
    YZC_SHARED suppress_memory shared;
    YZC_SHARED int taken;
    choosing chooser(params, shared, taken);
    yzc_picture picture = read_picture(params.decode.pictures, block_x());
    int candidates = chooser.work.gather();
    int count = 0;
    uint32_t wrong_value = 0;
    if (shared.wrong != ~0ull) {
        chooser.work.find_wrong_value();
        wrong_value = shared.wrong_value;
    } else {
        count = chooser.run(picture, candidates);
        wrong_value = shared.wrong != ~0ull ? chooser.wrong_bits(shared.wrong) : 0;
    }

    if (thread_index() == 0) {
        chooser.work.write_header(count, candidates, 0, shared.wrong, wrong_value);
    }
}

}
