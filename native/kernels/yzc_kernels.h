// What the host and the kernels agree on: structs, limits and the layout of scratch memory.
// src/YoloZeroCopy/Kernels mirrors every struct field by field; a test compiles this header and compares sizes and offsets.
#pragma once

#include <stdint.h>

// Values of pixel_format: the order of the C# enum PixelFormat.
enum yzc_pixel_format {
    YZC_BGR24,
    YZC_RGB24,
    YZC_BGRA32,
    YZC_RGBA32,
    YZC_GRAY8,
    YZC_NV12,
    YZC_BAYER_RGGB8,
    YZC_BAYER_BGGR8,
    YZC_BAYER_GRBG8,
    YZC_BAYER_GBRG8,
    YZC_P010,
    YZC_BGR_PLANAR,
    YZC_RGB_PLANAR,
};

// One frame of a batch: where its bytes are and how it lies in the model's input. Read by preprocessing and by suppression.
struct yzc_picture {
    uint64_t frame;         // Device address of the first byte, in any alignment; of P010 even.
    uint64_t chroma;        // NV12 and P010: device address of the plane of Cb and Cr; else not read.
    double scale_x;         // 1.0 / ((double)resized_width / frame_width)
    double scale_y;         // 1.0 / ((double)resized_height / frame_height)
    int32_t pixel_format;
    int32_t frame_width;
    int32_t frame_height;
    int32_t stride;         // Bytes from row to row, of all planes; of P010 even.
    int32_t resized_width;
    int32_t resized_height;
    int32_t left;           // Padding before the resized frame.
    int32_t top;            // Padding above it.
    float gain;             // Input pixels per frame pixel: maps boxes back.
    int32_t black;          // NV12 and P010: sample of black, and factors with 20 fractional bits, as the C# YuvCoefficients has them.
    int32_t luma;
    int32_t red_cr;
    int32_t green_cb;
    int32_t green_cr;
    int32_t blue_cb;
};

// The only parameter of yzc_preprocess_*, by value.
struct yzc_preprocess_params {
    uint64_t pictures;      // Device address of yzc_picture[grid z], aligned to 16 bytes.
    uint64_t tensor;        // Device address of the tensor [grid z, 3, input_height, input_width], aligned to its element;
                            // of yzc_preprocess_f16_last [grid z, input_height, input_width, 4], aligned to 8.
    int32_t input_width;
    int32_t input_height;
};

enum yzc_decode_flags {
    YZC_CLASS_AGNOSTIC = 1, // Boxes of different classes suppress each other, too.
    YZC_END_TO_END = 2,     // The model has suppressed already: the best candidates are the detections.
    YZC_SOME_CLASSES = 4,   // Only anchors whose best class has its bit in class_bits are candidates.
};

// The only parameter of yzc_scan_* but those of heads, and of yzc_suppress, by value; the same for both.
struct yzc_decode_params {
    uint64_t pictures;      // Device address of yzc_picture[batch], aligned to 16 bytes.
    uint64_t output;        // Device address of the model's output [batch, ...], aligned to 16 bytes.
    uint64_t scratch;       // Device address of scratch_stride * batch bytes, aligned to 256; needs no initialisation.
    uint64_t results;       // Device address of result_stride * batch bytes, aligned to 16.
    uint64_t scratch_stride;
    uint32_t result_stride;
    int32_t anchors;        // 1 to YZC_MAX_ANCHORS.
    int32_t class_count;    // 1 to YZC_MAX_CLASSES.
    int32_t segment_anchors;// Anchors that one block of the scan looks at.
    int32_t segments;       // Blocks of the scan: anchors / segment_anchors, rounded up.
    float score_threshold;  // At least 0.
    float iou_threshold;    // At least 0.
    int32_t max_detections; // 1 to YZC_MAX_DETECTIONS.
    int32_t flags;
    int32_t reserved;
    uint32_t class_bits[32];// Bit c % 32 of word c / 32 is class c's. Read where the flags say so.
};

// One level of a head: cells whose logits lie in one map and whose sides in another, [batch, cells, channels filled up to a multiple of 8].
struct yzc_head_level {
    int32_t width;          // Cells of a row.
    int32_t cells;
    int32_t stride;         // Pixels of the input from cell to cell.
    int32_t first_anchor;   // Anchors of the levels before it.
    int32_t first_segment;  // Segments of the levels before it: a segment lies in one level.
    int32_t sides;          // Bytes that the maps before its map of sides have for one picture.
    int32_t scores;         // Likewise, its map of scores; the same map where there are anchor boxes.
    int32_t boxes;          // Anchor boxes of a cell, up to YZC_MAX_ANCHOR_BOXES; 0: sides are distances.
};

// The only parameter of yzc_scan_head_f16, yzc_scan_best_f16, yzc_scan_anchor_boxes_f16 and yzc_choose_pairs, by value.
struct yzc_head_params {
    yzc_decode_params decode; // As yzc_suppress gets it. output: all pictures of the first map, then all of the next one.
    int32_t batch;          // Pictures in each map.
    int32_t level_count;    // 1 to YZC_MAX_LEVELS.
    int32_t bins;           // Distances of a side's distribution; 1 where a side is one number.
    float logit_threshold;  // No logit up to this has a score above score_threshold.
    int32_t kept;           // 0: yzc_suppress follows. Else yzc_choose_pairs does, with so many pairs, up to YZC_MAX_DETECTIONS.
    int32_t reserved;
    yzc_head_level levels[8];
    float anchor_boxes[8][6][2]; // Of each level: widths and heights in pixels of the input.
};

enum yzc_decode_status {
    YZC_DECODED,
    YZC_NOT_FINITE,         // A score, or a candidate's box, is NaN or infinite.
    YZC_UNKNOWN_CLASS,      // End to end: the class is none of the model's.
};

// Begins each picture's result; max_detections times yzc_detection follow.
struct yzc_result_header {
    int32_t count;          // Detections that follow. 0 when status is not YZC_DECODED.
    int32_t candidates;     // Anchors above the score threshold.
    int32_t cut;            // Candidates beyond YZC_MAX_CANDIDATES, which took no part.
    int32_t status;
    int32_t wrong_anchor;   // What the status is about, of several the lowest anchor and then the lowest element; -1 when decoded.
    int32_t wrong_element;  // Row (channels first) or column (other layouts) of the output; -1: the product of objectness and class score.
                            // Of a head: 0 to 3 a side, or centre and size, of the box, as computed; from 4 on the logits.
    uint32_t wrong_value;   // The value's bits as binary32.
    int32_t reserved;
};

struct yzc_detection {
    int32_t class_id;
    float score;
    float x1, y1, x2, y2;   // Pixels of the frame.
};

// The only parameter of yzc_silu_*, by value.
struct yzc_silu_params {
    uint64_t input;         // Device address of the elements, aligned to 16 bytes.
    uint64_t output;        // Likewise; may be the input's.
    uint64_t elements;
    float scale;            // Of the sigmoid's argument; 1 for SiLU.
    int32_t reserved;
};

enum yzc_layer_options {
    YZC_SILU = 1,           // yzc_depthwise_*: x * sigmoid(x) of the sum, before anything is added.
    YZC_ADD = 2,            // yzc_depthwise_*: second is added.
    YZC_MEAN = 4,           // yzc_pool_f16: the mean of a window instead of its largest value.
};

// The only parameter of the layers' kernels, by value. Addresses are multiples of 16; steps are vectors of 16 bytes, 8 halves, from pixel to pixel.
struct yzc_layer_params {
    uint64_t input;         // Device address of the first channel of the first pixel. yzc_attention_f16: of the queries. yzc_stem_f16: of
                            // yzc_picture[grid z], aligned to 16 bytes.
    uint64_t second;        // What is added. yzc_max_pool_chain_f16: the second result. yzc_attention_f16: the keys.
    uint64_t third;         // yzc_max_pool_chain_f16: the third result. yzc_attention_f16: the values.
    uint64_t output;        // yzc_best_logits_f16: of a word a cell, at the beginning of each picture's part.
    uint64_t weights;       // yzc_depthwise_*: [kernel height, kernel width, channels]. yzc_stem_f16: [channels, 3, 3, 4]. yzc_best_logits_f16:
                            // [classes, channels], both filled up with zeros to multiples of 8.
    uint64_t bias;          // [channels]; yzc_best_logits_f16: [classes], filled up likewise.
    int32_t input_step;
    int32_t second_step;    // Not of yzc_max_pool_chain_f16, all of whose results have output_step.
    int32_t third_step;     // yzc_attention_f16.
    int32_t output_step;
    int32_t vectors;        // Of a pixel: channels / 8; of yzc_stem_f16 an even number. yzc_attention_f16: of a head's values.
    int32_t key_vectors;    // yzc_attention_f16: of a head's queries and keys.
    int32_t height;         // Of the input.
    int32_t width;
    int32_t output_height;  // Where windows move.
    int32_t output_width;
    int32_t kernel_height;  // Of a window.
    int32_t kernel_width;
    int32_t stride_down;
    int32_t stride_right;
    int32_t padding_top;
    int32_t padding_left;
    int32_t areas;          // yzc_attention_f16: parts of the cells, each of which sees itself only.
    float scale;            // yzc_attention_f16: of products of queries and keys.
    int32_t options;
    int32_t classes;        // yzc_best_logits_f16: 1 to YZC_MAX_CLASSES.
};

enum yzc_limits {
    YZC_MAX_CANDIDATES = 4096,   // Keys that a block sorts in 32 KiB of shared memory.
    YZC_MAX_DETECTIONS = 1024,
    YZC_MAX_ANCHORS = 1 << 22,   // A key has 22 bits for the anchor
    YZC_MAX_CLASSES = 1 << 10,   // and 10 for the class.
    YZC_MAX_LEVELS = 8,
    YZC_MAX_ANCHOR_BOXES = 6,
    YZC_PREPROCESS_ROWS = 8,     // Warps of a block, each a row of the input.
    YZC_PREPROCESS_THREADS = 32 * YZC_PREPROCESS_ROWS,
#ifndef YZC_PREPROCESS_PIXELS
    YZC_PREPROCESS_PIXELS = 2,   // Pixels of a thread, 32 apart, so that a warp's loads and stores stay together.
#endif
    YZC_SCAN_THREADS = 256,
    YZC_SCAN_ROWS = 64,          // Rows of a block's segment in layout [A, 5 + C].
    YZC_SUPPRESS_THREADS = 1024,
    YZC_SILU_THREADS = 256,
    YZC_SILU_VECTORS = 2,        // Of 16 bytes, a thread.
    YZC_STEM_COLUMNS = 32,       // Cells of a block, 256 on nine warps: two rounds of two pixels a thread are all the pixels that they see.
    YZC_STEM_ROWS = 8,
    YZC_STEM_THREADS = 288,
    YZC_BEST_THREADS = 128,
    YZC_BEST_CELLS = 64,         // Of a block: 32 for each two warps.
    YZC_LAYER_THREADS = 256,
    YZC_POOL_TILE = 20,          // Cells of a tile's side: an input of 640 has one at stride 32.
    YZC_DEPTHWISE_STRIP = 4,     // Pixels side by side of a thread of yzc_depthwise_3x3_f16;
    YZC_DEPTHWISE_PAIR = 2,      // of the other kernels of one size.
    YZC_ATTENTION_THREADS = 128,
    YZC_ATTENTION_QUERIES = 64,  // Cells of a block.
    YZC_ATTENTION_VECTORS = 8,   // Most of a head's keys and values.
};

// Parts of a picture's scratch memory, in bytes from its start.
struct yzc_scratch {
    uint64_t boxes;         // float4[anchors]: corners of the candidates, by anchor.
    uint64_t kept_boxes;    // float4[YZC_MAX_DETECTIONS]
    uint64_t keys;          // uint64[segments][segment_anchors]: candidates of each segment, in any order.
    uint64_t wrong;         // uint64[segments]: anchor << 32 | element of a value that is wrong, or all ones.
    uint64_t kept_areas;    // float[YZC_MAX_DETECTIONS]
    uint64_t kept_classes;  // int32[YZC_MAX_DETECTIONS]
    uint64_t counts;        // int32[segments]: candidates of each segment.
    uint64_t wrong_values;  // uint32[segments]
    uint64_t bytes;         // The whole, a multiple of 256.
};

#ifdef __CUDA__
__attribute__((device))
#endif
static inline yzc_scratch
yzc_scratch_of(int32_t anchors, int32_t segments, int32_t segment_anchors)
{
    yzc_scratch at;
    at.boxes = 0;
    at.kept_boxes = at.boxes + 16ull * (uint64_t)anchors;
    at.keys = at.kept_boxes + 16ull * YZC_MAX_DETECTIONS;
    at.wrong = at.keys + 8ull * (uint64_t)segments * (uint64_t)segment_anchors;
    at.kept_areas = at.wrong + 8ull * (uint64_t)segments;
    at.kept_classes = at.kept_areas + 4ull * YZC_MAX_DETECTIONS;
    at.counts = at.kept_classes + 4ull * YZC_MAX_DETECTIONS;
    at.wrong_values = at.counts + 4ull * (uint64_t)segments;
    at.bytes = (at.wrong_values + 4ull * (uint64_t)segments + 255) / 256 * 256;
    return at;
}
