// Compares with what the C# code gave: folders of files written by KernelGoldenTests (YZC_DUMP_KERNEL_GOLDEN). Little-endian, packed:
// preprocess_*.bin: "YZCP", pictures, input width, input height, element type (0 float, 1 half, 2 byte); for each picture yzc_picture (frame and
// chroma hold offsets into                   the frame), frame bytes, the frame; then the batch's tensor.
// decode_*.bin:     "YZCD", pictures, layout (0 [4 + C, A], 1 [A, 5 + C], 2 [K, 6]), element type; yzc_decode_params without addresses; yzc_picture
// for each; the batch's                   output; for each picture yzc_result_header (only count, status, wrong anchor, element and value count) and
// its detections.
#include <cstdio>
#include "launches.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace {

class reader {
public:
    explicit reader(const std::filesystem::path& path)
    {
        std::ifstream file(path, std::ios::binary);
        data.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
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

    size_t bytes = (size_t)3 * width * height * element_bytes(type) * count;
    const uint8_t* wanted = file.take(bytes);
    buffer descriptors(device, pictures);
    buffer tensor(device, bytes);
    tensor.fill(0xCD);
    yzc_preprocess_params params = { descriptors.address, tensor.address, width, height };
    device.launch(preprocess_kernel(type), preprocess_grid(width, height, count), &params);
    std::vector<uint8_t> got = tensor.read<uint8_t>();
    tally.add(file.ended() && std::memcmp(got.data(), wanted, bytes) == 0, name);
}

void check_decode_file(device& device, reader& file, const std::string& name, tally& tally)
{
    int count = file.get<int>();
    auto layout = (output_layout)file.get<int>();
    auto type = (element_type)file.get<int>();
    yzc_decode_params params = file.get<yzc_decode_params>();
    std::vector<yzc_picture> pictures;
    for (int i = 0; i < count; i++) {
        pictures.push_back(file.get<yzc_picture>());
    }

    size_t bytes = (size_t)count * params.anchors * columns_of(layout, params.class_count) * element_bytes(type);
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
    device.launch(scan_kernel(layout, type == Float16), scan_grid(params, count), &params);
    device.launch("yzc_suppress", suppress_grid(count), &params);
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
        } else {
            tally.add(false, name + " is no golden file");
        }
    }
}
