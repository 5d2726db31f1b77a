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
    size_t tensor_bytes = (size_t)3 * 640 * 640 * element_bytes(type) * batch;
    buffer tensor(device, tensor_bytes * Turns);
    grid grid = preprocess_grid(640, 640, batch);
    auto issue = [&](int turn, bool warm) {
        int at = warm ? 0 : turn;
        yzc_preprocess_params params = { descriptors.address + sizeof(yzc_picture) * batch * at, tensor.address + tensor_bytes * at, 640, 640 };
        device.launch(preprocess_kernel(type), grid, &params);
    };
    double cold = device.time_graph(Turns, Replays, [&](int turn) { issue(turn, false); });
    double warm = device.time_graph(Turns, Replays, [&](int turn) { issue(turn, true); });
    std::printf("%-22s %4dx%-4d -> 640x640 %s batch %2d: %7.2f us, same buffers %7.2f us\n", name, width, height, type == Float32 ? "f32" : type == Float16 ? "f16" : "u8 ", batch, cold, warm);
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

void measure(device& device)
{
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
