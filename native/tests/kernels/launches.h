// The host's side of a launch, as src/YoloZeroCopy/Kernels computes it.
#pragma once

#include "../../kernels/yzc_kernels.h"
#include "device.h"

#include <algorithm>
#include <cmath>
#include <random>

enum element_type { Float32, Float16, UInt8, Float16Last };
enum output_layout { ChannelsFirst, AnchorsFirst, EndToEnd };

inline const char* preprocess_kernel(element_type type)
{
    return type == Float32 ? "yzc_preprocess_f32" : type == Float16 ? "yzc_preprocess_f16" : type == UInt8 ? "yzc_preprocess_u8" : "yzc_preprocess_f16_last";
}

inline int element_bytes(element_type type) { return type == Float32 ? 4 : type == UInt8 ? 1 : 2; }

// Bytes of an input's pixel.
inline int pixel_bytes(element_type type) { return type == Float16Last ? 8 : 3 * element_bytes(type); }

inline grid preprocess_grid(int width, int height, int pictures)
{
    int columns = 32 * YZC_PREPROCESS_PIXELS;
    return { (width + columns - 1) / columns, (height + YZC_PREPROCESS_ROWS - 1) / YZC_PREPROCESS_ROWS, pictures, YZC_PREPROCESS_THREADS };
}

inline const char* scan_kernel(output_layout layout, bool half)
{
    switch (layout) {
    case ChannelsFirst:
        return half ? "yzc_scan_channels_f16" : "yzc_scan_channels_f32";
    case AnchorsFirst:
        return half ? "yzc_scan_anchors_f16" : "yzc_scan_anchors_f32";
    default:
        return half ? "yzc_scan_finished_f16" : "yzc_scan_finished_f32";
    }
}

inline int segment_anchors(output_layout layout, bool half)
{
    return layout == ChannelsFirst ? 32 * (half ? 8 : 4) : layout == AnchorsFirst ? (int)YZC_SCAN_ROWS : (int)YZC_SCAN_THREADS;
}

inline int columns_of(output_layout layout, int classes) { return layout == ChannelsFirst ? 4 + classes : layout == AnchorsFirst ? 5 + classes : 6; }

inline uint32_t result_stride(int max_detections) { return (uint32_t)((sizeof(yzc_result_header) + sizeof(yzc_detection) * max_detections + 31) / 32 * 32); }

inline grid scan_grid(const yzc_decode_params& params, int pictures) { return { params.segments, pictures, 1, YZC_SCAN_THREADS }; }
inline grid suppress_grid(int pictures) { return { pictures, 1, 1, YZC_SUPPRESS_THREADS }; }

// Where a frame lies in the input: aspect kept, centred, as the C# Letterbox.
inline yzc_picture letterbox(int format, int width, int height, int input_width, int input_height)
{
    yzc_picture picture = {};
    double gain = std::min((double)input_height / height, (double)input_width / width);
    picture.pixel_format = format;
    picture.frame_width = width;
    picture.frame_height = height;
    picture.resized_width = std::clamp((int)std::nearbyint(width * gain), 1, input_width);
    picture.resized_height = std::clamp((int)std::nearbyint(height * gain), 1, input_height);
    picture.left = (int)std::nearbyint((input_width - picture.resized_width) / 2.0 - 0.1);
    picture.top = (int)std::nearbyint((input_height - picture.resized_height) / 2.0 - 0.1);
    picture.gain = (float)gain;
    picture.scale_x = 1.0 / ((double)picture.resized_width / width);
    picture.scale_y = 1.0 / ((double)picture.resized_height / height);
    return picture;
}

inline int bytes_per_pixel(int format) { return format <= YZC_RGB24 ? 3 : format <= YZC_RGBA32 ? 4 : 1; }
inline bool is_yuv(int format) { return format == YZC_NV12 || format == YZC_P010; }
inline bool is_planar(int format) { return format == YZC_BGR_PLANAR || format == YZC_RGB_PLANAR; }
inline int sample_bytes(int format) { return format == YZC_P010 ? 2 : 1; }
inline int row_bytes(int format, int width) { return is_yuv(format) ? sample_bytes(format) * ((width + 1) & ~1) : width * bytes_per_pixel(format); }
inline int rows_of(int format, int height) { return is_yuv(format) ? height + (height + 1) / 2 : is_planar(format) ? 3 * height : height; }
inline size_t frame_bytes(const yzc_picture& picture)
{
    return (size_t)(rows_of(picture.pixel_format, picture.frame_height) - 1) * picture.stride + row_bytes(picture.pixel_format, picture.frame_width);
}

inline float to_float(uint16_t half)
{
    int exponent = half >> 10 & 31;
    float value = std::ldexp((float)((half & 1023) + (exponent == 0 ? 0 : 1024)), (exponent == 0 ? 1 : exponent) - 25);
    value = exponent == 31 ? (half & 1023) != 0 ? NAN : INFINITY : value;
    return (half & 0x8000) != 0 ? -value : value;
}

// A half between two exponents, often with the last bit set.
inline uint16_t random_half(std::mt19937& random, int least_exponent, int most_exponent)
{
    int exponent = least_exponent + (int)(random() % (unsigned)(most_exponent - least_exponent + 1));
    return (uint16_t)((random() & 1) << 15 | (unsigned)(exponent + 15) << 10 | (random() & 1023));
}

// Counts checks; prints what fails.
struct tally {
    int passed = 0;
    int failed = 0;

    void add(bool ok, const std::string& what)
    {
        (ok ? passed : failed)++;
        if (!ok && failed <= 40) {
            std::printf("FAILED %s\n", what.c_str());
        }
    }
};

struct options {
    bool quick = false;     // For slow devices: the emulated one, and compute-sanitizer.
    std::string only;       // Only the checks of decoding whose name holds this.
    std::string golden;
    std::string ptx;
};

void check_preprocess(device& device, const options& options, tally& tally);
void check_activation(device& device, const options& options, tally& tally);
void check_decode(device& device, const options& options, tally& tally);
void check_head(device& device, const options& options, tally& tally);
void check_golden(device& device, const options& options, tally& tally);
void measure(device& device);
