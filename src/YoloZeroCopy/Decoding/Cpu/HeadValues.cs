using System.Numerics;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>What a head's maps mean at one cell, in binary32.</summary>
/// <remarks>
/// As Ultralytics' Detect head decodes: a side's distance is the mean of the softmax of its bins (Li et al., Generalized Focal Loss, 2020), or the
/// number itself where there is one; corners are the cell's centre less and plus the distances, in units of the stride; a score is the logistic
/// function of its logit. The exponential is ours, so that every processor and every GPU gives the same bits.
/// </remarks>
internal static class HeadValues
{
    /// <summary>Names of a box's sides, in their order.</summary>
    public static readonly string[] SideNames = ["left", "top", "right", "bottom"];

    /// <summary>A score.</summary>
    public static float Score(float logit) => 1 / (1 + Exp(-logit));

    /// <summary>e^x within one unit of the last place. The kernels' <c>exponential</c> does the same operations in the same order.</summary>
    /// <remarks>
    /// x = n ln 2 + r with |r| at most half of ln 2, in two steps (Cody and Waite); e^r by its Taylor series, whose term of r^8 is below 2^-27; times
    /// 2^n in two exact factors, of which the second rounds where the result is subnormal.
    /// </remarks>
    public static float Exp(float x)
    {
        // Beyond it the result is 0 or infinite; NaN stays.
        const float Most = 104;
        if (!(MathF.Abs(x) < Most))
        {
            return x > 0 ? float.PositiveInfinity : x < 0 ? 0 : x;
        }

        // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits.
        const float Shift = 12582912;
        const float High = 0.693359375f;
        const float Low = -2.12194440e-4f;
        float shifted = MathF.FusedMultiplyAdd(x, 1.44269504f, Shift);
        int n = BitConverter.SingleToInt32Bits(shifted) - BitConverter.SingleToInt32Bits(Shift);
        float whole = shifted - Shift;
        float r = MathF.FusedMultiplyAdd(whole, -High, x);
        r = MathF.FusedMultiplyAdd(whole, -Low, r);
        float sum = 1f / 5040;
        sum = MathF.FusedMultiplyAdd(sum, r, 1f / 720);
        sum = MathF.FusedMultiplyAdd(sum, r, 1f / 120);
        sum = MathF.FusedMultiplyAdd(sum, r, 1f / 24);
        sum = MathF.FusedMultiplyAdd(sum, r, 1f / 6);
        sum = MathF.FusedMultiplyAdd(sum, r, 0.5f);
        sum = MathF.FusedMultiplyAdd(sum, r, 1);
        sum = MathF.FusedMultiplyAdd(sum, r, 1);
        int half = n >> 1;
        return sum * PowerOfTwo(half) * PowerOfTwo(n - half);
    }

    /// <summary>The logit of a score from 0 to 1; infinite at both ends.</summary>
    public static float Logit(float score) => MathF.Log(score / (1 - score));

    /// <summary>A box in pixels of the input: left, top, right, bottom.</summary>
    /// <param name="level">The level.</param>
    /// <param name="sides">Its map of sides, <c>[4 x bins, cells]</c>.</param>
    /// <param name="bins">Distances of a side.</param>
    /// <param name="cell">The cell, row by row.</param>
    public static (float Left, float Top, float Right, float Bottom) Box<T>(HeadLevel level, ReadOnlySpan<T> sides, int bins, int cell)
        where T : unmanaged, INumberBase<T>
    {
        float x = (cell % level.Width) + 0.5f;
        float y = (cell / level.Width) + 0.5f;
        int cells = level.Cells;
        return (
            (x - Distance(sides, cells, bins, 0, cell)) * level.Stride,
            (y - Distance(sides, cells, bins, 1, cell)) * level.Stride,
            (x + Distance(sides, cells, bins, 2, cell)) * level.Stride,
            (y + Distance(sides, cells, bins, 3, cell)) * level.Stride);
    }

    /// <summary>A box of a head with anchor boxes, in pixels of the input: centre and size.</summary>
    /// <remarks>As YOLOv5 decodes: the centre is at most half a cell outside its cell, and the size at most four times the anchor box's.</remarks>
    /// <param name="level">The level.</param>
    /// <param name="anchor">The anchor box.</param>
    /// <param name="channels">The map's channels for this anchor box, of which the first four count, <c>[4, cells]</c>.</param>
    /// <param name="cell">The cell, row by row.</param>
    public static (float X, float Y, float Width, float Height) CentreBox<T>(HeadLevel level, AnchorBox anchor, ReadOnlySpan<T> channels, int cell)
        where T : unmanaged, INumberBase<T>
    {
        int cells = level.Cells;
        float x = Twice(channels[cell]) + (cell % level.Width) - 0.5f;
        float y = Twice(channels[cells + cell]) + (cell / level.Width) - 0.5f;
        float width = Twice(channels[(2 * cells) + cell]);
        float height = Twice(channels[(3 * cells) + cell]);
        return (x * level.Stride, y * level.Stride, width * width * anchor.Width, height * height * anchor.Height);
    }

    /// <summary>An element of a map.</summary>
    public static float At(ReadOnlySpan<byte> map, TensorElementType type, int index) =>
        type == TensorElementType.Float32 ? MemoryMarshal.Cast<byte, float>(map)[index] : (float)MemoryMarshal.Cast<byte, Half>(map)[index];

    private static float Twice<T>(T logit)
        where T : unmanaged, INumberBase<T> => 2 * Score(float.CreateTruncating(logit));

    private static float PowerOfTwo(int exponent) => BitConverter.Int32BitsToSingle((exponent + 127) << 23);

    private static float Distance<T>(ReadOnlySpan<T> sides, int cells, int bins, int side, int cell)
        where T : unmanaged, INumberBase<T>
    {
        int first = (side * bins * cells) + cell;
        if (bins == 1)
        {
            return float.CreateTruncating(sides[first]);
        }

        float largest = float.NegativeInfinity;
        for (int bin = 0; bin < bins; bin++)
        {
            largest = Math.Max(largest, float.CreateTruncating(sides[first + (bin * cells)]));
        }

        float sum = 0;
        float mean = 0;
        for (int bin = 0; bin < bins; bin++)
        {
            float weight = Exp(float.CreateTruncating(sides[first + (bin * cells)]) - largest);
            sum += weight;
            mean += weight * bin;
        }

        return mean / sum;
    }
}
