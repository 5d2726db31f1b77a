// Decoding and suppression against a plain reference: all candidates, sorted, one decided after the other. Equal to the bit.
#include <cstdio>
#include "launches.h"
#include "outputs.h"

#include <cstring>

namespace {

struct candidate {
    int class_id;
    float score;
    float box[4];
    int anchor;
};

struct outcome {
    yzc_result_header header = {};
    std::vector<yzc_detection> detections;
};

bool finite(float value) { return std::isfinite(value); }

// The first wrong value of an anchor, or -2: NaN or infinite scores, then, for candidates, the box.
outcome reference(const yzc_picture& picture, const picture_output& output, const decode_case& test)
{
    outcome result;
    result.header.wrong_anchor = result.header.wrong_element = -1;
    std::vector<candidate> candidates;
    for (int anchor = 0; anchor < test.anchors; anchor++) {
        auto value = [&](int element) { return output.value(test, anchor, element); };
        auto wrong = [&](int element, float bad, int status) {
            result.header.status = status;
            result.header.wrong_anchor = anchor;
            result.header.wrong_element = element;
            std::memcpy(&result.header.wrong_value, &bad, 4);
        };
        candidate best = { -1, test.score_threshold, {}, anchor };
        int first_score = test.layout == ChannelsFirst ? 4 : 5;
        bool bad = false;
        if (test.layout == EndToEnd) {
            if (!finite(value(4))) {
                wrong(4, value(4), YZC_NOT_FINITE);
                return result;
            }

            if (value(4) > best.score) {
                best.score = value(4);
                float id = value(5);
                if (!(id >= 0 && id < (float)test.classes && id == std::floor(id))) {
                    wrong(5, id, YZC_UNKNOWN_CLASS);
                    return result;
                }

                best.class_id = (int)id;
            }
        } else {
            for (int element = test.layout == AnchorsFirst ? 4 : first_score; element < first_score + test.classes && !bad; element++) {
                bad = !finite(value(element));
                if (bad) {
                    wrong(element, value(element), YZC_NOT_FINITE);
                }
            }

            if (bad) {
                return result;
            }

            for (int class_id = 0; class_id < test.classes; class_id++) {
                float score = value(first_score + class_id);
                if (test.layout == AnchorsFirst) {
                    score = value(4) > test.score_threshold ? value(4) * score : 0;
                }

                if (score > best.score) {
                    best.score = score;
                    best.class_id = class_id;
                }
            }
        }

        if (best.class_id < 0 || !test.counts(best.class_id)) {
            continue;
        }

        for (int i = 0; i < 4; i++) {
            best.box[i] = value(i);
            if (!finite(best.box[i])) {
                wrong(i, best.box[i], YZC_NOT_FINITE);
                return result;
            }
        }

        if (!finite(best.score)) {
            wrong(-1, best.score, YZC_NOT_FINITE);
            return result;
        }

        if (test.layout != EndToEnd) {
            float x = best.box[0], y = best.box[1], w = best.box[2] / 2, h = best.box[3] / 2;
            best.box[0] = x - w;
            best.box[1] = y - h;
            best.box[2] = x + w;
            best.box[3] = y + h;
        }

        candidates.push_back(best);
    }

    result.header.candidates = (int)candidates.size();
    std::stable_sort(candidates.begin(), candidates.end(), [](const candidate& a, const candidate& b) { return a.score > b.score; });
    if (candidates.size() > YZC_MAX_CANDIDATES) {
        result.header.cut = (int)candidates.size() - YZC_MAX_CANDIDATES;
        candidates.resize(YZC_MAX_CANDIDATES);
    }

    std::vector<candidate> kept;
    for (const candidate& next : candidates) {
        bool suppressed = false;
        float area = (next.box[2] - next.box[0]) * (next.box[3] - next.box[1]);
        for (const candidate& other : kept) {
            if (test.layout == EndToEnd || (!test.class_agnostic && other.class_id != next.class_id)) {
                continue;
            }

            float width = std::fmax(std::fmin(other.box[2], next.box[2]) - std::fmax(other.box[0], next.box[0]), 0.0f);
            float height = std::fmax(std::fmin(other.box[3], next.box[3]) - std::fmax(other.box[1], next.box[1]), 0.0f);
            float other_area = (other.box[2] - other.box[0]) * (other.box[3] - other.box[1]);
            float intersection = width * height;
            suppressed |= intersection / (other_area + area - intersection) > test.iou_threshold;
        }

        if (!suppressed) {
            kept.push_back(next);
            float frame[4];
            for (int i = 0; i < 4; i++) {
                float padding = (float)(i % 2 == 0 ? picture.left : picture.top);
                frame[i] = std::clamp((next.box[i] - padding) / picture.gain, 0.0f, (float)(i % 2 == 0 ? picture.frame_width : picture.frame_height));
            }

            result.detections.push_back({ next.class_id, next.score, frame[0], frame[1], std::fmax(frame[0], frame[2]), std::fmax(frame[1], frame[3]) });
            if ((int)kept.size() == test.max_detections) {
                break;
            }
        }
    }

    result.header.count = (int)kept.size();
    return result;
}

void run_case(device& device, tally& tally, const decode_case& test, const std::vector<picture_output>& outputs, int turns)
{
    decode_buffers buffers(device, test, outputs);
    std::vector<uint8_t> first;
    for (int turn = 0; turn < turns; turn++) {
        // Leftovers of any kind in scratch memory and results must not matter.
        bool ones = (turn + test.classes) % 2 == 0;
        buffers.scratch.fill(ones ? 0xFF : 0x5A);
        buffers.results.fill(ones ? 0xEE : 0x11);
        buffers.launch();
        std::vector<uint8_t> got = buffers.results.read<uint8_t>();
        std::vector<uint8_t> written;
        for (size_t i = 0; i < outputs.size(); i++) {
            outcome wanted = reference(buffers.pictures[i], outputs[i], test);
            yzc_result_header header;
            const uint8_t* at = &got[i * buffers.params.result_stride];
            std::memcpy(&header, at, sizeof header);
            std::string what = test.name + " picture " + std::to_string(i);
            if (wanted.header.status != YZC_DECODED) {
                // The number of candidates besides is not defined.
                header.candidates = wanted.header.candidates = 0;
                header.cut = wanted.header.cut = 0;
            }

            bool same = std::memcmp(&header, &wanted.header, sizeof header) == 0;
            tally.add(same, what + " header: count " + std::to_string(header.count) + " of " + std::to_string(wanted.header.count) + ", candidates "
                    + std::to_string(header.candidates) + " of " + std::to_string(wanted.header.candidates) + ", cut " + std::to_string(header.cut) + ", status "
                    + std::to_string(header.status) + " of " + std::to_string(wanted.header.status) + " at " + std::to_string(header.wrong_anchor) + "," + std::to_string(header.wrong_element)
                    + " wanted " + std::to_string(wanted.header.wrong_anchor) + "," + std::to_string(wanted.header.wrong_element));
            size_t bytes = wanted.detections.size() * sizeof(yzc_detection);
            tally.add(same && std::memcmp(at + sizeof header, wanted.detections.data(), bytes) == 0, what + " detections");
            written.insert(written.end(), (uint8_t*)&header, (uint8_t*)(&header + 1));
            written.insert(written.end(), at + sizeof header, at + sizeof header + (same ? bytes : 0));
        }

        tally.add(turn == 0 || written == first, test.name + ": two runs differ");
        first = written;
    }
}

}

void check_decode(device& device, const options& options, tally& tally)
{
    for (bool half : { false, true }) {
        for (output_layout layout : { ChannelsFirst, AnchorsFirst, EndToEnd }) {
            for (const decode_case& test : decode_cases(layout, half, options.quick)) {
                if (test.name.find(options.only) == std::string::npos) {
                    continue;
                }

                std::vector<picture_output> outputs;
                for (int i = 0; i < test.batch; i++) {
                    outputs.push_back(make_output(test, i));
                }

                // The emulated device does the same each time.
                run_case(device, tally, test, outputs, device.emulated() ? 1 : 2);
            }
        }
    }
}
