namespace YoloZeroCopy.Cli;

/// <summary>What is said of a list of measured numbers.</summary>
internal static class Statistics
{
    /// <summary>The middle value, of an even number of values the upper one; 0 of none. Sorts the list.</summary>
    public static double Median(List<double> values)
    {
        values.Sort();
        return values.Count == 0 ? 0 : values[values.Count / 2];
    }

    /// <summary>A quotient, or 0 where nothing was measured to divide by.</summary>
    public static double Ratio(double value, double by) => by > 0 ? value / by : 0;
}
