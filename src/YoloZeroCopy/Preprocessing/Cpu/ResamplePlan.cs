using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>Which frame pixels a row and a column of the resized frame are made of, and with what weights.</summary>
/// <remarks>
/// Source coordinate and fraction are computed as OpenCV's INTER_LINEAR does: scale = 1 / (resized / frame), f = (float)((i + 0.5) * scale - 0.5), first pixel = floor(f),
/// weight of the second = f - floor(f); outside the frame its edge is repeated. Immutable; the pointers stay valid as long as the plan is referenced.
/// </remarks>
internal sealed unsafe class ResamplePlan
{
    /// <summary>Columns are worked on in groups of this many; the column tables are padded to it.</summary>
    public const int ColumnGroup = 16;

    /// <summary>Fractional bits of <see cref="ColumnWeights"/>.</summary>
    public const int ColumnWeightBits = 14;

    private readonly int[] columnOffsets;
    private readonly int[] columnWeights;
    private readonly int[] rows;
    private readonly short[] rowWeights;

    public ResamplePlan(in Letterbox letterbox, int samplesPerPixel)
    {
        Letterbox = letterbox;
        SamplesPerPixel = samplesPerPixel;
        PaddedWidth = (letterbox.Width + ColumnGroup - 1) / ColumnGroup * ColumnGroup;

        // Pinned, so that the kernels can use plain pointers; the collector still frees them, and a forgotten plan leaks nothing.
        columnOffsets = GC.AllocateArray<int>(PaddedWidth, pinned: true);
        columnWeights = GC.AllocateArray<int>(PaddedWidth, pinned: true);
        for (int x = 0; x < letterbox.Width; x++)
        {
            (int source, float fraction) = Locate(x, letterbox.Width, letterbox.FrameWidth);
            int right = (int)MathF.Round(fraction * (1 << ColumnWeightBits));
            columnOffsets[x] = source * samplesPerPixel;
            columnWeights[x] = (right << 16) | ((1 << ColumnWeightBits) - right);
        }

        rows = new int[letterbox.Height];
        rowWeights = new short[letterbox.Height];
        for (int y = 0; y < letterbox.Height; y++)
        {
            (int source, float fraction) = Locate(y, letterbox.Height, letterbox.FrameHeight);
            rows[y] = source;
            rowWeights[y] = (short)Math.Min((int)MathF.Round(fraction * 32768), short.MaxValue);
        }
    }

    public Letterbox Letterbox { get; }

    /// <summary>Bytes of one pixel in the rows that the plan is used on.</summary>
    public int SamplesPerPixel { get; }

    /// <summary>Width of the resized frame, rounded up to <see cref="ColumnGroup"/>.</summary>
    public int PaddedWidth { get; }

    /// <summary>For each column of the resized frame the index of its left pixel's first sample; 0 in the padding.</summary>
    public int* ColumnOffsets => (int*)Unsafe.AsPointer(ref columnOffsets[0]);

    /// <summary>For each column the left pixel's weight in the low 16 bits and the right one's in the high 16; both add up to 2^14, or are 0 in the padding.</summary>
    public int* ColumnWeights => (int*)Unsafe.AsPointer(ref columnWeights[0]);

    /// <summary>Upper of the two frame rows that a row of the resized frame lies between; the lower is the next one.</summary>
    public int RowAt(int y) => rows[y];

    /// <summary>Weight of the lower frame row, with 15 fractional bits. With 0 the lower row is not read: it may lie outside the frame.</summary>
    public short RowWeightAt(int y) => rowWeights[y];

    private static (int Source, float Fraction) Locate(int index, int resizedSize, int frameSize)
    {
        double scale = 1.0 / ((double)resizedSize / frameSize);
        float coordinate = (float)(((index + 0.5) * scale) - 0.5);
        int source = (int)MathF.Floor(coordinate);
        return source < 0 ? (0, 0)
            : source >= frameSize - 1 ? (frameSize - 1, 0)
            : (source, coordinate - source);
    }
}
