// Preprocessing against a plain reference: whole frame to RGB, then columns, then rows, with OpenCV's fixed-point arithmetic. Equal to the byte.
#include <cstdio>
#include "launches.h"

#include <cstring>
#include <random>

namespace {

using bytes = std::vector<uint8_t>;

struct pixel {
    int channel[3];
};

int neighbour(int position, int size) { return size == 1 ? 0 : position < 0 ? 1 : position >= size ? size - 2 : position; }
int inner(int position, int size) { return size < 3 ? position : std::clamp(position, 1, size - 2); }

// Which colour a mosaic has at a place: 0 red, 1 green, 2 blue.
int mosaic_colour(int format, int x, int y)
{
    static const char* const patterns[] = { "RGGB", "BGGR", "GRBG", "GBRG" };
    char colour = patterns[format - YZC_BAYER_RGGB8][(y & 1) * 2 + (x & 1)];
    return colour == 'R' ? 0 : colour == 'G' ? 1 : 2;
}

pixel demosaic(const yzc_picture& p, const bytes& frame, int x, int y)
{
    int cx = inner(x, p.frame_width);
    int cy = inner(y, p.frame_height);
    auto at = [&](int dx, int dy) { return (int)frame[(size_t)neighbour(cy + dy, p.frame_height) * p.stride + neighbour(cx + dx, p.frame_width)]; };
    int own = mosaic_colour(p.pixel_format, cx, cy);
    pixel result = {};
    if (own != 1) {
        result.channel[own] = at(0, 0);
        result.channel[1] = (at(0, -1) + at(0, 1) + at(-1, 0) + at(1, 0) + 2) / 4;
        result.channel[2 - own] = (at(-1, -1) + at(1, -1) + at(-1, 1) + at(1, 1) + 2) / 4;
        return result;
    }

    // Green: the row's colour lies to the sides, the other one above and below.
    int sides = mosaic_colour(p.pixel_format, cx + 1, cy);
    result.channel[1] = at(0, 0);
    result.channel[sides] = (at(-1, 0) + at(1, 0) + 1) / 2;
    result.channel[2 - sides] = (at(0, -1) + at(0, 1) + 1) / 2;
    return result;
}

pixel rgb_at(const yzc_picture& p, const bytes& frame, int x, int y)
{
    size_t row = (size_t)y * p.stride;
    switch (p.pixel_format) {
    case YZC_BGR24:
    case YZC_BGRA32: {
        size_t at = row + (size_t)x * bytes_per_pixel(p.pixel_format);
        return { { frame[at + 2], frame[at + 1], frame[at] } };
    }
    case YZC_RGB24:
    case YZC_RGBA32: {
        size_t at = row + (size_t)x * bytes_per_pixel(p.pixel_format);
        return { { frame[at], frame[at + 1], frame[at + 2] } };
    }
    case YZC_GRAY8:
        return { { frame[row + x], frame[row + x], frame[row + x] } };
    case YZC_NV12: {
        size_t chroma = (size_t)p.frame_height * p.stride + (size_t)(y / 2) * p.stride + (x / 2) * 2;
        int cb = frame[chroma] - 128;
        int cr = frame[chroma + 1] - 128;
        int light = std::max(frame[row + x] - p.black, 0) * p.luma;
        auto level = [](int value) { return std::clamp((int)std::floor((value + 524288) / 1048576.0), 0, 255); };
        return { { level(light + cr * p.red_cr), level(light + cb * p.green_cb + cr * p.green_cr), level(light + cb * p.blue_cb) } };
    }
    case YZC_P010: {
        auto sample = [&](size_t at) { return (frame[at] | frame[at + 1] << 8) >> 6; };
        size_t chroma = (size_t)p.frame_height * p.stride + (size_t)(y / 2) * p.stride + (x / 2) * 4;
        int64_t cb = sample(chroma) - 512;
        int64_t cr = sample(chroma + 2) - 512;
        int64_t light = (int64_t)std::max(sample(row + 2 * x) - p.black, 0) * p.luma;
        auto level = [](int64_t value) { return std::clamp((int)std::floor((value + 2097152) / 4194304.0), 0, 255); };
        return { { level(light + cr * p.red_cr), level(light + cb * p.green_cb + cr * p.green_cr), level(light + cb * p.blue_cb) } };
    }
    case YZC_BGR_PLANAR:
    case YZC_RGB_PLANAR: {
        size_t plane = (size_t)p.frame_height * p.stride;
        pixel planes = { { frame[row + x], frame[row + plane + x], frame[row + 2 * plane + x] } };
        return p.pixel_format == YZC_RGB_PLANAR ? planes : pixel { { planes.channel[2], planes.channel[1], planes.channel[0] } };
    }
    default:
        return demosaic(p, frame, x, y);
    }
}

struct location {
    int first, first_weight, second_weight;
};

location locate(int index, double scale)
{
    float coordinate = (float)((index + 0.5) * scale - 0.5);
    float first = std::floor(coordinate);
    float fraction = coordinate - first;
    return { (int)first, (int)std::nearbyint((1 - fraction) * 2048), (int)std::nearbyint(fraction * 2048) };
}

void write_level(bytes& tensor, size_t index, int level, element_type type)
{
    float value = (float)level / 255.0f;
    if (type == UInt8) {
        tensor[index] = (uint8_t)level;
    } else if (type == Float32) {
        std::memcpy(&tensor[4 * index], &value, 4);
    } else {
        // To nearest, ties to even, by search: no half is closer.
        uint16_t half = 0;
        if (level > 0) {
            int exponent = std::ilogb(value);
            half = (uint16_t)(((exponent + 14) << 10) + (int)std::nearbyint(std::ldexp(value, 10 - exponent)));
        }

        std::memcpy(&tensor[2 * index], &half, 2);
    }
}

void reference(const yzc_picture& p, const bytes& frame, int width, int height, element_type type, bytes& tensor, size_t first)
{
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            int column = x - p.left;
            int row = y - p.top;
            int levels[3] = { 114, 114, 114 };
            if (column >= 0 && column < p.resized_width && row >= 0 && row < p.resized_height) {
                location across = locate(column, p.scale_x);
                location down = locate(row, p.scale_y);
                if (across.first < 0 || across.first >= p.frame_width - 1) {
                    across = { std::clamp(across.first, 0, p.frame_width - 1), 2048, 0 };
                }

                int x0 = across.first;
                int x1 = std::min(x0 + 1, p.frame_width - 1);
                int y0 = std::clamp(down.first, 0, p.frame_height - 1);
                int y1 = std::clamp(down.first + 1, 0, p.frame_height - 1);
                pixel a = rgb_at(p, frame, x0, y0), b = rgb_at(p, frame, x1, y0), c = rgb_at(p, frame, x0, y1), d = rgb_at(p, frame, x1, y1);
                for (int i = 0; i < 3; i++) {
                    int upper = (a.channel[i] * across.first_weight + b.channel[i] * across.second_weight) / 16;
                    int lower = (c.channel[i] * across.first_weight + d.channel[i] * across.second_weight) / 16;
                    levels[i] = (upper * down.first_weight / 65536 + lower * down.second_weight / 65536 + 2) / 4;
                }
            }

            for (int i = 0; i < 3; i++) {
                write_level(tensor, first + ((size_t)i * height + y) * width + x, levels[i], type);
            }
        }
    }
}

// BT.601 limited (OpenCV's factors), BT.601 full, BT.709 limited, BT.709 full; of samples of 10 bits black is four times as high and full range 1,023.
void set_colour(yzc_picture& p, int colour)
{
    static const int factors[6][6] = {
        { 16, 1220542, 1673527, -409993, -852492, 2116026 },
        { 0, 1048576, 1470104, -360853, -748826, 1858077 },
        { 16, 1220945, 1879825, -223607, -558796, 2215014 },
        { 0, 1048576, 1651297, -196424, -490864, 1945738 },
        { 0, 1045501, 1465792, -359795, -746630, 1852628 },
        { 0, 1045501, 1646455, -195848, -489424, 1940032 },
    };
    bool ten_bits = p.pixel_format == YZC_P010;
    colour = ten_bits && colour % 2 == 1 ? 4 + colour / 2 : colour;
    p.black = factors[colour][0] * (ten_bits ? 4 : 1);
    p.luma = factors[colour][1];
    p.red_cr = factors[colour][2];
    p.green_cb = factors[colour][3];
    p.green_cr = factors[colour][4];
    p.blue_cb = factors[colour][5];
}

// Noise with many of the lowest and highest levels.
void fill(bytes& frame, std::mt19937& random)
{
    uint64_t state = random() | 1;
    for (uint8_t& value : frame) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value = (uint8_t)((state & 7 << 20) == 0 ? (state >> 32 & 1) * 255 : state >> 24);
    }
}

struct frame_size {
    int width, height, padding;
};

// Frames of noise on the device; the pictures get their addresses.
std::vector<std::unique_ptr<buffer>> upload_noise(device& device, std::mt19937& random, std::vector<yzc_picture>& pictures)
{
    std::vector<std::unique_ptr<buffer>> frames;
    for (yzc_picture& picture : pictures) {
        bytes frame(frame_bytes(picture));
        fill(frame, random);
        frames.push_back(std::make_unique<buffer>(device, frame));
        picture.frame = frames.back()->address;
        picture.chroma = picture.frame + (uint64_t)picture.frame_height * picture.stride;
    }

    return frames;
}

void run_batch(device& device, tally& tally, std::mt19937& random, int width, int height, element_type type, std::vector<yzc_picture> pictures, const std::string& what)
{
    std::vector<std::unique_ptr<buffer>> frames;
    size_t elements = (size_t)3 * width * height;
    bytes wanted(pictures.size() * elements * element_bytes(type));
    for (size_t i = 0; i < pictures.size(); i++) {
        // Exactly as long as the frame: one byte read beyond it is found by a memory checker. The address may be odd, but for words.
        size_t shift = i % 3 * sample_bytes(pictures[i].pixel_format);
        bytes frame(frame_bytes(pictures[i]));
        fill(frame, random);

        reference(pictures[i], frame, width, height, type, wanted, i * elements);
        frames.push_back(std::make_unique<buffer>(device, frame.size() + shift));
        device.upload(frames.back()->address + shift, frame.data(), frame.size());
        pictures[i].frame = frames.back()->address + shift;
        pictures[i].chroma = is_yuv(pictures[i].pixel_format) ? pictures[i].frame + (uint64_t)pictures[i].frame_height * pictures[i].stride : 0;
    }

    buffer descriptors(device, pictures);
    buffer tensor(device, wanted.size());
    tensor.fill(0xCD);
    yzc_preprocess_params params = { descriptors.address, tensor.address, width, height };
    device.launch(preprocess_kernel(type), preprocess_grid(width, height, (int)pictures.size()), &params);
    bytes got = tensor.read<uint8_t>();
    size_t different = 0, first = 0;
    for (size_t i = 0; i < got.size(); i++) {
        if (got[i] != wanted[i] && different++ == 0) {
            first = i;
        }
    }

    tally.add(different == 0, what + ": " + std::to_string(different) + " bytes differ, the first at " + std::to_string(first));
}

// The tensor that yzc_preprocess_f16_last makes, convolved in double precision, against both in one.
void run_stem(device& device, tally& tally, std::mt19937& random, int width, int height, int channels, bool silu, std::vector<yzc_picture> pictures, const std::string& what)
{
    int count = (int)pictures.size();
    int output_width = (width - 1) / 2 + 1;
    int output_height = (height - 1) / 2 + 1;
    int step = channels + 8;    // A buffer with others' channels beside.
    std::vector<std::unique_ptr<buffer>> frames = upload_noise(device, random, pictures);
    std::vector<uint16_t> weights((size_t)channels * 36), bias((size_t)channels);
    for (size_t i = 0; i < weights.size(); i++) {
        weights[i] = i % 4 == 3 ? (uint16_t)0 : random_half(random, -5, -1);
    }

    for (uint16_t& value : bias) {
        value = random_half(random, -4, 0);
    }

    buffer descriptors(device, pictures), device_weights(device, weights), device_bias(device, bias);
    buffer tensor(device, (size_t)count * width * height * 8), output(device, (size_t)count * output_width * output_height * step * 2);
    output.fill(0xCD);
    yzc_preprocess_params preprocess = { descriptors.address, tensor.address, width, height };
    device.launch("yzc_preprocess_f16_last", preprocess_grid(width, height, count), &preprocess);
    yzc_layer_params params = {};
    params.input = descriptors.address;
    params.output = output.address;
    params.weights = device_weights.address;
    params.bias = device_bias.address;
    params.output_step = step / 8;
    params.vectors = channels / 8;
    params.width = width;
    params.height = height;
    params.output_width = output_width;
    params.output_height = output_height;
    params.options = silu ? YZC_SILU : 0;
    auto tiles = [](int size, int tile) { return (size + tile - 1) / tile; };
    grid grid = { tiles(output_width, YZC_STEM_COLUMNS), tiles(output_height, YZC_STEM_ROWS), count, YZC_STEM_THREADS };
    device.launch("yzc_stem_f16", grid, &params);
    std::vector<uint16_t> pixels = tensor.read<uint16_t>(), got = output.read<uint16_t>();
    std::vector<float> levels(pixels.size()), factors(weights.size());
    std::transform(pixels.begin(), pixels.end(), levels.begin(), to_float);
    std::transform(weights.begin(), weights.end(), factors.begin(), to_float);
    size_t different = 0, touched = 0;
    for (int picture = 0; picture < count; picture++) {
        for (int y = 0; y < output_height; y++) {
            for (int x = 0; x < output_width; x++) {
                const uint16_t* cell = &got[(((size_t)picture * output_height + y) * output_width + x) * step];
                for (int channel = 0; channel < channels; channel++) {
                    double sum = to_float(bias[channel]);
                    for (int k = 0; k < 9; k++) {
                        int from_y = 2 * y - 1 + k / 3, from_x = 2 * x - 1 + k % 3;
                        if (from_y >= 0 && from_y < height && from_x >= 0 && from_x < width) {
                            const float* level = &levels[(((size_t)picture * height + from_y) * width + from_x) * 4];
                            const float* factor = &factors[(size_t)channel * 36 + k * 4];
                            sum += (double)level[0] * factor[0] + (double)level[1] * factor[1] + (double)level[2] * factor[2];
                        }
                    }

                    double wanted = silu ? sum / (1 + std::exp(-sum)) : sum;

                    // Half a unit of the last place for rounding, and what a sum of 28 floats, an exponential and a reciprocal may be off.
                    double unit = std::ldexp(1.0, std::max(std::ilogb(wanted), -14) - 10);
                    different += !(std::abs(to_float(cell[channel]) - wanted) <= 0.51 * unit + 4e-6);
                }

                touched += std::count(cell + channels, cell + step, 0xCDCD) != 8;
            }
        }
    }

    tally.add(different == 0 && touched == 0, what + ": " + std::to_string(different) + " halves differ, " + std::to_string(touched) + " beside them were written");
}

void check_stem(device& device, const options& options, tally& tally, std::mt19937& random)
{
    std::vector<std::pair<int, int>> inputs = options.quick ? std::vector<std::pair<int, int>> { { 160, 64 }, { 33, 47 }, { 2, 1 } }
                                                            : std::vector<std::pair<int, int>> { { 640, 640 }, { 416, 320 }, { 33, 47 }, { 2, 1 } };
    for (auto [width, height] : inputs) {
        for (int channels : { 16, 48, 80 }) {
            if (channels > 16 && (options.quick ? width == 160 : width == 640)) {
                continue;
            }

            std::vector<yzc_picture> pictures;
            for (int format = YZC_BGR24; format <= YZC_RGB_PLANAR; format++) {
                // One is enlarged, one exactly halved, the others are not.
                int times = format % 3;
                yzc_picture picture = letterbox(format, times == 0 ? 17 : times * width, times == 0 ? 29 : times * height, width, height);
                picture.stride = row_bytes(format, picture.frame_width) + 2 * format;
                set_colour(picture, format % 4);
                pictures.push_back(picture);
                if (format == YZC_NV12 && times != 2) {
                    picture = letterbox(format, 2 * width, 2 * height, width, height);
                    picture.stride = row_bytes(format, picture.frame_width);
                    set_colour(picture, 2);
                    pictures.push_back(picture);
                }
            }

            // Tiles that see nothing but padding.
            yzc_picture wide = letterbox(YZC_RGB24, 2 * width, height / 4 + 1, width, height);
            wide.stride = row_bytes(YZC_RGB24, wide.frame_width);
            pictures.push_back(wide);
            run_stem(device, tally, random, width, height, channels, channels != 48, pictures,
                "stem " + std::to_string(width) + "x" + std::to_string(height) + " to " + std::to_string(channels) + " channels");
        }
    }
}

}

void check_preprocess(device& device, const options& options, tally& tally)
{
    std::mt19937 random(20260301);
    const std::vector<frame_size> small = { { 1, 1, 0 }, { 2, 1, 3 }, { 1, 2, 0 }, { 2, 2, 0 }, { 3, 3, 1 }, { 17, 5, 7 }, { 33, 61, 0 }, { 64, 48, 16 }, { 97, 31, 5 } };
    std::vector<std::pair<int, int>> inputs = options.quick ? std::vector<std::pair<int, int>> { { 64, 64 }, { 33, 47 } } : std::vector<std::pair<int, int>> { { 640, 640 }, { 416, 320 }, { 33, 47 } };
    for (auto [width, height] : inputs) {
        for (element_type type : { Float32, Float16, UInt8 }) {
            std::vector<frame_size> sizes = small;
            if (width == 640) {
                sizes.insert(sizes.end(), { { 640, 480, 0 }, { 1279, 719, 1 }, { 301, 1999, 0 } });
            }

            if (width == 640 && type == Float16) {
                sizes.insert(sizes.end(), { { 1280, 720, 0 }, { 1920, 1080, 64 }, { 3840, 2160, 0 } });
            }

            // One batch for each format with every size, and one of everything mixed.
            std::vector<yzc_picture> mixed;
            for (int format = YZC_BGR24; format <= YZC_RGB_PLANAR; format++) {
                std::vector<yzc_picture> pictures;
                for (size_t i = 0; i < sizes.size(); i++) {
                    yzc_picture picture = letterbox(format, sizes[i].width, sizes[i].height, width, height);
                    picture.stride = row_bytes(format, sizes[i].width) + sizes[i].padding * sample_bytes(format);
                    set_colour(picture, (int)(i % 4));
                    pictures.push_back(picture);
                }

                mixed.push_back(pictures[(size_t)format % pictures.size()]);
                run_batch(device, tally, random, width, height, type, pictures,
                    "preprocess format " + std::to_string(format) + " to " + std::to_string(width) + "x" + std::to_string(height) + " type " + std::to_string(type));
            }

            run_batch(device, tally, random, width, height, type, mixed, "preprocess mixed batch type " + std::to_string(type));
        }
    }

    check_stem(device, options, tally, random);
}
