// Compares with what the C# code gave: folders of files written by KernelGoldenTests (YZC_DUMP_KERNEL_GOLDEN). Little-endian, packed:
// preprocess_*.bin: "YZCP", pictures, input width, input height, element type (0 float, 1 half, 2 byte); for each picture yzc_picture (frame and
// chroma hold offsets into                   the frame), frame bytes, the frame; then the batch's tensor.
//                   An element type of 3: halves, channels last.
// head_*.bin:       "YZCH", pictures; yzc_head_params without addresses; yzc_picture for each; bytes of the batch's maps, the maps; results as below.
// layer_*.bin:      "YZCL", the kernel's name in 32 bytes, its grid in three dimensions and threads; yzc_layer_params, whose addresses are places in
//                   a block of memory; how far a half may lie from the wanted one, absolutely, and whether beyond that by a unit of its last place;
//                   bytes of the block, what it holds before, and what after. What is as before is that exactly.
// decode_*.bin:     "YZCD", pictures, layout (0 [4 + C, A], 1 [A, 5 + C], 2 [K, 6]), element type; yzc_decode_params without addresses; yzc_picture
// for each; the batch's                   output; for each picture yzc_result_header (only count, status, wrong anchor, element and value count) and
// its detections.
#include <cstdio>
#include "launches.h"

#include <cstring>
#include <filesystem>
#include <fstream>

namespace {

class reader {
public:
    explicit reader(const std::filesystem::path& path)
    {
        std::ifstream file(path, std::ios::binary);
        data.resize((size_t)std::filesystem::file_size(path));
        file.read(data.data(), (std::streamsize)data.size());
    }

    const uint8_t* take(size_t bytes)
    {
        if (bytes > data.size() - at) {
            std::fprintf(stderr, "a golden file ends early\n");
            std::exit(3);
        }

        at += bytes;
        return (const uint8_t*)data.data() + at - bytes;
    }

    template <class T>
    T get()
    {
        T value;
        std::memcpy(&value, take(sizeof value), sizeof value);
        return value;
    }

    bool ended() const { return at == data.size(); }

private:
    std::vector<char> data;
    size_t at = 0;
};

void check_preprocess_file(device& device, reader& file, const std::string& name, tally& tally)
{
    int count = file.get<int>();
    int width = file.get<int>();
    int height = file.get<int>();
    auto type = (element_type)file.get<int>();
    std::vector<yzc_picture> pictures;
    std::vector<std::unique_ptr<buffer>> frames;
    for (int i = 0; i < count; i++) {
        yzc_picture picture = file.get<yzc_picture>();
        int bytes = file.get<int>();
        frames.push_back(std::make_unique<buffer>(device, (size_t)bytes));
        device.upload(frames.back()->address, file.take((size_t)bytes), (size_t)bytes);
        picture.frame += frames.back()->address;
        picture.chroma += frames.back()->address;
        pictures.push_back(picture);
    }

    size_t bytes = (size_t)pixel_bytes(type) * width * height * count;
    const uint8_t* wanted = file.take(bytes);
    buffer descriptors(device, pictures);
    buffer tensor(device, bytes);
    tensor.fill(0xCD);
    yzc_preprocess_params params = { descriptors.address, tensor.address, width, height };
    device.launch(preprocess_kernel(type), preprocess_grid(width, height, count), &params);
    std::vector<uint8_t> got = tensor.read<uint8_t>();
    tally.add(file.ended() && std::memcmp(got.data(), wanted, bytes) == 0, name);
}

std::vector<yzc_picture> read_pictures(reader& file, int count)
{
    std::vector<yzc_picture> pictures;
    for (int i = 0; i < count; i++) {
        pictures.push_back(file.get<yzc_picture>());
    }

    return pictures;
}

// Decodes the output that comes next in the file and compares with the results behind it.
template <class Launch>
void check_results(
    device& device, reader& file, const std::string& name, tally& tally, int count, const std::vector<yzc_picture>& pictures, size_t bytes, yzc_decode_params params, Launch launch)
{
    buffer descriptors(device, pictures);
    buffer output(device, bytes);
    device.upload(output.address, file.take(bytes), bytes);
    buffer scratch(device, params.scratch_stride * count);
    buffer results(device, (size_t)params.result_stride * count);
    scratch.fill(0xA5);
    results.fill(0xA5);
    params.pictures = descriptors.address;
    params.output = output.address;
    params.scratch = scratch.address;
    params.results = results.address;
    launch(params);
    std::vector<uint8_t> got = results.read<uint8_t>();
    for (int i = 0; i < count; i++) {
        auto wanted = file.get<yzc_result_header>();
        const uint8_t* detections = file.take(wanted.count * sizeof(yzc_detection));
        yzc_result_header header;
        const uint8_t* at = &got[(size_t)i * params.result_stride];
        std::memcpy(&header, at, sizeof header);
        bool same = header.count == wanted.count && header.status == wanted.status && header.wrong_anchor == wanted.wrong_anchor
            && header.wrong_element == wanted.wrong_element && header.wrong_value == wanted.wrong_value;
        tally.add(same && std::memcmp(at + sizeof header, detections, wanted.count * sizeof(yzc_detection)) == 0,
            name + " picture " + std::to_string(i) + ": count " + std::to_string(header.count) + " of " + std::to_string(wanted.count));
    }

    tally.add(file.ended(), name + " has more bytes than it should");
}

void check_decode_file(device& device, reader& file, const std::string& name, tally& tally)
{
    int count = file.get<int>();
    auto layout = (output_layout)file.get<int>();
    auto type = (element_type)file.get<int>();
    yzc_decode_params params = file.get<yzc_decode_params>();
    std::vector<yzc_picture> pictures = read_pictures(file, count);
    size_t bytes = (size_t)count * params.anchors * columns_of(layout, params.class_count) * element_bytes(type);
    check_results(device, file, name, tally, count, pictures, bytes, params, [&](yzc_decode_params& all) {
        device.launch(scan_kernel(layout, type == Float16), scan_grid(all, count), &all);
        device.launch("yzc_suppress", suppress_grid(count), &all);
    });
}

void check_head_file(device& device, reader& file, const std::string& name, tally& tally)
{
    int count = file.get<int>();
    yzc_head_params params = file.get<yzc_head_params>();
    std::vector<yzc_picture> pictures = read_pictures(file, count);
    size_t bytes = (size_t)file.get<int>();
    check_results(device, file, name, tally, count, pictures, bytes, params.decode, [&](yzc_decode_params& all) {
        params.decode = all;
        device.launch(params.levels[0].boxes != 0 ? "yzc_scan_anchor_boxes_f16" : "yzc_scan_head_f16", scan_grid(all, count), &params);
        if (params.kept != 0) {
            device.launch("yzc_choose_pairs", suppress_grid(count), &params);
        } else {
            device.launch("yzc_suppress", suppress_grid(count), &all);
        }
    });
}

double value_of(uint16_t half)
{
    int exponent = half >> 10 & 31;
    double fraction = half & 0x3FF;
    double magnitude = exponent == 31 ? (fraction == 0 ? INFINITY : NAN) : exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
    return half & 0x8000 ? -magnitude : magnitude;
}

bool is_close(uint16_t got, uint16_t want, float tolerance, bool rounds)
{
    double wanted = value_of(want);
    double unit = std::ldexp(1, std::max(std::ilogb(wanted == 0 ? 1e-9 : std::fabs(wanted)), -14) - 10);
    return std::fabs(value_of(got) - wanted) <= tolerance + (rounds ? unit * 1.001 : 0);
}

void check_layer_file(device& device, reader& file, const std::string& name, tally& tally)
{
    std::string kernel((const char*)file.take(32), 32);
    grid grid = file.get<struct grid>();
    yzc_layer_params params = file.get<yzc_layer_params>();
    float tolerance = file.get<float>();
    bool rounds = file.get<int>() != 0;
    size_t bytes = (size_t)file.get<int>();
    buffer memory(device, bytes);
    const uint8_t* before = file.take(bytes);
    device.upload(memory.address, before, bytes);
    params.input += memory.address;
    params.second += memory.address;
    params.output += memory.address;
    params.third += memory.address;
    params.weights += memory.address;
    params.bias += memory.address;
    device.launch(kernel.c_str(), grid, &params);
    std::vector<uint16_t> got = memory.read<uint16_t>();
    const uint8_t* wanted = file.take(bytes);
    size_t wrong = 0;
    size_t first = 0;
    for (size_t i = got.size(); i-- > 0;) {
        uint16_t want;
        std::memcpy(&want, wanted + 2 * i, 2);
        bool may_differ = (rounds || tolerance > 0) && std::memcmp(before + 2 * i, &want, 2) != 0;
        if (got[i] != want && !(may_differ && is_close(got[i], want, tolerance, rounds))) {
            wrong++;
            first = i;
        }
    }

    tally.add(file.ended() && wrong == 0, name + ": " + std::to_string(wrong) + " halves differ, the first at " + std::to_string(first));
}

}

void check_golden(device& device, const options& options, tally& tally)
{
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(options.golden)) {
        paths.push_back(entry.path());
    }

    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
        reader file(path);
        std::string magic((const char*)file.take(4), 4);
        std::string name = path.filename().string();
        if (magic == "YZCP") {
            check_preprocess_file(device, file, name, tally);
        } else if (magic == "YZCD") {
            check_decode_file(device, file, name, tally);
        } else if (magic == "YZCH") {
            check_head_file(device, file, name, tally);
        } else if (magic == "YZCL") {
            check_layer_file(device, file, name, tally);
        } else {
            tally.add(false, name + " is no golden file");
        }
    }
}
