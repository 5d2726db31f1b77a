namespace YoloZeroCopy;

/// <summary>How often a tensor has which numbers, over all pictures, in memory that does not grow.</summary>
/// <remarks>Bins lie evenly from -limit to limit. A larger number doubles the limit, and two bins become one.</remarks>
internal sealed class ActivationHistogram
{
    private const int HalfBins = 4096;

    private readonly long[] counts = new long[2 * HalfBins];
    private float limit;

    /// <summary>Numbers that were added.</summary>
    public long Count { get; private set; }

    /// <summary>Largest magnitude that was added.</summary>
    public float Largest { get; private set; }

    /// <summary>Adds numbers; false, with nothing added, where one is not finite.</summary>
    public bool TryAdd(ReadOnlySpan<float> values)
    {
        float most = 0;
        foreach (float value in values)
        {
            float magnitude = Math.Abs(value);
            if (!float.IsFinite(magnitude))
            {
                return false;
            }

            most = Math.Max(most, magnitude);
        }

        Grow(most);
        float scale = limit > 0 ? HalfBins / limit : 0;
        foreach (float value in values)
        {
            counts[Math.Clamp((int)((value * scale) + HalfBins), 0, counts.Length - 1)]++;
        }

        Count += values.Length;
        Largest = Math.Max(Largest, most);
        return true;
    }

    /// <summary>Number in the middle of each bin that has any, and how many it has.</summary>
    public IEnumerable<(double Value, long Count)> Bins()
    {
        double width = (double)limit / HalfBins;
        for (int bin = 0; bin < counts.Length; bin++)
        {
            if (counts[bin] > 0)
            {
                yield return ((bin - HalfBins + 0.5) * width, counts[bin]);
            }
        }
    }

    private void Grow(float most)
    {
        if (limit == 0)
        {
            limit = most;
            if (Count > 0 && most > 0)
            {
                // Only zeros so far.
                counts[HalfBins] = Count;
            }
        }

        for (; limit < most; limit *= 2)
        {
            for (int half = 0; half < HalfBins / 2; half++)
            {
                counts[HalfBins + half] = counts[HalfBins + (2 * half)] + counts[HalfBins + (2 * half) + 1];
                counts[HalfBins - 1 - half] = counts[HalfBins - 1 - (2 * half)] + counts[HalfBins - 2 - (2 * half)];
            }

            counts.AsSpan(0, HalfBins / 2).Clear();
            counts.AsSpan(HalfBins + (HalfBins / 2)).Clear();
        }
    }
}
