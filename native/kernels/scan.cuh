// Finds the anchors whose best score is above the threshold. A block looks at one segment of a picture's anchors and writes its candidates' keys and boxes
// to the segment's part of scratch memory: no block needs another, nothing needs clearing before.
#pragma once

#include "yzc_device.h"

namespace {

constexpr uint64_t NoneWrong = ~0ull;

// The element of no memory: the product of objectness and class score.
constexpr uint32_t ProductElement = 0xFFFFFFFFu;

struct element32 {
    static constexpr int Bytes = 4;

    YZC_DEVICE_MEMBER static uint32_t read(uint64_t address) { return read32(address); }
    YZC_DEVICE_MEMBER static float to_float(uint32_t bits) { return bits_to_float(bits); }

    // Not 0 when a value in the word is NaN or infinite.
    YZC_DEVICE_MEMBER static uint32_t not_finite(uint32_t word) { return ((word & 0x7FFFFFFFu) + 0x00800000u) & 0x80000000u; }

    // The bits as binary32 of a value that is not finite.
    YZC_DEVICE_MEMBER static uint32_t widen(uint32_t bits) { return bits; }

    // Value number j of 16 bytes.
    YZC_DEVICE_MEMBER static uint32_t part(const words4& words, int j) { return words.at[j]; }
};

struct element16 {
    static constexpr int Bytes = 2;

    YZC_DEVICE_MEMBER static uint32_t read(uint64_t address) { return read16(address); }
    YZC_DEVICE_MEMBER static float to_float(uint32_t bits) { return half_to_float(bits); }
    YZC_DEVICE_MEMBER static uint32_t not_finite(uint32_t word) { return ((word & 0x7FFF7FFFu) + 0x04000400u) & 0x80008000u; }
    // Not by a conversion instruction, which changes NaN's other bits.
    YZC_DEVICE_MEMBER static uint32_t widen(uint32_t bits) { return (bits & 0x8000u) << 16 | 0x7F800000u | (bits & 0x03FFu) << 13; }
    YZC_DEVICE_MEMBER static uint32_t part(const words4& words, int j) { return j % 2 == 0 ? words.at[j / 2] & 0xFFFF : words.at[j / 2] >> 16; }
};

// One block's segment.
template <class Element>
struct segment {
    const yzc_decode_params& params;
    uint64_t output;        // Of this picture.
    uint64_t scratch;
    yzc_scratch at;
    int index;
    int columns;            // Elements from anchor to anchor, or 1 when channels come first.
    int* count;             // Shared by the block.
    uint64_t* wrong;

    YZC_DEVICE_MEMBER segment(const yzc_decode_params& params, int rows_or_columns, bool channels_first, int* count, uint64_t* wrong)
        : params(params)
        , output(params.output + (uint64_t)block_y() * (uint64_t)params.anchors * (uint64_t)(rows_or_columns * Element::Bytes))
        , scratch(params.scratch + params.scratch_stride * (uint64_t)block_y())
        , at(yzc_scratch_of(params.anchors, params.segments, params.segment_anchors))
        , index(block_x())
        , columns(channels_first ? 1 : rows_or_columns)
        , count(count)
        , wrong(wrong)
    {
    }

    // Address of an anchor's element.
    YZC_DEVICE_MEMBER uint64_t address(int anchor, int element) const
    {
        uint64_t position = columns == 1 ? (uint64_t)element * (uint64_t)params.anchors + (uint64_t)anchor : (uint64_t)anchor * (uint64_t)columns + (uint64_t)element;
        return output + position * Element::Bytes;
    }

    YZC_DEVICE_MEMBER uint32_t bits(int anchor, int element) const { return Element::read(address(anchor, element)); }

    YZC_DEVICE_MEMBER float value(int anchor, int element) const { return Element::to_float(bits(anchor, element)); }

    YZC_DEVICE_MEMBER void begin() const
    {
        if (thread_index() == 0) {
            *count = 0;
            *wrong = NoneWrong;
        }

        block_sync();
    }

    YZC_DEVICE_MEMBER void flag(int anchor, uint32_t element) const { shared_min(wrong, (uint64_t)anchor << 32 | element); }

    // True when the anchor's first four elements are finite; else flags the first that is not.
    YZC_DEVICE_MEMBER bool check_box(int anchor, const uint32_t (&box)[4]) const
    {
        for (int i = 0; i < 4; i++) {
            if (Element::not_finite(box[i]) != 0) {
                flag(anchor, (uint32_t)i);
                return false;
            }
        }

        return true;
    }

    // Whether a class counts at all. Asked of anchors above the threshold only, which are few; the flag is the same for all threads.
    YZC_DEVICE_MEMBER bool counts(int class_id) const
    {
        return (params.flags & YZC_SOME_CLASSES) == 0 || (params.class_bits[class_id / 32] >> class_id % 32 & 1) != 0;
    }

    // Adds a candidate. Keys order by score, descending, and then by anchor; the score is above 0, so its bits order as it does.
    YZC_DEVICE_MEMBER void add(int anchor, int class_id, float score, float x1, float y1, float x2, float y2) const
    {
        store_box(scratch + at.boxes, anchor, { x1, y1, x2, y2 });
        uint64_t key = (uint64_t)~float_to_bits(score) << 32 | (uint64_t)anchor << 10 | (uint64_t)class_id;
        int slot = shared_add(count, 1);
        global<uint64_t>(scratch + at.keys)[(uint64_t)index * (uint64_t)params.segment_anchors + (uint64_t)slot] = key;
    }

    // Adds a candidate whose box is a centre and a size, unless the box is not finite.
    YZC_DEVICE_MEMBER void add_centred(int anchor, int class_id, float score) const
    {
        uint32_t box[4] = { bits(anchor, 0), bits(anchor, 1), bits(anchor, 2), bits(anchor, 3) };
        if (!check_box(anchor, box)) {
            return;
        }

        float x = Element::to_float(box[0]);
        float y = Element::to_float(box[1]);
        float half_width = Element::to_float(box[2]) * 0.5f;
        float half_height = Element::to_float(box[3]) * 0.5f;
        add(anchor, class_id, score, x - half_width, y - half_height, x + half_width, y + half_height);
    }

    YZC_DEVICE_MEMBER void end() const
    {
        block_sync();
        if (thread_index() != 0) {
            return;
        }

        uint64_t first = *wrong;
        uint32_t wrong_value = 0;
        if (first != NoneWrong) {
            // A product is not finite only when two large factors overflow.
            if ((uint32_t)first == ProductElement) {
                wrong_value = 0x7F800000u;
            } else {
                uint32_t value = bits((int)(first >> 32), (int)(uint32_t)first);
                wrong_value = Element::not_finite(value) != 0 ? Element::widen(value) : float_to_bits(Element::to_float(value));
            }
        }

        global<int>(scratch + at.counts)[index] = *count;
        global<uint64_t>(scratch + at.wrong)[index] = first;
        global<uint32_t>(scratch + at.wrong_values)[index] = wrong_value;
    }
};

// Layout [4 + C, A]. A lane takes the anchors of one 16-byte load, a warp an eighth of the classes; the eighths meet in shared memory.
// Rows that do not begin at multiples of 16 bytes are read value by value.
template <class Element>
YZC_DEVICE void scan_channels(const yzc_decode_params& params)
{
    constexpr int Warps = YZC_SCAN_THREADS / 32;
    constexpr int Values = 16 / Element::Bytes;
    constexpr int Unroll = 10;
    YZC_SHARED float best_scores[Warps][Values][32];
    YZC_SHARED int16_t best_classes[Warps][Values][32];
    YZC_SHARED int count;
    YZC_SHARED uint64_t wrong;
    segment<Element> segment(params, 4 + params.class_count, true, &count, &wrong);
    segment.begin();
    int lane = lane_index();
    int warp = warp_index();
    int anchors = params.anchors;
    int anchor = (segment.index * 32 + lane) * Values;
    int classes_of_warp = (params.class_count + Warps - 1) / Warps;
    int first_class = lesser(warp * classes_of_warp, params.class_count);
    int end_class = lesser(first_class + classes_of_warp, params.class_count);
    bool aligned = anchors % Values == 0 && segment.output % 16 == 0;

    // Starting from the threshold, a class is found only when a score is above it; > keeps the lowest of equal classes.
    float best[Values];
    int best_class[Values];
    uint32_t not_finite = 0;
#pragma unroll
    for (int j = 0; j < Values; j++) {
        best[j] = params.score_threshold;
        best_class[j] = -1;
    }

    for (int group = first_class; group < end_class; group += Unroll) {
        words4 scores[Unroll];
#pragma unroll
        for (int k = 0; k < Unroll; k++) {
            // A score of 0 is above no threshold.
            scores[k] = { { 0, 0, 0, 0 } };
            if (group + k < end_class && anchor < anchors) {
                if (aligned) {
                    scores[k] = read128(segment.address(anchor, 4 + group + k));
                } else {
#pragma unroll
                    for (int j = 0; j < Values; j++) {
                        uint32_t value = anchor + j < anchors ? segment.bits(anchor + j, 4 + group + k) : 0;
                        scores[k].at[j * Element::Bytes / 4] |= value << 8 * (j * Element::Bytes % 4);
                    }
                }
            }
        }

#pragma unroll
        for (int k = 0; k < Unroll; k++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                not_finite |= Element::not_finite(scores[k].at[i]);
            }

#pragma unroll
            for (int j = 0; j < Values; j++) {
                float score = Element::to_float(Element::part(scores[k], j));
                bool better = score > best[j];
                best[j] = better ? score : best[j];
                best_class[j] = better ? group + k : best_class[j];
            }
        }
    }

    if (not_finite != 0) {
        for (int j = 0; j < Values && anchor + j < anchors; j++) {
            for (int class_id = first_class; class_id < end_class; class_id++) {
                if (Element::not_finite(segment.bits(anchor + j, 4 + class_id)) != 0) {
                    segment.flag(anchor + j, (uint32_t)(4 + class_id));
                    break;
                }
            }
        }
    }

#pragma unroll
    for (int j = 0; j < Values; j++) {
        best_scores[warp][j][lane] = best[j];
        best_classes[warp][j][lane] = (int16_t)best_class[j];
    }

    block_sync();

    // Now a thread for each anchor; the warps in order of their classes.
    if (warp < Values) {
        float score = params.score_threshold;
        int class_id = -1;
        for (int from = 0; from < Warps; from++) {
            float other = best_scores[from][warp][lane];
            bool better = other > score;
            score = better ? other : score;
            class_id = better ? best_classes[from][warp][lane] : class_id;
        }

        if (class_id >= 0 && segment.counts(class_id)) {
            segment.add_centred(anchor + warp, class_id, score);
        }
    }

    segment.end();
}

// Layout [A, 5 + C]: a warp for eight anchors, its lanes beside each other in their rows.
template <class Element>
YZC_DEVICE void scan_anchors(const yzc_decode_params& params)
{
    constexpr int Rows = YZC_SCAN_ROWS / (YZC_SCAN_THREADS / 32);
    YZC_SHARED int count;
    YZC_SHARED uint64_t wrong;
    int class_count = params.class_count;
    segment<Element> segment(params, 5 + class_count, false, &count, &wrong);
    segment.begin();
    int lane = lane_index();
    int first = segment.index * YZC_SCAN_ROWS + warp_index() * Rows;
    float objectness[Rows];
    float best[Rows];
    int best_class[Rows];
    uint32_t not_finite[Rows];
#pragma unroll
    for (int i = 0; i < Rows; i++) {
        uint32_t bits = first + i < params.anchors ? segment.bits(first + i, 4) : 0;
        objectness[i] = Element::to_float(bits);
        not_finite[i] = Element::not_finite(bits);
        best[i] = params.score_threshold;
        best_class[i] = class_count;
    }

    for (int class_id = lane; class_id < class_count; class_id += 32) {
        uint32_t scores[Rows];
#pragma unroll
        for (int i = 0; i < Rows; i++) {
            scores[i] = first + i < params.anchors ? segment.bits(first + i, 5 + class_id) : 0;
        }

#pragma unroll
        for (int i = 0; i < Rows; i++) {
            float score = objectness[i] * Element::to_float(scores[i]);
            not_finite[i] |= Element::not_finite(scores[i]);
            bool better = objectness[i] > params.score_threshold && score > best[i];
            best[i] = better ? score : best[i];
            best_class[i] = better ? class_id : best_class[i];
        }
    }

#pragma unroll
    for (int i = 0; i < Rows; i++) {
        int anchor = first + i;
        if (warp_ballot(not_finite[i] != 0) != 0) {
            if (lane == 0 && Element::not_finite(segment.bits(anchor, 4)) != 0) {
                segment.flag(anchor, 4);
            }

            for (int class_id = lane; class_id < class_count; class_id += 32) {
                if (Element::not_finite(segment.bits(anchor, 5 + class_id)) != 0) {
                    segment.flag(anchor, (uint32_t)(5 + class_id));
                    break;
                }
            }
        } else if (warp_ballot(best_class[i] < class_count) != 0) {
            float score = best[i];
            int class_id = best_class[i];
#pragma unroll
            for (int lanes = 16; lanes > 0; lanes /= 2) {
                float other = bits_to_float((uint32_t)warp_xor((int)float_to_bits(score), lanes));
                int other_class = warp_xor(class_id, lanes);
                bool better = other > score || (other == score && other_class < class_id);
                score = better ? other : score;
                class_id = better ? other_class : class_id;
            }

            if (lane == 0 && segment.counts(class_id)) {
                if (element32::not_finite(float_to_bits(score)) != 0) {
                    segment.flag(anchor, ProductElement);
                } else {
                    segment.add_centred(anchor, class_id, score);
                }
            }
        }
    }

    segment.end();
}

// Layout [K, 6]: a thread for each row.
template <class Element>
YZC_DEVICE void scan_finished(const yzc_decode_params& params)
{
    YZC_SHARED int count;
    YZC_SHARED uint64_t wrong;
    segment<Element> segment(params, 6, false, &count, &wrong);
    segment.begin();
    int anchor = segment.index * YZC_SCAN_THREADS + thread_index();
    if (anchor < params.anchors) {
        uint32_t score_bits = segment.bits(anchor, 4);
        float score = Element::to_float(score_bits);
        if (Element::not_finite(score_bits) != 0) {
            segment.flag(anchor, 4);
        } else if (score > params.score_threshold) {
            float class_value = segment.value(anchor, 5);
            uint32_t box[4] = { segment.bits(anchor, 0), segment.bits(anchor, 1), segment.bits(anchor, 2), segment.bits(anchor, 3) };

            // Range first: it fails for NaN, and makes the conversion safe.
            if (!(class_value >= 0 && class_value < (float)params.class_count) || class_value != (float)(int)class_value) {
                segment.flag(anchor, 5);
            } else if (segment.counts((int)class_value) && segment.check_box(anchor, box)) {
                segment.add(
                    anchor, (int)class_value, score,
                    Element::to_float(box[0]), Element::to_float(box[1]), Element::to_float(box[2]), Element::to_float(box[3]));
            }
        }
    }

    segment.end();
}

}
