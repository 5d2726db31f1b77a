// Made-up outputs of models, and the buffers to decode them.
#pragma once

#include "launches.h"

struct decode_case {
    std::string name;
    output_layout layout;
    bool half;
    int anchors;
    int classes;
    int batch;
    float score_threshold;
    float iou_threshold;
    int max_detections;
    bool class_agnostic;
    double candidates;      // Share of the anchors.
    int score_steps;        // Scores are multiples of 1 / this above the threshold: few steps mean many ties.
    int clusters;           // Boxes lie around this many places.
    int wrong;              // 0 none, 1 a score NaN, 2 a box infinite, 3 a class unknown or the product infinite
    int every_class;        // 0 all classes count, else those whose id is a multiple of this.

    bool counts(int class_id) const { return every_class == 0 || class_id % every_class == 0; }
};

// One picture's output as floats, already rounded to half where the case says so; [element][anchor].
struct picture_output {
    std::vector<float> values;

    float value(const decode_case& test, int anchor, int element) const { return values[(size_t)element * test.anchors + anchor]; }
    std::vector<uint8_t> to_bytes(const decode_case& test) const;
};

struct decode_buffers {
    decode_buffers(device& owner, const decode_case& test, const std::vector<picture_output>& outputs);

    void launch();

    device& owner;
    const decode_case test;
    std::vector<yzc_picture> pictures;
    buffer descriptors;
    buffer output;
    yzc_decode_params params;
    buffer scratch;
    buffer results;
};

std::vector<decode_case> decode_cases(output_layout layout, bool half, bool quick);
picture_output make_output(const decode_case& test, int seed);
yzc_decode_params params_of(const decode_case& test);
uint16_t to_half(float value);
