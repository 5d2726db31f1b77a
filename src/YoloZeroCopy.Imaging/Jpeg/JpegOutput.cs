using System.Buffers;

namespace YoloZeroCopy;

/// <summary>Turns the decoded components into the caller's rows: upsampling to full size, then colours.</summary>
internal static class JpegOutput
{
    public static void Write(JpegComponent[] components, int width, int height, JpegColorModel model, PictureRows rows)
    {
        // The luminance of a YCbCr picture is its gray picture.
        bool gray = rows.PixelFormat == PixelFormat.Gray8;
        int used = gray && model != JpegColorModel.Rgb ? 1 : components.Length;
        int maxH = 1;
        int maxV = 1;
        foreach (JpegComponent component in components)
        {
            maxH = Math.Max(maxH, component.H);
            maxV = Math.Max(maxV, component.V);
        }

        // Three upsampled rows, one row of pixels for frames that are turned, and one of weighted sums.
        int upsampledWidth = width + 64;
        byte[] scratch = ArrayPool<byte>.Shared.Rent((3 * upsampledWidth) + (3 * width));
        ushort[] sums = ArrayPool<ushort>.Shared.Rent(upsampledWidth);
        try
        {
            Span<byte> turned = scratch.AsSpan(3 * upsampledWidth, rows.PixelBytes * width);
            for (int y = 0; y < height; y++)
            {
                ReadOnlySpan<byte> first = Upsample(components[0], y, width, maxH, maxV, scratch.AsSpan(0, upsampledWidth), sums);
                Span<byte> pixels = rows.IsDirect ? rows.Row(y, width) : turned;
                if (used == 1)
                {
                    WriteGray(first, pixels, rows.PixelBytes);
                }
                else
                {
                    ReadOnlySpan<byte> second = Upsample(components[1], y, width, maxH, maxV, scratch.AsSpan(upsampledWidth, upsampledWidth), sums);
                    ReadOnlySpan<byte> third = Upsample(components[2], y, width, maxH, maxV, scratch.AsSpan(2 * upsampledWidth, upsampledWidth), sums);
                    if (model == JpegColorModel.YCbCr)
                    {
                        JpegColor.YCbCrToRgb(first, second, third, pixels, blueFirst: rows.PixelFormat == PixelFormat.Bgr24);
                    }
                    else
                    {
                        JpegColor.Interleave(first, second, third, pixels, rows.PixelFormat);
                    }
                }

                if (!rows.IsDirect)
                {
                    rows.Write(y, pixels);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
            ArrayPool<ushort>.Shared.Return(sums);
        }
    }

    private static void WriteGray(ReadOnlySpan<byte> samples, Span<byte> pixels, int pixelBytes)
    {
        if (pixelBytes == 1)
        {
            samples.CopyTo(pixels);
            return;
        }

        for (int x = 0; x < samples.Length; x++)
        {
            Span<byte> pixel = pixels.Slice(3 * x, 3);
            pixel[0] = samples[x];
            pixel[1] = samples[x];
            pixel[2] = samples[x];
        }
    }

    // Row y of the component at full size: where it lies, or made in `row`. Which method serves which sampling follows libjpeg, since it shows in the result.
    private static ReadOnlySpan<byte> Upsample(JpegComponent component, int y, int width, int maxH, int maxV, Span<byte> row, Span<ushort> sums)
    {
        int across = maxH / component.H;
        int down = maxV / component.V;
        int y0 = y / down;
        ReadOnlySpan<byte> near = component.Samples.AsSpan(y0 * component.Stride, component.Width);
        if (across == 1 && down == 1)
        {
            return near[..width];
        }

        bool wide = component.Width > 2;
        if (across == 2 && down == 1 && wide)
        {
            JpegUpsampling.Horizontal(near, row);
        }
        else if (down == 2 && ((across == 2 && wide) || across == 1))
        {
            // Above the first and below the last row the picture goes on as that row.
            int y1 = Math.Clamp((y & 1) == 0 ? y0 - 1 : y0 + 1, 0, component.Height - 1);
            ReadOnlySpan<byte> far = component.Samples.AsSpan(y1 * component.Stride, component.Width);
            if (across == 2)
            {
                JpegUpsampling.Both(near, far, row, sums);
            }
            else
            {
                JpegUpsampling.Vertical(near, far, row, rounding: (y & 1) == 0 ? 1 : 2);
            }
        }
        else
        {
            JpegUpsampling.Repeat(near, row[..width], across);
        }

        return row[..width];
    }
}
