using System.Buffers.Binary;

namespace YoloZeroCopy;

/// <summary>Chunk names as big-endian numbers.</summary>
internal static class PngChunks
{
    public const uint Header = 0x49484452;
    public const uint Palette = 0x504C5445;
    public const uint Data = 0x49444154;
    public const uint End = 0x49454E44;
    public const uint Exif = 0x65584966;
}

internal enum PngColorType : byte
{
    Gray = 0,
    Rgb = 2,
    Palette = 3,
    GrayAlpha = 4,
    Rgba = 6,
}

/// <summary>One pass over a PNG picture: the whole one, or one of the seven of Adam7.</summary>
internal readonly record struct PngPass(int FirstColumn, int FirstRow, int ColumnStep, int RowStep)
{
    public int ColumnsOf(int width) => (width - FirstColumn + ColumnStep - 1) / ColumnStep;

    public int RowsOf(int height) => (height - FirstRow + RowStep - 1) / RowStep;
}

/// <summary>The IHDR chunk, checked.</summary>
internal readonly struct PngHeader
{
    private static readonly PngPass[] Whole = [new(0, 0, 1, 1)];
    private static readonly PngPass[] Adam7 = [new(0, 0, 8, 8), new(4, 0, 8, 8), new(0, 4, 4, 8), new(2, 0, 4, 4), new(0, 2, 2, 4), new(1, 0, 2, 2), new(0, 1, 1, 2)];

    private readonly bool interlaced;

    public PngHeader(ReadOnlySpan<byte> chunk)
    {
        uint width = BinaryPrimitives.ReadUInt32BigEndian(chunk);
        uint height = BinaryPrimitives.ReadUInt32BigEndian(chunk[4..]);
        PictureFile.ThrowIfBadSize(width, height);
        Width = (int)width;
        Height = (int)height;
        BitDepth = chunk[8];
        ColorType = (PngColorType)chunk[9];
        bool good = ColorType switch
        {
            PngColorType.Gray => BitDepth is 1 or 2 or 4 or 8 or 16,
            PngColorType.Palette => BitDepth is 1 or 2 or 4 or 8,
            PngColorType.Rgb or PngColorType.GrayAlpha or PngColorType.Rgba => BitDepth is 8 or 16,
            _ => false,
        };
        if (!good)
        {
            throw new InvalidDataException($"damaged PNG: colour type {chunk[9]} with {BitDepth} bits a sample cannot be.");
        }

        if (chunk[10] != 0 || chunk[11] != 0 || chunk[12] > 1)
        {
            throw new InvalidDataException($"damaged PNG: compression {chunk[10]}, filter {chunk[11]}, interlace {chunk[12]} cannot be.");
        }

        interlaced = chunk[12] == 1;
        Channels = ColorType switch
        {
            PngColorType.Rgb => 3,
            PngColorType.GrayAlpha => 2,
            PngColorType.Rgba => 4,
            _ => 1,
        };
    }

    public int Width { get; }

    public int Height { get; }

    public int BitDepth { get; }

    public PngColorType ColorType { get; }

    public int Channels { get; }

    /// <summary>Distance in bytes to the pixel that a filter takes for the left one.</summary>
    public int FilterStep => Math.Max(1, Channels * BitDepth / 8);

    public int RowBytes(int width) => ((width * Channels * BitDepth) + 7) / 8;

    public ReadOnlySpan<PngPass> Passes() => interlaced ? Adam7 : Whole;

    /// <summary>Bytes that the data must inflate to.</summary>
    public long TotalBytes()
    {
        long total = 0;
        foreach (PngPass pass in Passes())
        {
            int columns = pass.ColumnsOf(Width);
            total += columns == 0 ? 0 : (RowBytes(columns) + 1L) * pass.RowsOf(Height);
        }

        return total;
    }
}
