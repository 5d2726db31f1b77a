// How a pixel of the model's input is read: letterbox, conversion to RGB and resampling, with the arithmetic of the C# CpuPreprocessor, bit for bit.
// The pixel format is a switch at run time: a batch may mix formats and sizes, and in a block it is uniform, so that no time is lost.
#pragma once

#include "yzc_device.h"

namespace {

constexpr int Pixels = YZC_PREPROCESS_PIXELS;
constexpr uint32_t Padding = 114;

struct rgb {
    int red, green, blue;
};

// A pixel (column or row) of the frame, its weight and that of the next one, with 11 fractional bits.
struct location {
    int first, first_weight, second_weight;
};

// As OpenCV's INTER_LINEAR for 8-bit pixels and as the C# ResamplePlan. The weights can add up to 2,047 or 2,049.
YZC_DEVICE location locate(int index, double scale)
{
    float coordinate = (float)(((index + 0.5) * scale) - 0.5);
    int first = round_down(coordinate);
    float fraction = coordinate - (float)first;
    return { first, round_even((1.0f - fraction) * 2048.0f), round_even(fraction * 2048.0f) };
}

// What reads pixels of a format. get() only loads, so that all of a thread's loads are under way before the first is waited for; to_rgb() computes.
template <int BytesPerPixel>
struct interleaved {
    struct raw {
        uint32_t first, second, third;
    };

    uint64_t frame;
    int64_t stride;
    bool blue_first;

    YZC_DEVICE_MEMBER explicit interleaved(const yzc_picture& picture)
        : frame(picture.frame)
        , stride(picture.stride)
        , blue_first(picture.pixel_format == YZC_BGR24 || picture.pixel_format == YZC_BGRA32)
    {
    }

    YZC_DEVICE_MEMBER raw get(int x, int y) const
    {
        uint64_t at = frame + (uint64_t)(y * stride + x * BytesPerPixel);
        if constexpr (BytesPerPixel == 1) {
            uint32_t level = read8(at);
            return { level, level, level };
        } else {
            return { read8(at), read8(at + 1), read8(at + 2) };
        }
    }

    YZC_DEVICE_MEMBER rgb to_rgb(const raw& pixel) const
    {
        return { (int)(blue_first ? pixel.third : pixel.first), (int)pixel.second, (int)(blue_first ? pixel.first : pixel.third) };
    }
};

struct nv12 {
    struct raw {
        uint32_t luma, cb, cr;
    };

    const yzc_picture& picture;

    YZC_DEVICE_MEMBER explicit nv12(const yzc_picture& picture)
        : picture(picture)
    {
    }

    YZC_DEVICE_MEMBER raw get(int x, int y) const
    {
        int64_t stride = picture.stride;
        uint64_t chroma = picture.chroma + (uint64_t)((y / 2) * stride + (x & ~1));
        return { read8(picture.frame + (uint64_t)(y * stride + x)), read8(chroma), read8(chroma + 1) };
    }

    // Half a level is added; 20 fractional bits are cut.
    YZC_DEVICE_MEMBER static int to_level(int value) { return clamped((value + (1 << 19)) >> 20, 0, 255); }

    YZC_DEVICE_MEMBER rgb to_rgb(const raw& pixel) const
    {
        int cb = (int)pixel.cb - 128;
        int cr = (int)pixel.cr - 128;
        int above_black = (int)pixel.luma - picture.black;
        int light = (above_black < 0 ? 0 : above_black) * picture.luma;
        int green = cb * picture.green_cb + cr * picture.green_cr;
        return { to_level(light + cr * picture.red_cr), to_level(light + green), to_level(light + cb * picture.blue_cb) };
    }
};

// As NV12, with samples of 10 bits in the upper bits of words of 16.
struct p010 {
    struct raw {
        uint32_t luma, cb, cr;
    };

    const yzc_picture& picture;

    YZC_DEVICE_MEMBER explicit p010(const yzc_picture& picture)
        : picture(picture)
    {
    }

    YZC_DEVICE_MEMBER raw get(int x, int y) const
    {
        int64_t stride = picture.stride;
        uint64_t chroma = picture.chroma + (uint64_t)((y / 2) * stride + 2 * (x & ~1));
        return { read16(picture.frame + (uint64_t)(y * stride + 2 * x)), read16(chroma), read16(chroma + 2) };
    }

    // Light and colour fit 32 bits, but not always their sum: it is made positive, modulo 2^32. Half a level is added; 22 fractional bits are cut.
    YZC_DEVICE_MEMBER static int to_level(int light, int color)
    {
        constexpr uint32_t Offset = 320;
        return clamped((int)(((uint32_t)light + (uint32_t)color + (Offset << 22) + (1u << 21)) >> 22) - (int)Offset, 0, 255);
    }

    YZC_DEVICE_MEMBER rgb to_rgb(const raw& pixel) const
    {
        int cb = (int)(pixel.cb >> 6) - 512;
        int cr = (int)(pixel.cr >> 6) - 512;
        int above_black = (int)(pixel.luma >> 6) - picture.black;
        int light = (above_black < 0 ? 0 : above_black) * picture.luma;
        return { to_level(light, cr * picture.red_cr), to_level(light, cb * picture.green_cb + cr * picture.green_cr), to_level(light, cb * picture.blue_cb) };
    }
};

struct planar {
    using raw = rgb;

    uint64_t red, green, blue;
    int64_t stride;

    YZC_DEVICE_MEMBER explicit planar(const yzc_picture& picture)
        : stride(picture.stride)
    {
        uint64_t third = picture.frame + (uint64_t)(2 * stride * picture.frame_height);
        bool blue_first = picture.pixel_format == YZC_BGR_PLANAR;
        red = blue_first ? third : picture.frame;
        green = picture.frame + (uint64_t)(stride * picture.frame_height);
        blue = blue_first ? picture.frame : third;
    }

    YZC_DEVICE_MEMBER raw get(int x, int y) const
    {
        uint64_t at = (uint64_t)(y * stride + x);
        return { (int)read8(red + at), (int)read8(green + at), (int)read8(blue + at) };
    }

    YZC_DEVICE_MEMBER rgb to_rgb(const raw& pixel) const { return pixel; }
};

struct bayer {
    using raw = rgb;

    uint64_t frame;
    int64_t stride;
    int width, height, red_column, red_row;

    YZC_DEVICE_MEMBER explicit bayer(const yzc_picture& picture)
        : frame(picture.frame)
        , stride(picture.stride)
        , width(picture.frame_width)
        , height(picture.frame_height)
        , red_column(picture.pixel_format == YZC_BAYER_BGGR8 || picture.pixel_format == YZC_BAYER_GRBG8)
        , red_row(picture.pixel_format == YZC_BAYER_BGGR8 || picture.pixel_format == YZC_BAYER_GBRG8)
    {
    }

    // Nearest position with neighbours on both sides, where there is one: the outermost rows and columns repeat it.
    YZC_DEVICE_MEMBER static int inner(int position, int size) { return size < 3 ? position : clamped(position, 1, size - 2); }

    YZC_DEVICE_MEMBER static int neighbour(int position, int size)
    {
        return size == 1 ? 0 : position < 0 ? 1 : position >= size ? size - 2 : position;
    }

    YZC_DEVICE_MEMBER raw get(int x, int y) const
    {
        int row = inner(y, height);
        int column = inner(x, width);
        int left = neighbour(column - 1, width);
        int right = neighbour(column + 1, width);
        uint64_t above = frame + (uint64_t)(neighbour(row - 1, height) * stride);
        uint64_t here = frame + (uint64_t)(row * stride);
        uint64_t below = frame + (uint64_t)(neighbour(row + 1, height) * stride);
        int center = (int)read8(here + (uint64_t)column);
        int sides = (int)(read8(here + (uint64_t)left) + read8(here + (uint64_t)right));
        int ends = (int)(read8(above + (uint64_t)column) + read8(below + (uint64_t)column));
        int corners = (int)(read8(above + (uint64_t)left) + read8(above + (uint64_t)right) + read8(below + (uint64_t)left) + read8(below + (uint64_t)right));
        bool is_red = (row & 1) == red_row;
        bool is_own = (column & 1) == (is_red ? red_column : 1 - red_column);
        int own = is_own ? center : (sides + 1) >> 1;
        int green = is_own ? (ends + sides + 2) >> 2 : center;
        int other = is_own ? (corners + 2) >> 2 : (ends + 1) >> 1;
        return { is_red ? own : other, green, is_red ? other : own };
    }

    YZC_DEVICE_MEMBER rgb to_rgb(const raw& pixel) const { return pixel; }
};

// Where a thread's pixels come from.
struct sources {
    int upper, lower;       // Rows.
    int upper_weight;
    int lower_weight;       // 0: the lower row is not read.
    int left[Pixels], right[Pixels];
    int left_weight[Pixels], right_weight[Pixels];
    bool two_columns;       // False: no lane of the warp needs the right column.
};

// Columns first, in either row, then rows, each product cut before the sum: as the C# RowResampler.
YZC_DEVICE int mix_columns(int left, int right, int left_weight, int right_weight) { return (left * left_weight + right * right_weight) >> 4; }

YZC_DEVICE int mix_rows(int upper, int lower, int upper_weight, int lower_weight)
{
    return (((upper * upper_weight) >> 16) + ((lower * lower_weight) >> 16) + 2) >> 2;
}

YZC_DEVICE int mix(int upper_left, int upper_right, int lower_left, int lower_right, const sources& from, int i)
{
    int upper = mix_columns(upper_left, upper_right, from.left_weight[i], from.right_weight[i]);
    int lower = mix_columns(lower_left, lower_right, from.left_weight[i], from.right_weight[i]);
    return mix_rows(upper, lower, from.upper_weight, from.lower_weight);
}

// Frames of NV12 of twice, six times ... the input's size: all that a warp mixes are squares of two by two pixels that share their colour, all four with
// the same weight. Then the mixing is a mean, and a pixel's colour is read and computed once. False, with nothing done, where a pixel of the warp is none.
YZC_DEVICE bool sample_squares(const yzc_picture& picture, const sources& from, rgb (&levels)[Pixels])
{
    constexpr int Half = 1024;
    bool squares = ((picture.frame | picture.chroma | (uint64_t)picture.stride) & 1) == 0 && (from.upper & 1) == 0 && from.lower == from.upper + 1
        && from.upper_weight == Half && from.lower_weight == Half;
#pragma unroll
    for (int i = 0; i < Pixels; i++) {
        squares = squares && (from.left[i] & 1) == 0 && from.left_weight[i] == Half && from.right_weight[i] == Half;
    }

    if (warp_ballot(!squares) != 0) {
        return false;
    }

    int64_t stride = picture.stride;
    uint64_t luma = picture.frame + (uint64_t)(from.upper * stride);
    uint64_t chroma = picture.chroma + (uint64_t)(from.upper / 2 * stride);
    uint32_t upper[Pixels], lower[Pixels], colors[Pixels];
#pragma unroll
    for (int i = 0; i < Pixels; i++) {
        upper[i] = read16(luma + (uint64_t)from.left[i]);
        lower[i] = read16(luma + (uint64_t)(stride + from.left[i]));
        colors[i] = read16(chroma + (uint64_t)from.left[i]);
    }

#pragma unroll
    for (int i = 0; i < Pixels; i++) {
        const uint32_t lumas[4] = { upper[i] & 0xFF, upper[i] >> 8, lower[i] & 0xFF, lower[i] >> 8 };
        const nv12 reader(picture);
        rgb sum = { 2, 2, 2 };
#pragma unroll
        for (int k = 0; k < 4; k++) {
            rgb pixel = reader.to_rgb({ lumas[k], colors[i] & 0xFF, colors[i] >> 8 });
            sum.red += pixel.red;
            sum.green += pixel.green;
            sum.blue += pixel.blue;
        }

        levels[i] = { sum.red >> 2, sum.green >> 2, sum.blue >> 2 };
    }

    return true;
}

template <class Reader>
YZC_DEVICE void sample(const Reader& reader, const sources& from, rgb (&levels)[Pixels])
{
    typename Reader::raw pixels[4][Pixels];
#pragma unroll
    for (int i = 0; i < Pixels; i++) {
        pixels[0][i] = pixels[1][i] = pixels[2][i] = pixels[3][i] = reader.get(from.left[i], from.upper);
    }

    // Frames of twice, three times ... the input's size often need one column or one row only.
    bool two_rows = from.lower_weight != 0;
    if (from.two_columns) {
#pragma unroll
        for (int i = 0; i < Pixels; i++) {
            pixels[1][i] = pixels[3][i] = reader.get(from.right[i], from.upper);
        }
    }

    if (two_rows) {
#pragma unroll
        for (int i = 0; i < Pixels; i++) {
            pixels[2][i] = pixels[3][i] = reader.get(from.left[i], from.lower);
        }

        if (from.two_columns) {
#pragma unroll
            for (int i = 0; i < Pixels; i++) {
                pixels[3][i] = reader.get(from.right[i], from.lower);
            }
        }
    }

    // With nothing to mix the mixing below would give the same levels.
    if (!two_rows && !from.two_columns) {
#pragma unroll
        for (int i = 0; i < Pixels; i++) {
            levels[i] = reader.to_rgb(pixels[0][i]);
        }

        return;
    }

#pragma unroll
    for (int i = 0; i < Pixels; i++) {
        rgb upper_left = reader.to_rgb(pixels[0][i]);
        rgb upper_right = reader.to_rgb(pixels[1][i]);
        rgb lower_left = reader.to_rgb(pixels[2][i]);
        rgb lower_right = reader.to_rgb(pixels[3][i]);
        levels[i].red = mix(upper_left.red, upper_right.red, lower_left.red, lower_right.red, from, i);
        levels[i].green = mix(upper_left.green, upper_right.green, lower_left.green, lower_right.green, from, i);
        levels[i].blue = mix(upper_left.blue, upper_right.blue, lower_left.blue, lower_right.blue, from, i);
    }
}

struct float32 {
    using storage = float;

    // 1 / 255 as a sum of two floats: rounds as the division does, for every level. A level becomes a float as the last bits of 2^23, which is quicker than to
    // convert it.
    YZC_DEVICE_MEMBER static float of(uint32_t level)
    {
        constexpr float High = 1.0f / 255;
        constexpr float Low = (float)((1.0 / 255) - High);
        constexpr uint32_t TwoTo23 = 0x4B000000u;
        float value = bits_to_float(TwoTo23 | level) - bits_to_float(TwoTo23);
        return multiply_add(value, High, value * Low);
    }
};

struct float16 {
    using storage = uint16_t;

    YZC_DEVICE_MEMBER static uint16_t of(uint32_t level) { return (uint16_t)float_to_half(float32::of(level)); }
};

// A pixel of the input where channels come last: halves, the fourth 0.
YZC_DEVICE uint64_t to_halves(const rgb& levels)
{
    uint32_t red = float16::of((uint32_t)levels.red);
    uint32_t green = float16::of((uint32_t)levels.green);
    return (uint64_t)float16::of((uint32_t)levels.blue) << 32 | (red | green << 16);
}

// Where a column of the resized frame comes from.
YZC_DEVICE location column_of(const yzc_picture& picture, int column)
{
    location from = locate(column, picture.scale_x);

    // Outside the frame its edge pixel is all. Rows differ: they keep both weights, and the edge row for both.
    bool inside = from.first >= 0 && from.first < picture.frame_width - 1;
    return { clamped(from.first, 0, picture.frame_width - 1), inside ? from.first_weight : 2048, inside ? from.second_weight : 0 };
}

YZC_DEVICE void set_column(sources& from, int i, const location& column)
{
    from.left[i] = column.first;
    from.left_weight[i] = column.first_weight;
    from.right_weight[i] = column.second_weight;
    from.right[i] = column.second_weight == 0 ? column.first : column.first + 1;
}

YZC_DEVICE void set_row(sources& from, const yzc_picture& picture, const location& row)
{
    from.upper = clamped(row.first, 0, picture.frame_height - 1);
    from.lower = clamped(row.first + 1, 0, picture.frame_height - 1);
    from.upper_weight = row.first_weight;
    from.lower_weight = row.second_weight;
}

// Levels of a thread's pixels. All lanes of a warp take part.
YZC_DEVICE void sample_frame(const yzc_picture& picture, const sources& from, rgb (&levels)[Pixels])
{
    switch (picture.pixel_format) {
    case YZC_BGR24:
    case YZC_RGB24:
        sample(interleaved<3>(picture), from, levels);
        break;
    case YZC_BGRA32:
    case YZC_RGBA32:
        sample(interleaved<4>(picture), from, levels);
        break;
    case YZC_GRAY8:
        sample(interleaved<1>(picture), from, levels);
        break;
    case YZC_NV12:
        if (!sample_squares(picture, from, levels)) {
            sample(nv12(picture), from, levels);
        }

        break;
    case YZC_P010:
        sample(p010(picture), from, levels);
        break;
    case YZC_BGR_PLANAR:
    case YZC_RGB_PLANAR:
        sample(planar(picture), from, levels);
        break;
    default:
        sample(bayer(picture), from, levels);
        break;
    }
}

}
