using System.Buffers.Binary;
using System.IO.Compression;

namespace YoloZeroCopy;

/// <summary>Writes 8-bit gray or RGB PNG files, each row with the filter that leaves the smallest values.</summary>
internal static class PngEncoder
{
    public static byte[] Encode(ReadOnlySpan<byte> pixels, FrameFormat format)
    {
        bool gray = format.PixelFormat == PixelFormat.Gray8;
        using MemoryStream file = new();
        file.Write(PngDecoder.Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, format.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], format.Height);
        header[8] = 8;
        header[9] = (byte)(gray ? PngColorType.Gray : PngColorType.Rgb);
        header[10..].Clear();
        WriteChunk(file, PngChunks.Header, header);

        using MemoryStream data = new();
        using (ZLibStream deflater = new(data, CompressionLevel.Fastest, leaveOpen: true))
        {
            WriteRows(deflater, pixels, format);
        }

        WriteChunk(file, PngChunks.Data, data.GetBuffer().AsSpan(0, (int)data.Length));
        WriteChunk(file, PngChunks.End, []);
        return file.ToArray();
    }

    private static void WriteRows(ZLibStream deflater, ReadOnlySpan<byte> pixels, FrameFormat format)
    {
        int rowBytes = format.RowBytes;
        int step = format.PixelFormat == PixelFormat.Gray8 ? 1 : 3;
        byte[] row = new byte[rowBytes];
        byte[] above = new byte[rowBytes];
        byte[] best = new byte[rowBytes + 1];
        byte[] candidate = new byte[rowBytes + 1];
        ReadOnlySpan<byte> filters = [PngFilter.Sub, PngFilter.Up, PngFilter.Paeth];
        for (int y = 0; y < format.Height; y++)
        {
            ReadOnlySpan<byte> source = pixels.Slice(y * format.Stride, rowBytes);
            source.CopyTo(row);
            if (format.PixelFormat == PixelFormat.Bgr24)
            {
                for (int x = 0; x < rowBytes; x += 3)
                {
                    (row[x], row[x + 2]) = (row[x + 2], row[x]);
                }
            }

            long bestSum = long.MaxValue;
            foreach (byte filter in filters)
            {
                candidate[0] = filter;
                long sum = PngFilter.Apply(filter, row, above, step, candidate.AsSpan(1));
                if (sum < bestSum)
                {
                    bestSum = sum;
                    (best, candidate) = (candidate, best);
                }
            }

            deflater.Write(best);
            (row, above) = (above, row);
        }
    }

    private static void WriteChunk(MemoryStream file, uint type, ReadOnlySpan<byte> content)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        file.Write(number);
        int begin = (int)file.Position;
        BinaryPrimitives.WriteUInt32BigEndian(number, type);
        file.Write(number);
        file.Write(content);
        uint sum = Crc32.Compute(file.GetBuffer().AsSpan(begin, (int)file.Position - begin));
        BinaryPrimitives.WriteUInt32BigEndian(number, sum);
        file.Write(number);
    }
}
