#include "outputs.h"

#include <cstring>
#include <limits>
#include <random>

uint16_t to_half(float value)
{
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    uint32_t sign = bits >> 16 & 0x8000;
    float magnitude = std::fabs(value);
    if (!std::isfinite(value)) {
        return (uint16_t)(sign | 0x7C00 | (std::isnan(value) ? 0x200 : 0));
    }

    if (magnitude == 0) {
        return (uint16_t)sign;
    }

    int exponent = std::max(std::ilogb(magnitude), -14);
    uint32_t units = (uint32_t)std::nearbyint(std::ldexp(magnitude, 10 - exponent));
    return (uint16_t)(sign | (units + ((uint32_t)(exponent + 14) << 10)));
}

static float through_half(float value) { return std::isfinite(value) ? to_float(to_half(value)) : value; }

std::vector<uint8_t> picture_output::to_bytes(const decode_case& test) const
{
    int elements = columns_of(test.layout, test.classes);
    size_t size = test.half ? 2 : 4;
    std::vector<uint8_t> bytes((size_t)elements * test.anchors * size);
    for (int element = 0; element < elements; element++) {
        for (int anchor = 0; anchor < test.anchors; anchor++) {
            size_t at = test.layout == ChannelsFirst ? (size_t)element * test.anchors + anchor : (size_t)anchor * elements + element;
            float number = value(test, anchor, element);
            if (test.half) {
                uint16_t half = to_half(number);
                std::memcpy(&bytes[at * 2], &half, 2);
            } else {
                std::memcpy(&bytes[at * 4], &number, 4);
            }
        }
    }

    return bytes;
}

picture_output make_output(const decode_case& test, int seed)
{
    std::mt19937 random(1000 + (unsigned)seed * 7919 + (unsigned)test.anchors * 31 + (unsigned)test.classes);
    auto unit = [&] { return (float)(random() >> 8) / 16777216.0f; };
    int elements = columns_of(test.layout, test.classes);
    picture_output output;
    output.values.resize((size_t)elements * test.anchors);
    auto set = [&](int anchor, int element, float value) { output.values[(size_t)element * test.anchors + anchor] = test.half ? through_half(value) : value; };
    std::vector<std::pair<float, float>> places((size_t)test.clusters);
    for (auto& place : places) {
        place = { unit() * 640, unit() * 640 };
    }

    for (int anchor = 0; anchor < test.anchors; anchor++) {
        auto place = places[random() % places.size()];
        float x = place.first + (unit() - 0.5f) * 12;
        float y = place.second + (unit() - 0.5f) * 12;
        float width = 30 + unit() * 60;
        float height = 30 + unit() * 60;

        // Now and then the same box again, one without area, and one of negative size.
        unsigned kind = random() % 50;
        width = kind == 0 ? 0 : kind == 1 ? -width : kind < 10 ? 40 : width;
        height = kind == 0 ? 0 : kind < 10 ? 40 : height;
        bool end_to_end = test.layout == EndToEnd;
        set(anchor, 0, end_to_end ? x - width / 2 : x);
        set(anchor, 1, end_to_end ? y - height / 2 : y);
        set(anchor, 2, end_to_end ? x + width / 2 : width);
        set(anchor, 3, end_to_end ? y + height / 2 : height);
        bool is_candidate = unit() < test.candidates;
        float score = test.score_threshold + (1 - test.score_threshold) * (float)(1 + random() % (unsigned)test.score_steps) / (float)test.score_steps;
        int best = (int)(random() % (unsigned)test.classes);
        if (end_to_end) {
            set(anchor, 4, is_candidate ? score : unit() * test.score_threshold);
            set(anchor, 5, (float)best);
            continue;
        }

        int first = test.layout == ChannelsFirst ? 4 : 5;
        if (first == 5) {
            set(anchor, 4, is_candidate ? 0.5f + unit() / 2 : unit());
        }

        for (int class_id = 0; class_id < test.classes; class_id++) {
            set(anchor, first + class_id, (unit() - 0.2f) * test.score_threshold);
        }

        if (is_candidate) {
            set(anchor, first + best, score);
            if (random() % 4 == 0) {
                // The same score twice: the lower class counts.
                set(anchor, first + (int)(random() % (unsigned)test.classes), score);
            }
        }
    }

    if (test.wrong != 0 && seed % 2 == 0) {
        int anchor = (int)(random() % (unsigned)test.anchors);
        int score = test.layout == ChannelsFirst ? 4 + (int)(random() % (unsigned)test.classes) : 4;
        auto put = [&](int element, float value) { output.values[(size_t)element * test.anchors + anchor] = value; };
        if (test.wrong == 1) {
            put(score, std::numeric_limits<float>::quiet_NaN());
        } else if (test.wrong == 2) {
            put(score, 0.9375f);
            if (test.layout == AnchorsFirst) {
                put(5, 0.9375f);
            }

            put(2, -std::numeric_limits<float>::infinity());
        } else if (test.layout == EndToEnd) {
            put(4, 0.9375f);
            put(5, seed % 4 == 0 ? (float)test.classes : 0.5f);
        } else if (test.layout == AnchorsFirst && !test.half) {
            put(4, 1e30f);
            put(5, 1e30f);
        } else {
            put(score, std::numeric_limits<float>::infinity());
        }
    }

    return output;
}

std::vector<decode_case> decode_cases(output_layout layout, bool half, bool quick)
{
    std::string prefix = std::string(layout == ChannelsFirst ? "channels" : layout == AnchorsFirst ? "anchors" : "finished") + (half ? " half " : " float ");
    auto make = [&](const char* name, int anchors, int classes, int batch, double candidates) {
        return decode_case { prefix + name, layout, half, anchors, classes, batch, 0.25f, 0.7f, 300, false, candidates, 100000, 40, 0, 0 };
    };
    std::vector<decode_case> cases;
    auto add = [&](decode_case test) { cases.push_back(test); };
    add(make("one anchor", 1, 1, 2, 1));
    add(make("nothing", 100, 3, 2, 0));
    add(make("odd anchors", 333, 5, 3, 0.3));
    add(make("eight classes and multiples", 264, 16, 1, 0.3));
    decode_case ties = make("ties", 840, 3, 2, 0.6);
    ties.score_steps = 4;
    add(ties);
    decode_case agnostic = make("class agnostic, most kept 20", 840, 7, 2, 0.5);
    agnostic.class_agnostic = true;
    agnostic.max_detections = 20;
    add(agnostic);
    decode_case dense = make("all in one place", 600, 1, 1, 1);
    dense.clusters = 1;
    dense.iou_threshold = 0.3f;
    add(dense);
    decode_case keep_all = make("none suppressed", 700, 2, 1, 1);
    keep_all.iou_threshold = 1;
    keep_all.max_detections = 1024;
    add(keep_all);
    decode_case zero = make("thresholds 0", 500, 2, 1, 0.5);
    zero.score_threshold = 0;
    zero.iou_threshold = 0;
    add(zero);
    for (int wrong = 1; wrong <= 3; wrong++) {
        decode_case test = make("wrong values", 411, 6, 4, 0.2);
        test.name += std::to_string(wrong);
        test.wrong = wrong;
        add(test);
    }

    decode_case some = make("some classes", 840, 7, 2, 0.5);
    some.every_class = 3;
    add(some);
    for (int wrong = 1; wrong <= 3; wrong++) {
        decode_case test = make("wrong values, some classes ", 411, 6, 8, 0.2);
        test.name += std::to_string(wrong);
        test.wrong = wrong;
        test.every_class = 4;
        add(test);
    }

    decode_case many = make("1,000 classes, some", quick ? 400 : 2100, 1000, 1, 0.9);
    many.every_class = 31;
    add(many);
    add(make("1,000 classes", quick ? 40 : 2100, 1000, 1, 0.2));
    decode_case cut = make("more than 4,096", quick ? 4500 : 8400, 1, 1, 0.97);
    cut.max_detections = quick ? 50 : 1024;
    add(cut);
    decode_case cut_ties = cut;
    cut_ties.name += ", ties at the cut";
    cut_ties.score_steps = 3;
    add(cut_ties);
    if (!quick) {
        add(make("YOLO 640", 8400, 80, 8, 0.03));
        add(make("YOLO 640 crowded", 8400, 80, 2, 0.4));
        add(make("YOLO 320", 2100, 80, 4, 0.05));
        add(make("many segments", 300000, 2, 1, 0.01));
        decode_case persons = make("persons", 8400, 1, 2, 0.1);
        persons.clusters = 15;
        persons.score_steps = 50;
        add(persons);
    }

    return cases;
}

yzc_decode_params params_of(const decode_case& test)
{
    yzc_decode_params params = {};
    params.anchors = test.anchors;
    params.class_count = test.classes;
    params.segment_anchors = segment_anchors(test.layout, test.half);
    params.segments = (test.anchors + params.segment_anchors - 1) / params.segment_anchors;
    params.scratch_stride = yzc_scratch_of(test.anchors, params.segments, params.segment_anchors).bytes;
    params.result_stride = result_stride(test.max_detections);
    params.score_threshold = test.score_threshold;
    params.iou_threshold = test.iou_threshold;
    params.max_detections = test.max_detections;
    params.flags = (test.class_agnostic ? YZC_CLASS_AGNOSTIC : 0) | (test.layout == EndToEnd ? YZC_END_TO_END : 0) | (test.every_class != 0 ? YZC_SOME_CLASSES : 0);
    for (int class_id = 0; class_id < YZC_MAX_CLASSES; class_id++) {
        params.class_bits[class_id / 32] |= (uint32_t)(test.every_class != 0 && test.counts(class_id)) << class_id % 32;
    }

    return params;
}

static std::vector<yzc_picture> frames_of(int count)
{
    std::vector<yzc_picture> pictures;
    for (int i = 0; i < count; i++) {
        pictures.push_back(letterbox(YZC_BGR24, 1920 - 31 * i, 1080 + 17 * i, 640, 640));
    }

    return pictures;
}

static std::vector<uint8_t> join(const decode_case& test, const std::vector<picture_output>& outputs)
{
    std::vector<uint8_t> bytes;
    for (const picture_output& output : outputs) {
        std::vector<uint8_t> part = output.to_bytes(test);
        bytes.insert(bytes.end(), part.begin(), part.end());
    }

    return bytes;
}

decode_buffers::decode_buffers(device& owner, const decode_case& test, const std::vector<picture_output>& outputs)
    : owner(owner)
    , test(test)
    , pictures(frames_of((int)outputs.size()))
    , descriptors(owner, pictures)
    , output(owner, join(test, outputs))
    , params(params_of(test))
    , scratch(owner, params.scratch_stride * outputs.size())
    , results(owner, (size_t)params.result_stride * outputs.size())
{
    params.pictures = descriptors.address;
    params.output = output.address;
    params.scratch = scratch.address;
    params.results = results.address;
}

void decode_buffers::launch()
{
    owner.launch(scan_kernel(test.layout, test.half), scan_grid(params, (int)pictures.size()), &params);
    owner.launch("yzc_suppress", suppress_grid((int)pictures.size()), &params);
}
