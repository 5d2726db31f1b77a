using System.Buffers.Binary;

namespace YoloZeroCopy;

/// <summary>Writes baseline JPEG files (T.81 annex F) with the example tables of annex K: YCbCr 4:2:0, or gray.</summary>
internal ref struct JpegEncoder
{
    private readonly ReadOnlySpan<byte> pixels;
    private readonly FrameFormat format;
    private readonly JpegBitWriter writer;
    private readonly float[] lumaScale = new float[64];
    private readonly float[] chromaScale = new float[64];
    private readonly byte[] lumaSteps = new byte[64];
    private readonly byte[] chromaSteps = new byte[64];
    private readonly int[] dc = new int[3];

    private JpegEncoder(ReadOnlySpan<byte> pixels, FrameFormat format, int quality)
    {
        this.pixels = pixels;
        this.format = format;
        writer = new JpegBitWriter((format.Width * format.Height / 4) + 1024);
        SetSteps(JpegTables.LumaSteps, quality, lumaSteps, lumaScale);
        SetSteps(JpegTables.ChromaSteps, quality, chromaSteps, chromaScale);
    }

    public static byte[] Encode(ReadOnlySpan<byte> pixels, FrameFormat format, int quality)
    {
        JpegEncoder encoder = new(pixels, format, quality);
        encoder.WriteHeaders();
        if (format.PixelFormat == PixelFormat.Gray8)
        {
            encoder.WriteGray();
        }
        else
        {
            encoder.WriteColor();
        }

        encoder.writer.Finish();
        encoder.writer.WriteMarker(JpegMarkers.EndOfImage);
        return encoder.writer.ToArray();
    }

    // The scale of qualities of the Independent JPEG Group: 50 is annex K's table, 100 all ones.
    private static void SetSteps(ReadOnlySpan<byte> table, int quality, Span<byte> steps, Span<float> scale)
    {
        int percent = quality < 50 ? 5000 / quality : 200 - (2 * quality);
        for (int i = 0; i < 64; i++)
        {
            steps[i] = (byte)Math.Clamp(((table[i] * percent) + 50) / 100, 1, 255);
            scale[i] = 1f / steps[i];
        }
    }

    private readonly void WriteHeaders()
    {
        bool gray = format.PixelFormat == PixelFormat.Gray8;
        writer.WriteMarker(JpegMarkers.StartOfImage);
        writer.WriteSegment(JpegMarkers.App0, [.. "JFIF\0"u8, 1, 1, 0, 0, 1, 0, 1, 0, 0]);
        WriteSteps(0, lumaSteps);
        Span<byte> size = stackalloc byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(size, (ushort)format.Height);
        BinaryPrimitives.WriteUInt16BigEndian(size[2..], (ushort)format.Width);
        if (gray)
        {
            writer.WriteSegment(JpegMarkers.Baseline, [8, .. size, 1, 1, 0x11, 0]);
            WriteTable(0x00, JpegTables.LumaDcCounts, JpegTables.DcSymbols);
            WriteTable(0x10, JpegTables.LumaAcCounts, JpegTables.LumaAcSymbols);
            writer.WriteSegment(JpegMarkers.StartOfScan, [1, 1, 0x00, 0, 63, 0]);
            return;
        }

        WriteSteps(1, chromaSteps);
        writer.WriteSegment(JpegMarkers.Baseline, [8, .. size, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
        WriteTable(0x00, JpegTables.LumaDcCounts, JpegTables.DcSymbols);
        WriteTable(0x10, JpegTables.LumaAcCounts, JpegTables.LumaAcSymbols);
        WriteTable(0x01, JpegTables.ChromaDcCounts, JpegTables.DcSymbols);
        WriteTable(0x11, JpegTables.ChromaAcCounts, JpegTables.ChromaAcSymbols);
        writer.WriteSegment(JpegMarkers.StartOfScan, [3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    }

    private readonly void WriteSteps(byte number, ReadOnlySpan<byte> steps)
    {
        Span<byte> content = stackalloc byte[65];
        content[0] = number;
        for (int i = 0; i < 64; i++)
        {
            content[1 + i] = steps[JpegDecoder.NaturalOrder[i]];
        }

        writer.WriteSegment(JpegMarkers.QuantizationTables, content);
    }

    private readonly void WriteTable(byte number, ReadOnlySpan<byte> counts, ReadOnlySpan<byte> symbols) =>
        writer.WriteSegment(JpegMarkers.HuffmanTables, [number, .. counts, .. symbols]);

    private readonly void WriteGray()
    {
        Span<float> block = stackalloc float[64];
        for (int top = 0; top < format.Height; top += 8)
        {
            for (int left = 0; left < format.Width; left += 8)
            {
                for (int i = 0; i < 64; i++)
                {
                    int y = Math.Min(top + (i >> 3), format.Height - 1);
                    int x = Math.Min(left + (i & 7), format.Width - 1);
                    block[i] = pixels[(y * format.Stride) + x] - 128;
                }

                WriteBlock(block, lumaScale, ref dc[0], JpegTables.LumaDc, JpegTables.LumaAc);
            }
        }
    }

    private readonly void WriteColor()
    {
        Span<float> luma = stackalloc float[256];
        Span<float> cb = stackalloc float[64];
        Span<float> cr = stackalloc float[64];
        for (int top = 0; top < format.Height; top += 16)
        {
            for (int left = 0; left < format.Width; left += 16)
            {
                LoadUnit(top, left, luma, cb, cr);
                for (int i = 0; i < 4; i++)
                {
                    WriteBlock(luma.Slice(i * 64, 64), lumaScale, ref dc[0], JpegTables.LumaDc, JpegTables.LumaAc);
                }

                WriteBlock(cb, chromaScale, ref dc[1], JpegTables.ChromaDc, JpegTables.ChromaAc);
                WriteBlock(cr, chromaScale, ref dc[2], JpegTables.ChromaDc, JpegTables.ChromaAc);
            }
        }
    }

    // 16x16 pixels as four luminance blocks and one of each chroma, which is the mean of four pixels. Beyond the edge the last pixel repeats.
    private readonly void LoadUnit(int top, int left, Span<float> luma, Span<float> cb, Span<float> cr)
    {
        cb.Clear();
        cr.Clear();
        int redAt = format.PixelFormat == PixelFormat.Rgb24 ? 0 : 2;
        for (int y = 0; y < 16; y++)
        {
            ReadOnlySpan<byte> row = pixels.Slice(Math.Min(top + y, format.Height - 1) * format.Stride, format.RowBytes);
            for (int x = 0; x < 16; x++)
            {
                int at = 3 * Math.Min(left + x, format.Width - 1);
                float red = row[at + redAt];
                float green = row[at + 1];
                float blue = row[at + 2 - redAt];
                luma[((y >> 3) * 128) + ((x >> 3) * 64) + ((y & 7) * 8) + (x & 7)] = (0.299f * red) + (0.587f * green) + (0.114f * blue) - 128f;
                int chroma = ((y >> 1) * 8) + (x >> 1);
                cb[chroma] += ((-0.168736f * red) - (0.331264f * green) + (0.5f * blue)) * 0.25f;
                cr[chroma] += ((0.5f * red) - (0.418688f * green) - (0.081312f * blue)) * 0.25f;
            }
        }
    }

    private readonly void WriteBlock(Span<float> block, ReadOnlySpan<float> scale, ref int lastDc, ReadOnlySpan<uint> dcCodes, ReadOnlySpan<uint> acCodes)
    {
        Span<int> values = stackalloc int[64];
        JpegForwardDct.Transform(block, scale, values);
        writer.WriteValue(dcCodes, 0, values[0] - lastDc);
        lastDc = values[0];
        int run = 0;
        for (int k = 1; k < 64; k++)
        {
            int value = values[JpegDecoder.NaturalOrder[k]];
            if (value == 0)
            {
                run++;
                continue;
            }

            for (; run > 15; run -= 16)
            {
                writer.WriteCode(acCodes[0xF0]);
            }

            // The tables have codes for 10 bits; rounding must not lead beyond.
            writer.WriteValue(acCodes, run, Math.Clamp(value, -1023, 1023));
            run = 0;
        }

        if (run > 0)
        {
            writer.WriteCode(acCodes[0x00]);
        }
    }
}
