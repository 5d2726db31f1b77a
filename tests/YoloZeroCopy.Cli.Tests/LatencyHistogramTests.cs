namespace YoloZeroCopy.Cli.Tests;

public sealed class LatencyHistogramTests
{
    // The histogram promises 0.8 %; the reference is the sorted list, nearest rank.
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(10_000)]
    public void Percentiles_equal_those_of_the_sorted_values(int count)
    {
        Random random = new(count);
        LatencyHistogram histogram = new();
        List<TimeSpan> values = [];
        for (int index = 0; index < count; index++)
        {
            // From a tenth of a microsecond to minutes, evenly in the exponent.
            TimeSpan value = TimeSpan.FromTicks((long)Math.Pow(10, random.NextDouble() * 9));
            values.Add(value);
            histogram.Record(value);
        }

        values.Sort();
        foreach (double share in (double[])[0.01, 0.5, 0.95, 0.99, 1])
        {
            double expected = values[(int)Math.Max(1, Math.Ceiling(share * count)) - 1].TotalMicroseconds;
            Assert.InRange(histogram.Microseconds(share), expected * 0.992, expected * 1.008);
        }

        Assert.Equal(count, histogram.Count);
    }

    [Fact]
    public void Extremes_are_held()
    {
        LatencyHistogram histogram = new();
        Assert.Equal(0, histogram.Microseconds(0.5));
        histogram.Record(TimeSpan.FromTicks(-5));
        Assert.Equal(0, histogram.Microseconds(0.5));
        histogram.Record(TimeSpan.FromDays(365));
        Assert.InRange(histogram.Microseconds(1), TimeSpan.FromDays(362).TotalMicroseconds, TimeSpan.FromDays(368).TotalMicroseconds);
        histogram.Clear();
        Assert.Equal(0, histogram.Count);
    }

    [Fact]
    public void Recording_allocates_nothing()
    {
        LatencyHistogram histogram = new();
        histogram.Record(TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, AllocationSlices.LeastHere(() =>
        {
            for (int index = 0; index < 1000; index++)
            {
                histogram.Record(TimeSpan.FromTicks(index));
            }
        }));
    }
}
