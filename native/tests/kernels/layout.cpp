// Prints sizes, offsets and limits of yzc_kernels.h, one a line; KernelLayoutTests compares them with the C# structs.
#include "../../kernels/yzc_kernels.h"

#include <cstddef>
#include <cstdio>

#define SIZE(type) std::printf("sizeof %s %zu\n", #type, sizeof(type))
#define OFFSET(type, field) std::printf("%s.%s %zu\n", #type, #field, offsetof(type, field))
#define LIMIT(name) std::printf("%s %d\n", #name, (int)name)

int main()
{
    SIZE(yzc_picture);
    OFFSET(yzc_picture, frame);
    OFFSET(yzc_picture, chroma);
    OFFSET(yzc_picture, scale_x);
    OFFSET(yzc_picture, scale_y);
    OFFSET(yzc_picture, pixel_format);
    OFFSET(yzc_picture, frame_width);
    OFFSET(yzc_picture, frame_height);
    OFFSET(yzc_picture, stride);
    OFFSET(yzc_picture, resized_width);
    OFFSET(yzc_picture, resized_height);
    OFFSET(yzc_picture, left);
    OFFSET(yzc_picture, top);
    OFFSET(yzc_picture, gain);
    OFFSET(yzc_picture, black);
    OFFSET(yzc_picture, luma);
    OFFSET(yzc_picture, red_cr);
    OFFSET(yzc_picture, green_cb);
    OFFSET(yzc_picture, green_cr);
    OFFSET(yzc_picture, blue_cb);
    SIZE(yzc_preprocess_params);
    OFFSET(yzc_preprocess_params, pictures);
    OFFSET(yzc_preprocess_params, tensor);
    OFFSET(yzc_preprocess_params, input_width);
    OFFSET(yzc_preprocess_params, input_height);
    SIZE(yzc_decode_params);
    OFFSET(yzc_decode_params, pictures);
    OFFSET(yzc_decode_params, output);
    OFFSET(yzc_decode_params, scratch);
    OFFSET(yzc_decode_params, results);
    OFFSET(yzc_decode_params, scratch_stride);
    OFFSET(yzc_decode_params, result_stride);
    OFFSET(yzc_decode_params, anchors);
    OFFSET(yzc_decode_params, class_count);
    OFFSET(yzc_decode_params, segment_anchors);
    OFFSET(yzc_decode_params, segments);
    OFFSET(yzc_decode_params, score_threshold);
    OFFSET(yzc_decode_params, iou_threshold);
    OFFSET(yzc_decode_params, max_detections);
    OFFSET(yzc_decode_params, flags);
    OFFSET(yzc_decode_params, reserved);
    OFFSET(yzc_decode_params, class_bits);
    SIZE(yzc_head_level);
    OFFSET(yzc_head_level, width);
    OFFSET(yzc_head_level, cells);
    OFFSET(yzc_head_level, stride);
    OFFSET(yzc_head_level, first_anchor);
    OFFSET(yzc_head_level, first_segment);
    OFFSET(yzc_head_level, sides);
    OFFSET(yzc_head_level, scores);
    OFFSET(yzc_head_level, boxes);
    SIZE(yzc_head_params);
    OFFSET(yzc_head_params, decode);
    OFFSET(yzc_head_params, batch);
    OFFSET(yzc_head_params, level_count);
    OFFSET(yzc_head_params, bins);
    OFFSET(yzc_head_params, logit_threshold);
    OFFSET(yzc_head_params, kept);
    OFFSET(yzc_head_params, reserved);
    OFFSET(yzc_head_params, levels);
    OFFSET(yzc_head_params, anchor_boxes);
    SIZE(yzc_silu_params);
    OFFSET(yzc_silu_params, input);
    OFFSET(yzc_silu_params, output);
    OFFSET(yzc_silu_params, elements);
    OFFSET(yzc_silu_params, scale);
    OFFSET(yzc_silu_params, reserved);
    SIZE(yzc_layer_params);
    OFFSET(yzc_layer_params, input);
    OFFSET(yzc_layer_params, second);
    OFFSET(yzc_layer_params, third);
    OFFSET(yzc_layer_params, output);
    OFFSET(yzc_layer_params, weights);
    OFFSET(yzc_layer_params, bias);
    OFFSET(yzc_layer_params, input_step);
    OFFSET(yzc_layer_params, second_step);
    OFFSET(yzc_layer_params, third_step);
    OFFSET(yzc_layer_params, output_step);
    OFFSET(yzc_layer_params, vectors);
    OFFSET(yzc_layer_params, key_vectors);
    OFFSET(yzc_layer_params, height);
    OFFSET(yzc_layer_params, width);
    OFFSET(yzc_layer_params, output_height);
    OFFSET(yzc_layer_params, output_width);
    OFFSET(yzc_layer_params, kernel_height);
    OFFSET(yzc_layer_params, kernel_width);
    OFFSET(yzc_layer_params, stride_down);
    OFFSET(yzc_layer_params, stride_right);
    OFFSET(yzc_layer_params, padding_top);
    OFFSET(yzc_layer_params, padding_left);
    OFFSET(yzc_layer_params, areas);
    OFFSET(yzc_layer_params, scale);
    OFFSET(yzc_layer_params, options);
    OFFSET(yzc_layer_params, reserved);
    SIZE(yzc_result_header);
    OFFSET(yzc_result_header, count);
    OFFSET(yzc_result_header, candidates);
    OFFSET(yzc_result_header, cut);
    OFFSET(yzc_result_header, status);
    OFFSET(yzc_result_header, wrong_anchor);
    OFFSET(yzc_result_header, wrong_element);
    OFFSET(yzc_result_header, wrong_value);
    OFFSET(yzc_result_header, reserved);
    SIZE(yzc_detection);
    OFFSET(yzc_detection, class_id);
    OFFSET(yzc_detection, score);
    OFFSET(yzc_detection, x1);
    OFFSET(yzc_detection, y1);
    OFFSET(yzc_detection, x2);
    OFFSET(yzc_detection, y2);
    LIMIT(YZC_BGR24);
    LIMIT(YZC_NV12);
    LIMIT(YZC_BAYER_RGGB8);
    LIMIT(YZC_BAYER_GBRG8);
    LIMIT(YZC_P010);
    LIMIT(YZC_BGR_PLANAR);
    LIMIT(YZC_RGB_PLANAR);
    LIMIT(YZC_CLASS_AGNOSTIC);
    LIMIT(YZC_END_TO_END);
    LIMIT(YZC_SOME_CLASSES);
    LIMIT(YZC_NOT_FINITE);
    LIMIT(YZC_UNKNOWN_CLASS);
    LIMIT(YZC_MAX_CANDIDATES);
    LIMIT(YZC_MAX_DETECTIONS);
    LIMIT(YZC_MAX_ANCHORS);
    LIMIT(YZC_MAX_CLASSES);
    LIMIT(YZC_MAX_LEVELS);
    LIMIT(YZC_MAX_ANCHOR_BOXES);
    LIMIT(YZC_PREPROCESS_ROWS);
    LIMIT(YZC_PREPROCESS_PIXELS);
    LIMIT(YZC_PREPROCESS_THREADS);
    LIMIT(YZC_SCAN_THREADS);
    LIMIT(YZC_SCAN_ROWS);
    LIMIT(YZC_SUPPRESS_THREADS);
    LIMIT(YZC_SILU_THREADS);
    LIMIT(YZC_SILU_VECTORS);
    LIMIT(YZC_LAYER_THREADS);
    LIMIT(YZC_POOL_TILE);
    LIMIT(YZC_DEPTHWISE_STRIP);
    LIMIT(YZC_DEPTHWISE_PAIR);
    LIMIT(YZC_ATTENTION_THREADS);
    LIMIT(YZC_ATTENTION_QUERIES);
    LIMIT(YZC_ATTENTION_VECTORS);
    LIMIT(YZC_SILU);
    LIMIT(YZC_ADD);
    LIMIT(YZC_MEAN);
    struct shape {
        int anchors, segment;
    };
    const shape shapes[] = { { 1, 256 }, { 8400, 256 }, { 8400, 128 }, { 25200, 64 }, { 1376256, 128 }, { 300, 256 } };
    for (const shape& s : shapes) {
        int segments = (s.anchors + s.segment - 1) / s.segment;
        std::printf("scratch %d %d %llu\n", s.anchors, s.segment, (unsigned long long)yzc_scratch_of(s.anchors, segments, s.segment).bytes);
    }
}
