// Best logits against sums in double precision, and the scan of them against the scan of the logits.
#include "launches.h"

#include <cstring>
#include <random>

namespace {

bool is_finite(uint16_t half) { return (half & 0x7C00) != 0x7C00; }

// As the C# BestLogit.
uint32_t key_of(const uint16_t* logits, int classes)
{
    uint32_t best = 0;
    for (int c = 0; c < classes; c++) {
        uint32_t half = logits[c] == 0x8000 ? 0 : logits[c];
        uint32_t key = ((half & 0x8000) != 0 ? half ^ 0xFFFF : half | 0x8000) << 16 | (uint32_t)(0xFFFF - c);
        if (!is_finite(logits[c])) {
            return key;
        }

        best = std::max(best, key);
    }

    return best;
}

uint16_t half_of(uint32_t key) { return (uint16_t)((key & 0x80000000u) != 0 ? key >> 16 & 0x7FFF : key >> 16 ^ 0xFFFF); }
int class_of(uint32_t key) { return 0xFFFF - (int)(key & 0xFFFF); }
int padded(int channels) { return (channels + 7) / 8 * 8; }

// wrong_class: one that is infinite everywhere; -1: none.
void run_best(device& device, tally& tally, std::mt19937& random, int width, int height, int channels, int classes, int pictures, int wrong_class)
{
    int cells = width * height, vectors = padded(channels) / 8, step = vectors + 1;
    std::vector<uint16_t> features((size_t)pictures * cells * step * 8, 0xCDCD), weights((size_t)padded(classes) * vectors * 8), bias((size_t)padded(classes));
    for (size_t cell = 0; cell < (size_t)pictures * cells; cell++) {
        for (int k = 0; k < vectors * 8; k++) {
            features[cell * step * 8 + k] = k < channels ? random_half(random, -4, 0) : (uint16_t)0;
        }
    }

    for (int c = 0; c < classes; c++) {
        bias[c] = random_half(random, -2, 1);
        for (int k = 0; k < channels; k++) {
            weights[(size_t)c * vectors * 8 + k] = c == wrong_class ? (uint16_t)0x7C00 : random_half(random, -5, -1);
        }
    }

    // A cell of which nothing is a number, and one whose classes are all alike.
    features[0] = 0x7E00;
    std::fill_n(&features[(size_t)(cells - 1) * step * 8], vectors * 8, (uint16_t)0);
    int output_step = padded(classes) / 8;
    buffer device_features(device, features), device_weights(device, weights), device_bias(device, bias);
    buffer output(device, (size_t)pictures * cells * output_step * 16);
    output.fill(0xCD);
    yzc_layer_params params = {};
    params.input = device_features.address;
    params.output = output.address;
    params.weights = device_weights.address;
    params.bias = device_bias.address;
    params.input_step = step;
    params.output_step = output_step;
    params.vectors = vectors;
    params.width = width;
    params.height = height;
    params.classes = classes;
    device.launch("yzc_best_logits_f16", { (cells + YZC_BEST_CELLS - 1) / YZC_BEST_CELLS, pictures, 1, YZC_BEST_THREADS }, &params);
    std::vector<uint32_t> got = output.read<uint32_t>();
    int different = 0, touched = 0, first = -1;
    std::vector<double> logits((size_t)classes);
    for (int picture = 0; picture < pictures; picture++) {
        const uint32_t* keys = &got[(size_t)picture * cells * output_step * 4];
        for (int cell = 0; cell < cells; cell++) {
            const uint16_t* feature = &features[((size_t)picture * cells + cell) * step * 8];
            double best = -INFINITY;
            for (int c = 0; c < classes; c++) {
                double sum = to_float(bias[c]);
                for (int k = 0; k < channels; k++) {
                    sum += (double)to_float(feature[k]) * to_float(weights[(size_t)c * vectors * 8 + k]);
                }

                logits[c] = sum;
                best = sum > best ? sum : best;
            }

            int wrong = -1;
            for (int c = classes - 1; c >= 0; c--) {
                wrong = std::isfinite(logits[c]) ? wrong : c;
            }

            uint16_t half = half_of(keys[cell]);
            int class_id = class_of(keys[cell]);
            bool same = false;
            if (wrong >= 0) {
                same = class_id == wrong && !is_finite(half);
            } else if (class_id >= 0 && class_id < classes && is_finite(half)) {
                // Half a unit of the last place for rounding, and what a sum of so many floats may be off.
                double unit = std::ldexp(1.0, std::max(std::ilogb(best), -14) - 10);
                double off = 0.51 * unit + 1e-6 * channels;
                same = std::abs(to_float(half) - logits[class_id]) <= off && logits[class_id] >= best - 2 * off;
            }

            first = same || different++ > 0 ? first : picture * cells + cell;
        }

        touched += (int)std::count_if(keys + cells, keys + (size_t)cells * output_step * 4, [](uint32_t word) { return word != 0xCDCDCDCDu; });
    }

    // Of equal logits the lowest class counts.
    if (wrong_class < 0 && cells > 1) {
        uint32_t wanted = key_of(bias.data(), classes);
        different += got[(size_t)cells - 1] != wanted;
    }

    tally.add(different == 0 && touched == 0, "best logits " + std::to_string(width) + "x" + std::to_string(height) + ", " + std::to_string(channels) + " channels, "
            + std::to_string(classes) + " classes: " + std::to_string(different) + " cells differ, the first is " + std::to_string(first) + "; "
            + std::to_string(touched) + " words beside them were written");
}

// Two levels of random maps, some of whose logits are not finite: results of both ways, to the bit.
void run_scan(device& device, tally& tally, std::mt19937& random, int classes, int bins, int pictures, float threshold, bool has_wrong)
{
    constexpr int Widths[2] = { 26, 11 }, Heights[2] = { 17, 9 };
    int score_vectors = padded(classes) / 8, side_vectors = padded(4 * bins) / 8, anchors = 0, segments = 0, bytes = 0;
    yzc_head_params params = {};
    params.batch = pictures;
    params.level_count = 2;
    params.bins = bins;
    params.logit_threshold = threshold;
    for (int i = 0; i < 2; i++) {
        int cells = Widths[i] * Heights[i];
        params.levels[i] = { Widths[i], cells, 8 << i, anchors, segments, bytes, bytes + cells * side_vectors * 16, 0 };
        anchors += cells;
        segments += (cells + YZC_SCAN_THREADS - 1) / YZC_SCAN_THREADS;
        bytes += cells * (side_vectors + score_vectors) * 16;
    }

    std::vector<uint16_t> maps((size_t)bytes / 2 * pictures);
    for (uint16_t& value : maps) {
        value = random_half(random, -3, 1);
    }

    std::vector<uint16_t> best = maps;
    for (int i = 0; i < 2; i++) {
        for (int picture = 0; picture < pictures; picture++) {
            size_t cells = (size_t)params.levels[i].cells, at = ((size_t)params.levels[i].scores * pictures + picture * cells * score_vectors * 16) / 2;
            for (size_t cell = 0; cell < cells; cell++) {
                uint16_t* logits = &maps[at + cell * score_vectors * 8];
                if (has_wrong && random() % 300 == 0) {
                    logits[random() % (unsigned)classes] = (uint16_t)(random() % 2 == 0 ? 0xFC00 : 0x7C00 | random() % 1024 | (random() & 1) << 15);
                } else if (random() % 8 == 0) {
                    std::fill_n(logits, classes, (uint16_t)0x3C00);
                }

                uint32_t key = key_of(logits, classes);
                std::memcpy(&best[at + cell * 2], &key, 4);
            }
        }
    }

    std::vector<yzc_picture> all((size_t)pictures, letterbox(YZC_BGR24, 300, 200, 8 * Widths[0], 8 * Heights[0]));
    buffer descriptors(device, all);
    yzc_decode_params& decode = params.decode;
    decode.pictures = descriptors.address;
    decode.scratch_stride = yzc_scratch_of(anchors, segments, YZC_SCAN_THREADS).bytes;
    decode.result_stride = result_stride(200);
    decode.anchors = anchors;
    decode.class_count = classes;
    decode.segment_anchors = YZC_SCAN_THREADS;
    decode.segments = segments;
    decode.score_threshold = 1 / (1 + std::exp(-threshold));
    decode.iou_threshold = 0.5f;
    decode.max_detections = 200;
    auto results_of = [&](const char* kernel, const std::vector<uint16_t>& output) {
        buffer device_maps(device, output), scratch(device, decode.scratch_stride * pictures), results(device, (size_t)decode.result_stride * pictures);
        scratch.fill(0xCD);
        results.fill(0xEE);
        decode.output = device_maps.address;
        decode.scratch = scratch.address;
        decode.results = results.address;
        device.launch(kernel, scan_grid(decode, pictures), &params);
        device.launch("yzc_suppress", suppress_grid(pictures), &decode);
        std::vector<uint8_t> read = results.read<uint8_t>();
        for (int picture = 0; picture < pictures; picture++) {
            yzc_result_header* header = (yzc_result_header*)&read[(size_t)decode.result_stride * picture];
            if (header->status != YZC_DECODED) {
                // Of a picture with a wrong value they say nothing.
                header->candidates = header->cut = 0;
            }

            // Nobody reads what lies behind the detections.
            std::fill((uint8_t*)(header + 1) + sizeof(yzc_detection) * (size_t)header->count, (uint8_t*)header + decode.result_stride, (uint8_t)0);
        }

        return read;
    };
    std::vector<uint8_t> wanted = results_of("yzc_scan_head_f16", maps), got = results_of("yzc_scan_best_f16", best);
    const yzc_result_header& header = *(const yzc_result_header*)wanted.data();
    bool says_something = has_wrong ? header.status == YZC_NOT_FINITE && header.wrong_element >= 4 : header.status == YZC_DECODED && header.count > 3;
    tally.add(says_something && wanted == got, "scan of best logits, " + std::to_string(classes) + " classes, " + std::to_string(bins) + " bins, status "
            + std::to_string(header.status) + ", " + std::to_string(header.count) + " detections, wrong element " + std::to_string(header.wrong_element)
            + (wanted == got ? "" : ", results differ"));
}

}

void check_head(device& device, const options& options, tally& tally)
{
    std::mt19937 random(20261128);
    struct size { int width, height, channels, classes, pictures; };
    std::vector<size> sizes = { { 20, 20, 80, 80, 3 }, { 7, 5, 64, 3, 2 }, { 1, 1, 8, 1, 1 }, { 16, 9, 100, 365, 2 }, { 11, 12, 33, 41, 2 } };
    if (!options.quick) {
        sizes.insert(sizes.end(), { { 80, 80, 80, 80, 8 }, { 40, 40, 128, 80, 4 }, { 52, 30, 256, 1000, 2 }, { 80, 80, 64, 2, 32 } });
    }

    for (const size& one : sizes) {
        run_best(device, tally, random, one.width, one.height, one.channels, one.classes, one.pictures, -1);
        run_best(device, tally, random, one.width, one.height, one.channels, one.classes, one.pictures, one.classes / 2);
    }

    for (int classes : { 1, 3, 80, 365 }) {
        for (bool has_wrong : { false, true }) {
            run_scan(device, tally, random, classes, classes == 3 ? 1 : 16, 3, classes > 3 ? 3.8f : 1.5f, has_wrong);
        }
    }
}
