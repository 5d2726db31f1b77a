// Times as a lane sees them: nodes of a graph, one after the other, over buffers that rotate so that the frames or outputs are not in the cache.
#include <cstdio>
#include "launches.h"
#include "outputs.h"

#include <random>

namespace {


void measure_preprocess(device& device, int format, int width, int height, int batch, element_type type, const char* name)
{
    constexpr int Turns = 24;
    constexpr int Replays = 51;
    yzc_picture picture = letterbox(format, width, height, 640, 640);
    picture.stride = row_bytes(format, width);
    picture.luma = 19077;
    picture.red_cr = 13074;
    picture.green_cb = -3209;
    picture.green_cr = -6660;
    picture.blue_cb = 16525;
    size_t frame = (frame_bytes(picture) + 255) / 256 * 256;
    std::vector<uint8_t> noise(frame);
    std::mt19937 random(5);
    for (uint8_t& value : noise) {
        value = (uint8_t)random();
    }

    buffer frames(device, frame * batch * Turns);
    for (int i = 0; i < batch * Turns; i++) {
        device.upload(frames.address + frame * i, noise.data(), frame);
    }

    std::vector<yzc_picture> pictures;
    for (int i = 0; i < batch * Turns; i++) {
        pictures.push_back(picture);
        pictures.back().frame = frames.address + frame * i;
        pictures.back().chroma = pictures.back().frame + (uint64_t)height * picture.stride;
    }

    buffer descriptors(device, pictures);
    size_t tensor_bytes = (size_t)pixel_bytes(type) * 640 * 640 * batch;
    buffer tensor(device, tensor_bytes * Turns);
    grid grid = preprocess_grid(640, 640, batch);
    auto issue = [&](int turn, bool warm) {
        int at = warm ? 0 : turn;
        yzc_preprocess_params params = { descriptors.address + sizeof(yzc_picture) * batch * at, tensor.address + tensor_bytes * at, 640, 640 };
        device.launch(preprocess_kernel(type), grid, &params);
    };
    double cold = device.time_graph(Turns, Replays, [&](int turn) { issue(turn, false); });
    double warm = device.time_graph(Turns, Replays, [&](int turn) { issue(turn, true); });
    std::printf("%-22s %4dx%-4d -> 640x640 %s batch %2d: %7.2f us, same buffers %7.2f us\n", name, width, height, type == Float32 ? "f32" : type == Float16 ? "f16" : type == UInt8 ? "u8 " : "f16 last", batch, cold, warm);
}

void measure_decode(device& device, const char* name, output_layout layout, bool half, int anchors, int classes, int batch, int candidates, int clusters, int every_class = 0)
{
    constexpr int Turns = 16;
    constexpr int Replays = 51;
    decode_case test = { name, layout, half, anchors, classes, batch, 0.25f, 0.7f, 300, false, (double)candidates / anchors, 100000, clusters, 0, every_class };
    std::vector<picture_output> outputs;
    for (int i = 0; i < batch; i++) {
        outputs.push_back(make_output(test, i));
    }

    std::vector<std::unique_ptr<decode_buffers>> sets;
    for (int i = 0; i < Turns; i++) {
        sets.push_back(std::make_unique<decode_buffers>(device, test, outputs));
    }

    double both = device.time_graph(Turns, Replays, [&](int turn) { sets[turn]->launch(); });
    double warm = device.time_graph(Turns, Replays, [&](int) { sets[0]->launch(); });
    double scan = device.time_graph(Turns, Replays, [&](int turn) { device.launch(scan_kernel(layout, half), scan_grid(sets[turn]->params, batch), &sets[turn]->params); });
    double suppress = device.time_graph(Turns, Replays, [&](int turn) { device.launch("yzc_suppress", suppress_grid(batch), &sets[turn]->params); });
    sets[0]->launch();
    yzc_result_header header;
    device.synchronize();
    device.download(&header, sets[0]->results.address, sizeof header);
    std::printf("%-28s %s [%d, %d] batch %2d, %4d candidates, %3d kept: %7.2f us (scan %.2f, suppress %.2f), same buffers %.2f us\n",
        name, half ? "f16" : "f32", columns_of(layout, classes), anchors, batch, header.candidates, header.count, both, scan, suppress, warm);
}

}

namespace {

// Maps of a head at 640x640: three levels, halves, channels last. Logits lie far below the threshold but at the candidates.
struct head_buffers {
    static constexpr int Levels = 3;
    static constexpr int SegmentVectors = 1024;

    head_buffers(device& owner, int bins, int classes, int batch, int candidates, int kept)
        : params(params_of(bins, classes, batch))
        , pictures(owner, std::vector<yzc_picture>((size_t)batch, letterbox(YZC_BGR24, 1920, 1080, 640, 640)))
        , output(owner, maps(params, bins, classes, batch, candidates))
        , scratch(owner, params.decode.scratch_stride * (size_t)batch)
        , results(owner, (size_t)params.decode.result_stride * (size_t)batch)
    {
        params.kept = kept;
        params.decode.pictures = pictures.address;
        params.decode.output = output.address;
        params.decode.scratch = scratch.address;
        params.decode.results = results.address;
    }

    static int filled_up(int channels) { return (channels + 7) / 8 * 8; }

    static yzc_head_params params_of(int bins, int classes, int batch)
    {
        yzc_head_params params = {};
        params.batch = batch;
        params.level_count = Levels;
        params.bins = bins;
        params.logit_threshold = std::log(0.25f / 0.75f) - 1e-3f;
        yzc_decode_params& decode = params.decode;
        decode.class_count = classes;
        decode.segment_anchors = YZC_SCAN_THREADS;
        while (decode.segment_anchors > 32 && decode.segment_anchors * filled_up(classes) / 8 > SegmentVectors) {
            decode.segment_anchors /= 2;
        }

        int bytes = 0;
        for (int i = 0; i < Levels; i++) {
            int stride = 8 << i;
            yzc_head_level& level = params.levels[i];
            level.width = 640 / stride;
            level.cells = level.width * level.width;
            level.stride = stride;
            level.first_anchor = decode.anchors;
            level.first_segment = decode.segments;
            level.sides = bytes;
            bytes += 2 * level.cells * filled_up(4 * bins);
            level.scores = bytes;
            bytes += 2 * level.cells * filled_up(classes);
            decode.anchors += level.cells;
            decode.segments += (level.cells + decode.segment_anchors - 1) / decode.segment_anchors;
        }

        decode.scratch_stride = yzc_scratch_of(decode.anchors, decode.segments, decode.segment_anchors).bytes;
        decode.result_stride = result_stride(300);
        decode.score_threshold = 0.25f;
        decode.iou_threshold = 0.7f;
        decode.max_detections = 300;
        return params;
    }

    static std::vector<uint16_t> maps(const yzc_head_params& params, int bins, int classes, int batch, int candidates)
    {
        std::mt19937 random(9);
        auto unit = [&] { return (float)(random() >> 8) / 16777216.0f; };
        std::vector<uint16_t> values;
        for (int i = 0; i < Levels; i++) {
            int cells = params.levels[i].cells;
            for (int at = 0; at < batch * cells * filled_up(4 * bins); at++) {
                values.push_back(to_half(unit() * 4));
            }

            for (int cell = 0; cell < batch * cells; cell++) {
                int best = unit() < (float)candidates / (float)params.decode.anchors ? (int)(random() % (unsigned)classes) : -1;
                for (int channel = 0; channel < filled_up(classes); channel++) {
                    values.push_back(to_half(channel == best ? -1 + unit() * 4 : channel < classes ? -6 - unit() : 0));
                }
            }
        }

        return values;
    }

    yzc_head_params params;
    buffer pictures;
    buffer output;
    buffer scratch;
    buffer results;
};

void measure_head(device& device, const char* name, int bins, int classes, int batch, int candidates, int kept = 0)
{
    constexpr int Turns = 16;
    constexpr int Replays = 51;
    std::vector<std::unique_ptr<head_buffers>> sets;
    for (int i = 0; i < Turns; i++) {
        sets.push_back(std::make_unique<head_buffers>(device, bins, classes, batch, candidates, kept));
    }

    grid grid = scan_grid(sets[0]->params.decode, batch);
    auto issue = [&](int turn) {
        device.launch("yzc_scan_head_f16", grid, &sets[turn]->params);
        if (kept != 0) {
            device.launch("yzc_choose_pairs", suppress_grid(batch), &sets[turn]->params);
        } else {
            device.launch("yzc_suppress", suppress_grid(batch), &sets[turn]->params.decode);
        }
    };
    double both = device.time_graph(Turns, Replays, issue);
    double warm = device.time_graph(Turns, Replays, [&](int) { issue(0); });
    double scan = device.time_graph(Turns, Replays, [&](int turn) { device.launch("yzc_scan_head_f16", grid, &sets[turn]->params); });
    yzc_result_header header;
    device.download(&header, sets[0]->results.address, sizeof header);
    std::printf("%-28s head of %d bins, %d classes, batch %2d, %4d candidates, %3d kept: %7.2f us (scan %.2f), same buffers %.2f us\n", name, bins, classes, batch,
        header.candidates, header.count, both, scan, warm);
}

void measure_layer(device& device, const char* kernel, const char* name, int side, int channels, int batch, int window = 5, int strip = 1)
{
    // Inputs and results lie in one buffer of four times as many channels, as in SPPF.
    constexpr int Turns = 16;
    constexpr int Replays = 51;
    bool upsamples = std::string(kernel) == "yzc_upsample_f16";
    bool chain = std::string(kernel) == "yzc_max_pool_chain_f16";
    size_t bytes = (size_t)2 * batch * side * side * channels * 4 * (upsamples ? 4 : 1);
    std::vector<uint16_t> noise(bytes / 2);
    std::mt19937 random(3);
    for (uint16_t& value : noise) {
        value = (uint16_t)(random() & 0xBBFF);
    }

    std::vector<std::unique_ptr<buffer>> memory;
    std::vector<yzc_layer_params> params;
    for (int i = 0; i < Turns; i++) {
        memory.push_back(std::make_unique<buffer>(device, noise));
        uint64_t at = memory.back()->address;
        uint64_t range = 2 * (uint64_t)channels;
        int step = channels / 8 * 4;
        yzc_layer_params layer = {};
        layer.input = at;
        layer.output = at + range;
        layer.second = at + 2 * range;
        layer.third = at + 3 * range;
        layer.weights = layer.bias = at;
        layer.input_step = layer.second_step = layer.third_step = layer.output_step = step;
        layer.vectors = channels / 8;
        layer.height = layer.width = layer.output_height = layer.output_width = side;
        layer.kernel_height = layer.kernel_width = window;
        layer.stride_down = layer.stride_right = 1;
        layer.padding_top = layer.padding_left = window / 2;
        layer.options = std::string(kernel).find("depthwise") != std::string::npos ? YZC_SILU : 0;
        params.push_back(layer);
        if (upsamples) {
            // From the end of the block, which the result does not reach.
            params.back().output = at;
            params.back().output_step = channels / 8 * 2;
            params.back().input = at + bytes / 2;
            params.back().input_step = channels / 8;
        }
    }

    int vectors = (side + strip - 1) / strip * side * channels / 8;
    int tiles = (side + YZC_POOL_TILE - 1) / YZC_POOL_TILE;
    grid grid = chain ? ::grid { tiles * tiles, batch, channels / 8, YZC_LAYER_THREADS } : ::grid { (vectors + YZC_LAYER_THREADS - 1) / YZC_LAYER_THREADS, batch, 1, YZC_LAYER_THREADS };
    double cold = device.time_graph(Turns, Replays, [&](int turn) { device.launch(kernel, grid, &params[turn]); });
    double warm = device.time_graph(Turns, Replays, [&](int) { device.launch(kernel, grid, &params[0]); });
    std::printf("%-28s %dx%d, %d channels, batch %2d: %7.2f us, same buffers %7.2f us\n", name, side, side, channels, batch, cold, warm);
}

// Queries, keys and values lie in one buffer, as a network has them.
void measure_attention(device& device, int side, int areas, int heads, int key_channels, int value_channels, int batch)
{
    constexpr int Turns = 16;
    constexpr int Replays = 51;
    int channels = heads * (2 * key_channels + value_channels);
    std::vector<uint16_t> noise((size_t)batch * side * side * (channels + heads * value_channels));
    std::mt19937 random(3);
    for (uint16_t& value : noise) {
        value = to_half((float)(random() >> 8) / 16777216.0f - 0.5f);
    }

    std::vector<std::unique_ptr<buffer>> memory;
    std::vector<yzc_layer_params> params;
    for (int i = 0; i < Turns; i++) {
        memory.push_back(std::make_unique<buffer>(device, noise));
        yzc_layer_params layer = {};
        layer.input = memory.back()->address;
        layer.second = layer.input + (uint64_t)(2 * heads * key_channels);
        layer.third = layer.second + (uint64_t)(2 * heads * key_channels);
        layer.output = layer.input + (uint64_t)2 * batch * side * side * channels;
        layer.input_step = layer.second_step = layer.third_step = channels / 8;
        layer.output_step = heads * value_channels / 8;
        layer.vectors = value_channels / 8;
        layer.key_vectors = key_channels / 8;
        layer.height = layer.width = side;
        layer.areas = areas;
        layer.scale = 1 / std::sqrt((float)key_channels);
        params.push_back(layer);
    }

    int tiles = (side * side / areas + YZC_ATTENTION_QUERIES - 1) / YZC_ATTENTION_QUERIES;
    grid grid = { tiles * areas, batch, heads, YZC_ATTENTION_THREADS };
    double cold = device.time_graph(Turns, Replays, [&](int turn) { device.launch("yzc_attention_f16", grid, &params[turn]); });
    double warm = device.time_graph(Turns, Replays, [&](int) { device.launch("yzc_attention_f16", grid, &params[0]); });
    std::printf("attention %dx%d in %d areas, %d heads of %d and %d channels, batch %2d: %7.2f us, same buffers %7.2f us\n", side, side, areas, heads, key_channels,
        value_channels, batch, cold, warm);
}

}

void measure(device& device)
{
    for (int batch : { 1, 8, 32 }) {
        measure_preprocess(device, YZC_BGR24, 1920, 1080, batch, Float16Last, "Bgr24");
        measure_preprocess(device, YZC_NV12, 1920, 1080, batch, Float16Last, "Nv12");
        measure_head(device, "YOLO 640", 16, 80, batch, 300);
        measure_head(device, "YOLO 640", 16, 80, batch, 30);
        measure_head(device, "YOLO 640, one class", 16, 1, batch, 300);
        measure_head(device, "YOLO26 640, suppressed", 1, 80, batch, 300);
        measure_head(device, "YOLO26 640", 1, 80, batch, 100, 300);
        measure_head(device, "YOLO26 640, crowded", 1, 80, batch, 1000, 300);
        measure_layer(device, "yzc_max_pool_chain_f16", "three windows of 5", 20, 128, batch);
        measure_layer(device, "yzc_pool_f16", "one window of 5", 20, 128, batch);
        measure_layer(device, "yzc_upsample_f16", "upsampling", 20, 256, batch);
        measure_layer(device, "yzc_upsample_f16", "upsampling", 40, 128, batch);
        measure_layer(device, "yzc_copy_f16", "copy", 40, 128, batch);
        measure_layer(device, "yzc_add_f16", "sum", 40, 128, batch);
        measure_layer(device, "yzc_depthwise_3x3_f16", "depthwise 3x3", 80, 64, batch, 3, YZC_DEPTHWISE_STRIP);
        measure_layer(device, "yzc_depthwise_5x5_f16", "depthwise 5x5", 40, 128, batch, 5, YZC_DEPTHWISE_PAIR);
        measure_layer(device, "yzc_depthwise_7x7_f16", "depthwise 7x7", 20, 256, batch, 7, YZC_DEPTHWISE_PAIR);
        measure_layer(device, "yzc_depthwise_f16", "depthwise 3x3, any size's", 80, 64, batch, 3);
        measure_attention(device, 20, 1, 2, 32, 64, batch);
        measure_attention(device, 40, 4, 4, 32, 32, batch);
    }

    for (int batch : { 1, 8, 32 }) {
        measure_preprocess(device, YZC_BGR24, 1920, 1080, batch, Float16, "Bgr24");
    }

    for (int batch : { 1, 8 }) {
        measure_preprocess(device, YZC_BGR24, 1920, 1080, batch, Float32, "Bgr24");
        measure_preprocess(device, YZC_BGR24, 1280, 720, batch, Float16, "Bgr24 (2 rows, 2 cols)");
        measure_preprocess(device, YZC_BGR24, 1600, 900, batch, Float16, "Bgr24 (mixed weights)");
        measure_preprocess(device, YZC_BGR24, 3840, 2160, batch, Float16, "Bgr24");
        measure_preprocess(device, YZC_BGRA32, 1920, 1080, batch, Float16, "Bgra32");
        measure_preprocess(device, YZC_NV12, 1920, 1080, batch, Float16, "Nv12");
        measure_preprocess(device, YZC_P010, 1920, 1080, batch, Float16, "P010");
        measure_preprocess(device, YZC_P010, 1600, 900, batch, Float16, "P010 (mixed weights)");
        measure_preprocess(device, YZC_BGR_PLANAR, 1920, 1080, batch, Float16, "BgrPlanar");
        measure_preprocess(device, YZC_BGR_PLANAR, 1600, 900, batch, Float16, "BgrPlanar (mixed weights)");
        measure_preprocess(device, YZC_NV12, 1600, 900, batch, Float16, "Nv12 (mixed weights)");
        measure_preprocess(device, YZC_BAYER_RGGB8, 1920, 1080, batch, Float16, "BayerRggb8");
        measure_preprocess(device, YZC_BAYER_RGGB8, 1600, 900, batch, Float16, "BayerRggb8 (mixed)");
    }

    for (int batch : { 1, 8, 32 }) {
        measure_decode(device, "YOLO 640", ChannelsFirst, true, 8400, 80, batch, 300, 40);
    }

    for (int batch : { 1, 8 }) {
        measure_decode(device, "YOLO 640", ChannelsFirst, true, 8400, 80, batch, 30, 8);
        measure_decode(device, "YOLO 640, 1 of 80 classes", ChannelsFirst, true, 8400, 80, batch, 300, 40, 80);
        measure_decode(device, "YOLO 640, one class", ChannelsFirst, true, 8400, 1, batch, 300, 40);
        measure_decode(device, "YOLO 640", ChannelsFirst, false, 8400, 80, batch, 300, 40);
        measure_decode(device, "YOLOv5 640", AnchorsFirst, true, 25200, 80, batch, 300, 40);
        measure_decode(device, "end to end", EndToEnd, true, 300, 80, batch, 100, 40);
    }

    measure_decode(device, "crowded", ChannelsFirst, true, 8400, 80, 1, 1000, 40);
    measure_decode(device, "crowded, one class", ChannelsFirst, true, 8400, 1, 1, 3000, 40);
    measure_decode(device, "everything, cut", ChannelsFirst, true, 8400, 80, 1, 8400, 40);
}
