namespace YoloZeroCopy.Server;

/// <summary>What a tensor of bytes is as frames.</summary>
/// <param name="Count">Frames, one behind the other.</param>
/// <param name="Format">Layout of each, without padding.</param>
internal readonly record struct FrameShape(int Count, FrameFormat Format)
{
    /// <summary>Reads a shape by the pixel format: rows and columns in front of the channels, those of NV12 with its chroma rows, or planes; each
    /// with or without a number of frames before it.</summary>
    /// <exception cref="RequestException">The shape is none of such frames.</exception>
    public static FrameShape Of(IReadOnlyList<long> shape, PixelFormat pixelFormat, YuvColor color)
    {
        int channels = pixelFormat switch
        {
            PixelFormat.Bgr24 or PixelFormat.Rgb24 => 3,
            PixelFormat.Bgra32 or PixelFormat.Rgba32 => 4,
            PixelFormat.BgrPlanar or PixelFormat.RgbPlanar => 3,
            PixelFormat.P010 => throw RequestException.Invalid("Frames of P010 have two bytes a sample, and tensors here have one."),
            _ => 0,
        };
        bool isPlanar = pixelFormat is PixelFormat.BgrPlanar or PixelFormat.RgbPlanar;
        int rank = channels == 0 ? 2 : 3;
        int first = shape.Count - rank;
        bool fits = first is 0 or 1
            && (channels == 0 || shape[isPlanar ? first : first + 2] == channels)
            && shape.All(static side => side is > 0 and <= 3 * FrameFormat.MaxSize);
        if (fits)
        {
            int rows = (int)shape[isPlanar ? first + 1 : first];
            int width = (int)shape[isPlanar ? first + 2 : first + 1];

            // Of NV12 a third of the rows are those of chroma.
            int height = pixelFormat == PixelFormat.Nv12 ? (int)(rows * 2L / 3) : rows;
            fits = width <= FrameFormat.MaxSize && height is > 0 and <= FrameFormat.MaxSize
                && (pixelFormat != PixelFormat.Nv12 || (height + ((height + 1) / 2) == rows && width % 2 == 0));
            if (fits)
            {
                return new FrameShape(first == 0 ? 1 : (int)shape[0], new FrameFormat(pixelFormat, width, height) { Color = color });
            }
        }

        string wanted = pixelFormat == PixelFormat.Nv12 ? "[height * 3/2, width] with an even width"
            : channels == 0 ? "[height, width]"
            : isPlanar ? "[3, height, width]"
            : $"[height, width, {channels}]";
        throw RequestException.Invalid(
            $"The tensor's shape is [{string.Join(", ", shape.Take(8))}]; for {pixelFormat} {wanted} is wanted, with "
                + $"or without a number of frames before it, "
                + $"and sides of up to {FrameFormat.MaxSize} pixels.");
    }
}
