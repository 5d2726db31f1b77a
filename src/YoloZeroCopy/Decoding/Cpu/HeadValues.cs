using System.Numerics;

namespace YoloZeroCopy;

/// <summary>What a head's maps mean at one cell, in binary32.</summary>
/// <remarks>
/// As Ultralytics' Detect head decodes: a side's distance is the mean of the softmax of its bins (Li et al., Generalized Focal Loss, 2020), or the
/// number itself where there is one; corners are the cell's centre less and plus the distances, in units of the stride; a score is the logistic
/// function of its logit.
/// </remarks>
internal static class HeadValues
{
    /// <summary>A score.</summary>
    public static float Score(float logit) => 1 / (1 + MathF.Exp(-logit));

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
            float weight = MathF.Exp(float.CreateTruncating(sides[first + (bin * cells)]) - largest);
            sum += weight;
            mean += weight * bin;
        }

        return mean / sum;
    }
}
