// One block ranks a picture's candidates, suppresses overlapping ones and writes the detections in pixels of the frame.
// Candidates are taken by rank in tiles of 256, or of 384 where few keys leave room for that. In a tile every pair is compared at once, or where no
// class has many candidates those of a class only; which stay is then found by repetition: a candidate goes when one that stays suppresses it, and stays
// when all that could suppress it have gone. That ends with what deciding one after the other gives, in as many rounds as the
// longest chain of boxes that suppress each other, most often two or three.
#pragma once

#include "yzc_device.h"

namespace {

constexpr int Slice = 8;
constexpr int FewCandidates = 2048;
constexpr int Threads = YZC_SUPPRESS_THREADS;
constexpr int Warps = Threads / 32;
static_assert(Warps == 32, "sums of warps are summed by one warp");
constexpr int DigitBits = 8;
constexpr int Digits = 1 << DigitBits;
constexpr int ClassGroups = 64;     // Classes are told apart by their last bits.
constexpr int FewOfGroup = 64;      // So many comparisons of one thread are faster than those of every pair by all.

struct alignas(8) area_class {
    float area;
    int class_id;
};

// Boxes of one tile, in shared memory.
struct tile_boxes {
    const box4* boxes;
    const area_class* others;

    YZC_DEVICE_MEMBER box4 box(int i) const { return boxes[i]; }
    YZC_DEVICE_MEMBER area_class other(int i) const { return others[i]; }
};

// Boxes kept so far, in scratch memory.
struct kept_boxes {
    uint64_t boxes;
    uint64_t areas;
    uint64_t classes;

    YZC_DEVICE_MEMBER box4 box(int i) const
    {
        return load_box(boxes, i);
    }

    YZC_DEVICE_MEMBER area_class other(int i) const { return { global<const float>(areas)[i], global<const int>(classes)[i] }; }
};

// 48 KiB of shared memory is what every GPU gives without being asked.
template <int Tile>
struct tile_memory {
    static constexpr int TileWords = Tile / 32;

    box4 boxes[Tile];
    area_class others[Tile];
    union {
        // Bit j of row i: candidate j < i suppresses i. One word more, so that rows begin in different banks.
        uint32_t suppressors[Tile][TileWords + 1];

        // Bit i of a row: candidate i is of the group.
        uint32_t members[ClassGroups][TileWords];
    };
    uint32_t kept[TileWords];
    uint32_t gone[TileWords];
    int kept_before;        // By tiles before this one.
};

struct gather_memory {
    int offsets[Threads];
    int warp_sums[Warps];
    int histogram[Digits];
    int taken;
    int remaining;
    uint64_t prefix;
};

struct alignas(16) suppress_memory {
    union {
        struct {
            uint64_t keys[YZC_MAX_CANDIDATES];
            union {
                gather_memory gather;
                tile_memory<256> tile;
            };
        };

        // The same keys, when there are not more.
        struct {
            uint64_t few_keys[FewCandidates];
            tile_memory<384> large_tile;
        };
    };
    uint64_t wrong;
    uint32_t wrong_value;
};

static_assert(sizeof(suppress_memory) <= 48 * 1024, "more shared memory than a block has");

struct suppression {
    const yzc_decode_params& params;
    suppress_memory& shared;
    uint64_t scratch;
    yzc_scratch at;

    YZC_DEVICE_MEMBER suppression(const yzc_decode_params& params, suppress_memory& shared)
        : params(params)
        , shared(shared)
        , scratch(params.scratch + params.scratch_stride * (uint64_t)block_x())
        , at(yzc_scratch_of(params.anchors, params.segments, params.segment_anchors))
    {
    }

    YZC_DEVICE_MEMBER int segment_count(int segment) const { return segment < params.segments ? global<int>(scratch + at.counts)[segment] : 0; }

    YZC_DEVICE_MEMBER YZC_GLOBAL const uint64_t* segment_keys(int segment) const
    {
        return global<const uint64_t>(scratch + at.keys) + (uint64_t)segment * (uint64_t)params.segment_anchors;
    }

    // Sum of all threads' values before this thread's; total gets the sum of all. Every thread takes part.
    YZC_DEVICE_MEMBER int sum_before(int value, int& total) const
    {
        int inclusive = value;
#pragma unroll
        for (int lanes = 1; lanes < 32; lanes *= 2) {
            int lower = warp_up(inclusive, lanes);
            inclusive += lane_index() >= lanes ? lower : 0;
        }

        if (lane_index() == 31) {
            shared.gather.warp_sums[warp_index()] = inclusive;
        }

        block_sync();
        int sum = shared.gather.warp_sums[lane_index()];
#pragma unroll
        for (int lanes = 1; lanes < 32; lanes *= 2) {
            int lower = warp_up(sum, lanes);
            sum += lane_index() >= lanes ? lower : 0;
        }

        total = warp_from(sum, 31);
        int warps_before = warp_from(sum, warp_index() == 0 ? 0 : warp_index() - 1);
        block_sync();
        return inclusive - value + (warp_index() == 0 ? 0 : warps_before);
    }

    // The last segment whose offset is not above i: an empty one has the offset of the next.
    YZC_DEVICE_MEMBER int last_up_to(int i) const
    {
        int segment = 0;
#pragma unroll
        for (int step = Threads / 2; step > 0; step /= 2) {
            segment += shared.gather.offsets[segment + step] <= i ? step : 0;
        }

        return segment;
    }

    // Counts the candidates and finds the first wrong value. Keys of up to YZC_MAX_CANDIDATES go to shared memory in the order of their segments.
    YZC_DEVICE_MEMBER int gather() const
    {
        if (thread_index() == 0) {
            shared.wrong = ~0ull;
        }

        block_sync();
        int total = 0;
        for (int base = 0; base < params.segments; base += Threads) {
            int segment = base + thread_index();
            int sum = 0;
            int own = segment_count(segment);
            uint64_t wrong = segment < params.segments ? global<uint64_t>(scratch + at.wrong)[segment] : ~0ull;
            if (wrong != ~0ull) {
                shared_min(&shared.wrong, wrong);
            }

            shared.gather.offsets[thread_index()] = total + sum_before(own, sum);
            block_sync();
            for (int i = total + thread_index(); i < lesser(total + sum, YZC_MAX_CANDIDATES); i += Threads) {
                int in_base = last_up_to(i);
                shared.keys[i] = segment_keys(base + in_base)[i - shared.gather.offsets[in_base]];
            }

            total += sum;
            block_sync();
        }

        return total;
    }

    // More candidates than there is room for: takes the YZC_MAX_CANDIDATES lowest keys. The highest of them is found digit by digit, from the top.
    YZC_DEVICE_MEMBER void gather_best() const
    {
        gather_memory& memory = shared.gather;
        if (thread_index() == 0) {
            memory.remaining = YZC_MAX_CANDIDATES;
            memory.prefix = 0;
            memory.taken = 0;
        }

        for (int shift = 64 - DigitBits; shift >= 0; shift -= DigitBits) {
            if (thread_index() < Digits) {
                memory.histogram[thread_index()] = 0;
            }

            block_sync();
            uint64_t prefix = memory.prefix;
            for (int segment = warp_index(); segment < params.segments; segment += Warps) {
                int count = segment_count(segment);
                YZC_GLOBAL const uint64_t* keys = segment_keys(segment);
                for (int k = lane_index(); k < count; k += 32) {
                    uint64_t digits = keys[k] >> shift;
                    if (digits >> DigitBits == prefix) {
                        shared_add(&memory.histogram[digits & (Digits - 1)], 1);
                    }
                }
            }

            block_sync();
            if (warp_index() == 0) {
                find_digit(memory);
            }

            block_sync();
        }

        uint64_t last = memory.prefix;
        for (int segment = warp_index(); segment < params.segments; segment += Warps) {
            int count = segment_count(segment);
            YZC_GLOBAL const uint64_t* keys = segment_keys(segment);
            for (int k = lane_index(); k < count; k += 32) {
                if (keys[k] <= last) {
                    shared.keys[shared_add(&memory.taken, 1)] = keys[k];
                }
            }
        }

        block_sync();
    }

    // The first warp extends the prefix by the digit in which the key number `remaining` lies.
    YZC_DEVICE_MEMBER static void find_digit(gather_memory& memory)
    {
        constexpr int Each = Digits / 32;
        int remaining = memory.remaining;
        uint64_t prefix = memory.prefix;
        int own = 0;
        for (int i = 0; i < Each; i++) {
            own += memory.histogram[lane_index() * Each + i];
        }

        int inclusive = own;
#pragma unroll
        for (int lanes = 1; lanes < 32; lanes *= 2) {
            int lower = warp_up(inclusive, lanes);
            inclusive += lane_index() >= lanes ? lower : 0;
        }

        warp_sync();
        int before = inclusive - own;
        if (before < remaining && inclusive >= remaining) {
            int digit = lane_index() * Each;
            while (before + memory.histogram[digit] < remaining) {
                before += memory.histogram[digit];
                digit++;
            }

            memory.remaining = remaining - before;
            memory.prefix = prefix << DigitBits | (uint64_t)digit;
        }

        warp_sync();
    }

    // Sorts up to YZC_SUPPRESS_THREADS / 2 keys, ascending: every warp its 32 in registers; then a key's place is its place in each warp's run together.
    YZC_DEVICE_MEMBER void sort_few(int count) const
    {
        constexpr int Together = 4;
        int i = thread_index();
        uint64_t key = i < count ? shared.keys[i] : ~0ull;
        int runs = (count + 31) / 32;
        if (warp_index() < runs) {
#pragma unroll
            for (int run = 2; run <= 32; run *= 2) {
#pragma unroll
                for (int distance = run / 2; distance > 0; distance /= 2) {
                    uint64_t other = (uint64_t)(uint32_t)warp_xor((int)(uint32_t)(key >> 32), distance) << 32 | (uint32_t)warp_xor((int)(uint32_t)key, distance);
                    bool low = (lane_index() & distance) == 0;
                    bool ascending = (lane_index() & run) == 0;
                    bool take = (other < key) == (low == ascending) && other != key;
                    key = take ? other : key;
                }
            }

            shared.keys[i] = key;
        }

        block_sync();
        int place = lane_index();
        if (warp_index() < runs) {
            for (int first = 0; first < runs; first += Together) {
                // Keys of the runs below this one. Behind the last run stands anything, which is not counted.
                int below[Together] = {};
#pragma unroll
                for (int step = 16; step > 0; step /= 2) {
#pragma unroll
                    for (int run = 0; run < Together; run++) {
                        below[run] += shared.keys[32 * (first + run) + below[run] + step - 1] < key ? step : 0;
                    }
                }

#pragma unroll
                for (int run = 0; run < Together; run++) {
                    below[run] += shared.keys[32 * (first + run) + below[run]] < key ? 1 : 0;
                    place += first + run < runs && first + run != warp_index() ? below[run] : 0;
                }
            }
        }

        block_sync();
        if (key != ~0ull) {
            shared.keys[place] = key;
        }

        block_sync();
    }

    // Bitonic sort, ascending, of `count` keys. Thread t compares pairs; while pairs lie within 64 neighbours they belong to one warp, which needs no other.
    YZC_DEVICE_MEMBER void sort(int count) const
    {
        if (count <= Threads / 2) {
            sort_few(count);
            return;
        }

        int size = 64;
        while (size < count) {
            size *= 2;
        }

        for (int i = count + thread_index(); i < size; i += Threads) {
            shared.keys[i] = ~0ull;
        }

        block_sync();
        for (int run = 2; run <= size; run *= 2) {
            for (int distance = run / 2; distance > 0; distance /= 2) {
                for (int pair = thread_index(); pair < size / 2; pair += Threads) {
                    int low = (pair & ~(distance - 1)) * 2 + (pair & (distance - 1));
                    int high = low + distance;
                    uint64_t a = shared.keys[low];
                    uint64_t b = shared.keys[high];
                    if ((a > b) == ((low & run) == 0)) {
                        shared.keys[low] = b;
                        shared.keys[high] = a;
                    }
                }

                // The next step's pairs: a warp's own when they and these lie within 64 keys.
                int next = distance > 1 ? distance / 2 : run;
                if (distance > 32 || next > 32) {
                    block_sync();
                } else {
                    warp_sync();
                }
            }
        }

        block_sync();
    }

    // Whether two boxes overlap by more than the threshold. The rule is intersection / (area + area - intersection) > threshold, every step rounded to
    // binary32. A product decides it as surely and faster, unless both sides are within 2^-21 of each other or the product is no ordinary number: only
    // then is it unsure, and must be divided.
    YZC_DEVICE_MEMBER bool overlap(float intersection, float areas, bool& unsure) const
    {
        constexpr float Above = 1 + 1.0f / (1 << 21);
        constexpr float Below = 1 - 1.0f / (1 << 21);
        constexpr float Least = 1e-30f;
        float product = (areas - intersection) * params.iou_threshold;
        bool is_over = product > Least && intersection > product * Above;
        bool is_under = product > Least && intersection < product * Below;
        unsure = intersection > 0 && !is_over && !is_under;
        return is_over;
    }

    YZC_DEVICE_MEMBER bool overlap_divided(float intersection, float areas) const
    {
        return intersection / (areas - intersection) > params.iou_threshold;
    }

    // Which of Slice boxes from `first` on overlap this one by more than the threshold and are of its class; a bit for each.
    template <class Boxes>
    YZC_DEVICE_MEMBER uint32_t overlaps(const box4& box, const area_class& own, const Boxes& boxes, int first) const
    {
        uint32_t over = 0;
        uint32_t unsure = 0;
        area_class others[Slice];
#pragma unroll
        for (int k = 0; k < Slice; k++) {
            others[k] = boxes.other(first + k);
        }

#pragma unroll
        for (int k = 0; k < Slice; k++) {
            // With many classes most boxes have no fellow in the warp.
            bool same = own.class_id == others[k].class_id;
            if (warp_ballot(same) != 0) {
                bool is_unsure;
                bool is_over = overlap(intersect(box, boxes.box(first + k)), own.area + others[k].area, is_unsure);
                over |= (uint32_t)(same && is_over) << k;
                unsure |= (uint32_t)(same && is_unsure) << k;
            }
        }

        for (; unsure != 0; unsure &= unsure - 1) {
            int k = bit_count((unsure & (0u - unsure)) - 1);
            bool is_over = overlap_divided(intersect(box, boxes.box(first + k)), own.area + boxes.other(first + k).area);
            over |= (uint32_t)is_over << k;
        }

        return over;
    }

    YZC_DEVICE_MEMBER static float intersect(const box4& a, const box4& b)
    {
        float width = larger(smaller(a.x2, b.x2) - larger(a.x1, b.x1), 0);
        float height = larger(smaller(a.y2, b.y2) - larger(a.y1, b.y1), 0);
        return width * height;
    }

    YZC_DEVICE_MEMBER static int key_class(uint64_t key) { return (int)(key & (YZC_MAX_CLASSES - 1)); }

    YZC_DEVICE_MEMBER int class_of(uint64_t key) const { return params.flags & YZC_CLASS_AGNOSTIC ? 0 : key_class(key); }

    YZC_DEVICE_MEMBER box4 box_of(uint64_t key) const
    {
        return load_box(scratch + at.boxes, (int)((uint32_t)key >> 10));
    }

    template <int Tile>
    YZC_DEVICE_MEMBER tile_memory<Tile>& tile_of() const
    {
        if constexpr (Tile == 256) {
            return shared.tile;
        } else {
            return shared.large_tile;
        }
    }

    template <int Tile>
    YZC_DEVICE_MEMBER void load_tile(int first, int size) const
    {
        constexpr int TileWords = Tile / 32;
        tile_memory<Tile>& tile = tile_of<Tile>();
        if (thread_index() < Tile) {
            int i = thread_index();
            box4 box = { 0, 0, 0, 0 };
            int class_id = -1;
            if (i < size) {
                uint64_t key = shared.keys[first + i];
                box = box_of(key);
                class_id = class_of(key);
            }

            tile.boxes[i] = box;
            tile.others[i] = { (box.x2 - box.x1) * (box.y2 - box.y1), class_id };
        }

        for (int i = thread_index(); i < ClassGroups * TileWords; i += Threads) {
            tile.members[i / TileWords][i % TileWords] = 0;
        }

        if (thread_index() < TileWords) {
            // Places without a candidate count as gone.
            int rest = size - 32 * thread_index();
            tile.gone[thread_index()] = rest >= 32 ? 0 : rest <= 0 ? ~0u : ~0u << rest;
            tile.kept[thread_index()] = 0;
        }
    }

    // Lets boxes kept from earlier tiles suppress this one's. A warp takes 32 candidates, one in each lane, and a slice of the kept boxes.
    template <int Tile>
    YZC_DEVICE_MEMBER void apply_kept(int kept, int size) const
    {
        tile_memory<Tile>& tile = tile_of<Tile>();
        kept_boxes boxes = { scratch + at.kept_boxes, scratch + at.kept_areas, scratch + at.kept_classes };
        int words = (size + 31) / 32;
        int slices = (kept + Slice - 1) / Slice;
        for (int task = warp_index(); task < words * slices; task += Warps) {
            int word = task % words;
            int first = task / words * Slice;
            int i = 32 * word + lane_index();

            // The last slice may reach behind the kept boxes, into memory that holds anything.
            uint32_t valid = kept - first >= Slice ? ~0u : (1u << (kept - first)) - 1;
            uint32_t suppressed = warp_ballot((overlaps(tile.boxes[i], tile.others[i], boxes, first) & valid) != 0);
            if (suppressed != 0 && lane_index() == 0) {
                shared_or(&tile.gone[word], suppressed);
            }
        }
    }

    // Candidates of the tile that suppress this thread's. True when those of its class were few enough in every thread to be compared one by one.
    template <int Tile>
    YZC_DEVICE_MEMBER bool compare_fellows(int size, uint32_t (&suppressors)[Tile / 32]) const
    {
        constexpr int TileWords = Tile / 32;
        tile_memory<Tile>& tile = tile_of<Tile>();
        int i = thread_index();
        area_class own = {};
        int group = 0;
        if (i < size) {
            own = tile.others[i];
            group = own.class_id & (ClassGroups - 1);
            shared_or(&tile.members[group][i / 32], 1u << i % 32);
        }

        block_sync();
        uint32_t fellows[TileWords] = {};
        int count = 0;
        if (i < size) {
#pragma unroll
            for (int word = 0; word < TileWords; word++) {
                uint32_t before = word < i / 32 ? ~0u : word == i / 32 ? (1u << i % 32) - 1 : 0;
                fellows[word] = tile.members[group][word] & before;
                count += bit_count(fellows[word]);
            }
        }

        if (block_any(count > FewOfGroup)) {
            return false;
        }

        if (count > 0) {
            box4 box = tile.boxes[i];
#pragma unroll
            for (int word = 0; word < TileWords; word++) {
                for (uint32_t rest = fellows[word]; rest != 0; rest &= rest - 1) {
                    uint32_t bit = rest & (0u - rest);
                    int j = 32 * word + bit_count(bit - 1);
                    area_class other = tile.others[j];
                    if (other.class_id == own.class_id) {
                        float intersection = intersect(box, tile.boxes[j]);
                        float areas = own.area + other.area;
                        bool unsure;
                        bool over = overlap(intersection, areas, unsure);
                        suppressors[word] |= over || (unsure && overlap_divided(intersection, areas)) ? bit : 0;
                    }
                }
            }
        }

        return true;
    }

    // The same by comparing every pair, with all threads.
    template <int Tile>
    YZC_DEVICE_MEMBER void compare_all(int size, uint32_t (&suppressors)[Tile / 32]) const
    {
        constexpr int TileWords = Tile / 32;
        tile_memory<Tile>& tile = tile_of<Tile>();
        int i = thread_index();
        if (i < Tile) {
            for (int word = 0; word < TileWords; word++) {
                tile.suppressors[i][word] = 0;
            }
        }

        block_sync();
        compare_pairs<Tile>(size);
        block_sync();
        if (i < Tile) {
#pragma unroll
            for (int word = 0; word < TileWords; word++) {
                suppressors[word] = tile.suppressors[i][word];
            }
        }
    }

    // Fills the tile's suppressors. A warp takes 32 candidates, one in each lane, and a slice of those that rank behind the first of them.
    template <int Tile>
    YZC_DEVICE_MEMBER void compare_pairs(int size) const
    {
        constexpr int SlicesOfWord = 32 / Slice;
        tile_memory<Tile>& tile = tile_of<Tile>();
        tile_boxes boxes = { tile.boxes, tile.others };
        int words = (size + 31) / 32;
        for (int task = warp_index(); task < SlicesOfWord * words * (words + 1) / 2; task += Warps) {
            // The slices of word n are compared with the words 0 to n.
            int last_word = 0;
            while (SlicesOfWord * (last_word + 1) * (last_word + 2) / 2 <= task) {
                last_word++;
            }

            int rest = task - SlicesOfWord * last_word * (last_word + 1) / 2;
            int word = rest / SlicesOfWord;
            int first = 32 * last_word + rest % SlicesOfWord * Slice;
            int j = 32 * word + lane_index();
            uint32_t over = overlaps(tile.boxes[j], tile.others[j], boxes, first);
            int before = j - first + 1;
            over = before <= 0 ? over : before >= Slice ? 0 : over & ~0u << before;
            if (warp_ballot(over != 0) == 0) {
                continue;
            }

            uint32_t suppressors = 0;
#pragma unroll
            for (int k = 0; k < Slice; k++) {
                uint32_t bits = warp_ballot((over >> k & 1) != 0);
                suppressors = lane_index() == k ? bits : suppressors;
            }

            if (lane_index() < Slice) {
                tile.suppressors[first + lane_index()][word] = suppressors;
            }
        }
    }

    // Decides which candidates of the tile stay: kept and gone end as complements.
    template <int Tile>
    YZC_DEVICE_MEMBER void resolve(const uint32_t (&suppressors)[Tile / 32]) const
    {
        constexpr int TileWords = Tile / 32;
        tile_memory<Tile>& tile = tile_of<Tile>();
        int i = thread_index();
        bool mine = i < Tile;
        bool stays = false;
        bool goes = mine && (tile.gone[i / 32] >> i % 32 & 1) != 0;
        bool open = mine && !goes;
        while (block_any(open)) {
            if (mine) {
                if (open) {
                    uint32_t by_kept = 0;
                    uint32_t by_open = 0;
#pragma unroll
                    for (int word = 0; word < TileWords; word++) {
                        by_kept |= suppressors[word] & tile.kept[word];
                        by_open |= suppressors[word] & ~tile.gone[word];
                    }

                    goes = by_kept != 0;
                    stays = by_open == 0;
                    open = !goes && !stays;
                }
            }

            // All have read before any writes.
            block_sync();
            if (mine) {
                uint32_t kept = warp_ballot(stays);
                uint32_t gone = warp_ballot(goes);
                if (lane_index() == 0) {
                    tile.kept[warp_index()] = kept;
                    tile.gone[warp_index()] = gone;
                }
            }
        }

        block_sync();
    }

    // Maps a box from the input to the frame, clips it there and writes the detection.
    YZC_DEVICE_MEMBER void write(const yzc_picture& picture, int position, uint64_t key, const box4& box) const
    {
        float x1 = to_frame(box.x1, picture.left, picture.gain, picture.frame_width);
        float y1 = to_frame(box.y1, picture.top, picture.gain, picture.frame_height);
        float x2 = to_frame(box.x2, picture.left, picture.gain, picture.frame_width);
        float y2 = to_frame(box.y2, picture.top, picture.gain, picture.frame_height);
        uint64_t result = params.results + (uint64_t)params.result_stride * (uint64_t)block_x() + sizeof(yzc_result_header);
        YZC_GLOBAL yzc_detection* detection = global<yzc_detection>(result) + position;
        detection->class_id = key_class(key);
        detection->score = bits_to_float(~(uint32_t)(key >> 32));
        detection->x1 = x1;
        detection->y1 = y1;
        detection->x2 = larger(x1, x2);
        detection->y2 = larger(y1, y2);
    }

    YZC_DEVICE_MEMBER static float to_frame(float value, int padding, float gain, int most)
    {
        float mapped = (value - (float)padding) / gain;
        return mapped < 0 ? 0 : mapped > (float)most ? (float)most : mapped;
    }

    // Writes the tile's kept candidates behind those of earlier tiles; returns how many there are now.
    template <int Tile>
    YZC_DEVICE_MEMBER int write_kept(const yzc_picture& picture, int first, int kept_before) const
    {
        constexpr int TileWords = Tile / 32;
        tile_memory<Tile>& tile = tile_of<Tile>();
        int i = thread_index();
        int total = kept_before;
        int position = kept_before;
        for (int word = 0; word < TileWords; word++) {
            uint32_t bits = tile.kept[word];
            total += bit_count(bits);
            position += bit_count(word < i / 32 ? bits : word == i / 32 ? bits & ((1u << i % 32) - 1) : 0);
        }

        if (i < Tile && (tile.kept[i / 32] >> i % 32 & 1) != 0 && position < params.max_detections) {
            box4 box = tile.boxes[i];
            write(picture, position, shared.keys[first + i], box);
            store_box(scratch + at.kept_boxes, position, box);
            global<float>(scratch + at.kept_areas)[position] = tile.others[i].area;
            global<int>(scratch + at.kept_classes)[position] = tile.others[i].class_id;
        }

        block_sync();
        return lesser(total, params.max_detections);
    }

    template <int Tile>
    YZC_DEVICE_MEMBER int run(const yzc_picture& picture, int count) const
    {
        int kept = 0;
        for (int first = 0; first < count && kept < params.max_detections; first += Tile) {
            int size = lesser(Tile, count - first);
            load_tile<Tile>(first, size);
            block_sync();
            apply_kept<Tile>(kept, size);
            uint32_t suppressors[Tile / 32] = {};
            bool one_class = params.class_count == 1 || (params.flags & YZC_CLASS_AGNOSTIC) != 0;
            if ((one_class && size > FewOfGroup) || !compare_fellows<Tile>(size, suppressors)) {
                compare_all<Tile>(size, suppressors);
            }

            block_sync();
            resolve<Tile>(suppressors);
            kept = write_kept<Tile>(picture, first, kept);
        }

        return kept;
    }

    YZC_DEVICE_MEMBER int take_best(const yzc_picture& picture, int count) const
    {
        int taken = lesser(count, params.max_detections);
        for (int i = thread_index(); i < taken; i += Threads) {
            write(picture, i, shared.keys[i], box_of(shared.keys[i]));
        }

        return taken;
    }

    // One thread's work. A class that is unknown is one of a model that has suppressed already.
    YZC_DEVICE_MEMBER void write_header(int count, int candidates, int cut, uint64_t wrong, uint32_t wrong_value, bool knows_classes = true) const
    {
        bool failed = wrong != ~0ull;
        bool unknown_class = !knows_classes && (uint32_t)wrong == 5;
        YZC_GLOBAL yzc_result_header* header = global<yzc_result_header>(params.results + (uint64_t)params.result_stride * (uint64_t)block_x());
        header->count = failed ? 0 : count;
        header->candidates = candidates;
        header->cut = cut;
        header->status = !failed ? YZC_DECODED : unknown_class ? YZC_UNKNOWN_CLASS : YZC_NOT_FINITE;
        header->wrong_anchor = failed ? (int)(wrong >> 32) : -1;
        header->wrong_element = failed ? (int)(uint32_t)wrong : -1;
        header->wrong_value = failed ? wrong_value : 0;
        header->reserved = 0;
    }

    // The lowest anchor's wrong value is one segment's.
    YZC_DEVICE_MEMBER void find_wrong_value() const
    {
        for (int segment = thread_index(); segment < params.segments; segment += Threads) {
            if (global<uint64_t>(scratch + at.wrong)[segment] == shared.wrong) {
                shared.wrong_value = global<uint32_t>(scratch + at.wrong_values)[segment];
            }
        }

        block_sync();
    }
};

YZC_DEVICE void suppress(const yzc_decode_params& params)
{
    YZC_SHARED suppress_memory shared;
    suppression work(params, shared);

    // Early, so that it arrives meanwhile.
    yzc_picture picture = read_picture(params.pictures, block_x());
    int candidates = work.gather();
    int cut = candidates > YZC_MAX_CANDIDATES ? candidates - YZC_MAX_CANDIDATES : 0;
    uint64_t wrong = shared.wrong;
    int count = 0;
    if (wrong != ~0ull) {
        work.find_wrong_value();
    } else {
        if (cut > 0) {
            work.gather_best();
        }

        work.sort(candidates - cut);
        if (params.flags & YZC_END_TO_END) {
            count = work.take_best(picture, candidates - cut);
        } else if (candidates <= FewCandidates) {
            count = work.run<384>(picture, candidates);
        } else {
            count = work.run<256>(picture, candidates - cut);
        }
    }

    if (thread_index() == 0) {
        work.write_header(count, candidates, cut, wrong, shared.wrong_value, (params.flags & YZC_END_TO_END) == 0);
    }
}

}
