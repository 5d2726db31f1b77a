namespace YoloZeroCopy.Tests;

/// <summary>What a tensor has, and the range that is chosen for it.</summary>
public sealed class RangeTests
{
    [Fact]
    public void A_histogram_keeps_every_number_as_its_limit_grows()
    {
        ActivationHistogram histogram = new();
        float[] values = [.. Enumerable.Range(0, 1000).Select(static index => (index - 500) / 500f)];
        Assert.True(histogram.TryAdd([0, 0, 0]));
        Assert.True(histogram.TryAdd(values));
        Assert.True(histogram.TryAdd([300, -20]));
        Assert.True(histogram.TryAdd(values));
        Assert.Equal((2005L, 300f), (histogram.Count, histogram.Largest));
        Assert.Equal(2005, histogram.Bins().Sum(static bin => bin.Count));

        // 512 is the limit then, and a bin an eighth wide.
        Assert.Equal(1003, histogram.Bins().Where(static bin => bin.Value is > 0 and < 1.2).Sum(static bin => bin.Count), 10.0);
        Assert.Equal(300, histogram.Bins().Max(static bin => bin.Value), 0.2);
        Assert.Equal(-20, histogram.Bins().Min(static bin => bin.Value), 0.2);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_number_that_is_not_finite_is_refused_and_nothing_is_counted(float value)
    {
        ActivationHistogram histogram = new();
        Assert.False(histogram.TryAdd([1, value, 2]));
        Assert.Equal(0, histogram.Count);
        Assert.Empty(histogram.Bins());
    }

    [Theory]
    [InlineData(QuantizationRange.Full, 20, 20)]
    [InlineData(QuantizationRange.Percentile, 3.5, 5)]
    [InlineData(QuantizationRange.LeastError, 8, 19)]
    public void A_range_leaves_out_what_is_rare_but_for_the_full_one(QuantizationRange range, double least, double most)
    {
        // A hundred thousand normal numbers, and one far outside.
        Random random = new(7);
        ActivationHistogram histogram = new();
        float[] values = [.. Enumerable.Range(0, 100_000).Select(_ => Normal(random)), 20];
        Assert.True(histogram.TryAdd(values));
        Assert.InRange(RangeSearch.Limit(histogram, range, isSiluInput: false), least, most);
    }

    [Fact]
    public void What_the_activation_flattens_needs_no_range()
    {
        // Large negative numbers give nothing after x * sigmoid(x).
        Random random = new(7);
        ActivationHistogram histogram = new();
        float[] values =
            [.. Enumerable.Range(0, 10_000).Select(_ => Normal(random)), .. Enumerable.Range(0, 10_000).Select(_ => -40 + Normal(random))];
        Assert.True(histogram.TryAdd(values));
        Assert.InRange(RangeSearch.Limit(histogram, QuantizationRange.LeastError, isSiluInput: true), 3, 12);
        Assert.InRange(RangeSearch.Limit(histogram, QuantizationRange.LeastError, isSiluInput: false), 35, 45);
    }

    [Theory]
    [InlineData(QuantizationRange.Full)]
    [InlineData(QuantizationRange.Percentile)]
    [InlineData(QuantizationRange.LeastError)]
    public void Zeros_alone_have_any_range(QuantizationRange range)
    {
        ActivationHistogram histogram = new();
        Assert.True(histogram.TryAdd(new float[100]));
        Assert.Equal(1, RangeSearch.Limit(histogram, range, isSiluInput: false));
    }

    private static float Normal(Random random) =>
        (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
}
