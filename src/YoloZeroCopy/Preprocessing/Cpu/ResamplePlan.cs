namespace YoloZeroCopy;

/// <summary>
/// Which frame pixels a row and a column of the resized frame are made of, and with what weights: OpenCV's <c>resize(..., INTER_LINEAR)</c> of 8-bit
/// pixels.
/// </summary>
/// <remarks>
/// Of position i: scale = 1 / (resized / frame) in double precision, coordinate = (float)((i + 0.5) * scale - 0.5), first pixel = floor(coordinate),
/// fraction = coordinate - first. The weights are (1 - fraction) * 2048 and fraction * 2048 in single precision, each rounded half to even.
/// For some sizes they add up to 2,047 or 2,049.
/// A column outside the frame takes the edge pixel alone. A row outside takes the edge row with both weights: each product is cut, which can show.
/// Immutable; the pointers stay valid as long as the plan is referenced.
/// </remarks>
internal sealed unsafe class ResamplePlan
{
    /// <summary>Columns are worked on in groups of this many; the column tables are padded to it.</summary>
    public const int ColumnGroup = 16;

    /// <summary>Fractional bits of every weight.</summary>
    public const int WeightBits = 11;

    private const int One = 1 << WeightBits;

    private readonly PinnedMemory<int> columnOffsets;
    private readonly PinnedMemory<int> columnWeights;
    private readonly ResampledRow[] rows;

    public ResamplePlan(in Letterbox letterbox, int samplesPerPixel)
    {
        Letterbox = letterbox;
        SamplesPerPixel = samplesPerPixel;
        PaddedWidth = (letterbox.Width + ColumnGroup - 1) / ColumnGroup * ColumnGroup;

        int copies = samplesPerPixel == 1 ? 1 : 4;
        columnOffsets = new PinnedMemory<int>(PaddedWidth);
        columnWeights = new PinnedMemory<int>(copies * PaddedWidth);
        for (int x = 0; x < letterbox.Width; x++)
        {
            (int left, float fraction) = Locate(x, letterbox.Width, letterbox.FrameWidth);
            if (left < 0 || left >= letterbox.FrameWidth - 1)
            {
                (left, fraction) = (left < 0 ? 0 : letterbox.FrameWidth - 1, 0);
            }

            ColumnOffsets[x] = left * samplesPerPixel;
            int both = WeightOf(1 - fraction) | (WeightOf(fraction) << 16);
            int place = copies == 1 ? x : 4 * WeightPlaceOf(x);
            new Span<int>(ColumnWeights + place, copies).Fill(both);
        }

        rows = new ResampledRow[letterbox.Height];
        for (int y = 0; y < letterbox.Height; y++)
        {
            (int upper, float fraction) = Locate(y, letterbox.Height, letterbox.FrameHeight);
            int last = letterbox.FrameHeight - 1;
            rows[y] = new ResampledRow(
                Math.Clamp(upper, 0, last), Math.Clamp(upper + 1, 0, last), (short)WeightOf(1 - fraction), (short)WeightOf(fraction));
        }
    }

    public Letterbox Letterbox { get; }

    /// <summary>Bytes of one pixel in the rows that the plan is used on.</summary>
    public int SamplesPerPixel { get; }

    /// <summary>Width of the resized frame, rounded up to <see cref="ColumnGroup"/>.</summary>
    public int PaddedWidth { get; }

    /// <summary>
    /// For each column of the resized frame the index of its left pixel's first sample; 0 in the padding. The right pixel is the next one.
    /// </summary>
    public int* ColumnOffsets => columnOffsets.Pointer;

    /// <summary>
    /// For each column the left pixel's weight in the low 16 bits and the right one's in the high 16, 0 where there is no right pixel. All 0 in the
    /// padding.
    /// </summary>
    /// <remarks>For pixels of several channels four times each, and in the order of <see cref="WeightPlaceOf"/>, so that vectors of weights are
    /// loaded as they are used.</remarks>
    public int* ColumnWeights => columnWeights.Pointer;

    /// <summary>Where a column's weights are: of each four columns in the order 0, 2, 1, 3.</summary>
    public static int WeightPlaceOf(int column) => (column & ~3) | ((column & 1) << 1) | ((column >> 1) & 1);

    /// <summary>What a row of the resized frame is made of.</summary>
    public ref readonly ResampledRow RowAt(int y) => ref rows[y];

    private static (int First, float Fraction) Locate(int index, int resizedSize, int frameSize)
    {
        double scale = 1.0 / ((double)resizedSize / frameSize);
        float coordinate = (float)(((index + 0.5) * scale) - 0.5);
        int first = (int)MathF.Floor(coordinate);
        return (first, coordinate - first);
    }

    private static int WeightOf(float share) => (int)MathF.Round(share * One, MidpointRounding.ToEven);
}

/// <summary>
/// The two frame rows that a row of the resized frame lies between, and their weights. With a lower weight of 0 the upper one is 2,048.
/// </summary>
internal readonly record struct ResampledRow(int Upper, int Lower, short UpperWeight, short LowerWeight);
