namespace YoloZeroCopy;

/// <summary>Finds the largest magnitude that 8 bits are to tell: what is larger becomes that, and what is smaller is told the finer.</summary>
internal static class RangeSearch
{
    private const int Levels = 127;
    private const double NearlyAll = 0.9999;

    // Limits that are tried: each so much of the one before.
    private const double Step = 0.95;
    private const int Tries = 60;

    /// <summary>Finds it.</summary>
    /// <param name="histogram">What the tensor has.</param>
    /// <param name="range">How.</param>
    /// <param name="isSiluInput">Whether what matters is the numbers' x * sigmoid(x).</param>
    public static double Limit(ActivationHistogram histogram, QuantizationRange range, bool isSiluInput)
    {
        if (histogram.Largest == 0)
        {
            return 1;
        }

        return range switch
        {
            QuantizationRange.Full => histogram.Largest,
            QuantizationRange.Percentile => Percentile(histogram),
            _ => LeastError(histogram, isSiluInput),
        };
    }

    private static double Percentile(ActivationHistogram histogram)
    {
        (double Magnitude, long Count)[] bins =
            [.. histogram.Bins().Select(static bin => (Math.Abs(bin.Value), bin.Count)).OrderBy(static bin => bin.Item1)];
        long wanted = (long)(NearlyAll * histogram.Count);
        long seen = 0;
        foreach ((double magnitude, long count) in bins)
        {
            seen += count;
            if (seen >= wanted)
            {
                return magnitude;
            }
        }

        return histogram.Largest;
    }

    private static double LeastError(ActivationHistogram histogram, bool isSiluInput)
    {
        (double Value, long Count)[] bins = [.. histogram.Bins()];
        double[] wanted = [.. bins.Select(bin => isSiluInput ? Silu(bin.Value) : bin.Value)];
        double best = histogram.Largest;
        double least = double.PositiveInfinity;
        double limit = histogram.Largest;
        for (int turn = 0; turn < Tries; turn++, limit *= Step)
        {
            double step = limit / Levels;
            double error = 0;
            for (int index = 0; index < bins.Length && error < least; index++)
            {
                double level = Math.Clamp(Math.Round(bins[index].Value / step), -Levels - 1, Levels) * step;
                double difference = (isSiluInput ? Silu(level) : level) - wanted[index];
                error += difference * difference * bins[index].Count;
            }

            if (error < least)
            {
                (least, best) = (error, limit);
            }
        }

        return best;
    }

    private static double Silu(double value) => value / (1 + Math.Exp(-value));
}
