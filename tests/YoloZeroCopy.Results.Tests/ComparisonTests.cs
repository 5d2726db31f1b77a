namespace YoloZeroCopy.Results.Tests;

public sealed class ComparisonTests
{
    [Fact]
    public void Equal_files_are_within_the_noise()
    {
        ResultFile file = Made.File(("a", Made.Time(100, 1)), ("b", Made.Rate(50, null)), ("c", Made.Bytes(0)));
        Comparison comparison = Comparison.Of(file, file);
        Assert.True(comparison.IsGood);
        Assert.Empty(comparison.Better);
        Assert.Contains("0 worse, 0 missing, 0 better, 3 within the noise", comparison.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(100.0, 1.0, 104.9, 1.0, false)] // Below a twentieth, though beyond three deviations of 1.41.
    [InlineData(100.0, 1.0, 105.1, 1.0, true)]
    [InlineData(100.0, 4.0, 116.0, 4.0, false)] // Three deviations of both together are 16.97.
    [InlineData(100.0, 4.0, 118.0, 4.0, true)]
    [InlineData(100.0, 0.0, 118.0, 7.0, false)] // One of them may bring all the noise.
    [InlineData(100.0, null, 109.0, 1.0, false)] // Measured once: a tenth.
    [InlineData(100.0, null, 111.0, null, true)]
    public void A_time_is_worse_where_it_grew_beyond_the_noise(double old, double? oldDeviation, double current, double? deviation, bool isWorse)
    {
        Comparison comparison = Comparison.Of(
            Made.File(("a", Made.Time(old, oldDeviation))), Made.File(("a", Made.Time(current, deviation))));
        Assert.Equal(isWorse, !comparison.IsGood);
        Assert.Equal(isWorse ? 1 : 0, comparison.Worse.Count);

        // The same backwards is better or noise, and never worse.
        Comparison backwards = Comparison.Of(
            Made.File(("a", Made.Time(current, deviation))), Made.File(("a", Made.Time(old, oldDeviation))));
        Assert.True(backwards.IsGood);
    }

    [Fact]
    public void A_rate_is_worse_where_it_fell_and_what_is_worse_is_named_with_both_numbers()
    {
        Comparison comparison = Comparison.Of(
            Made.File(("fell", Made.Rate(100, 1)), ("rose", Made.Rate(100, 1))), Made.File(("fell", Made.Rate(80, 1)), ("rose", Made.Rate(120, 1))));
        string worse = Assert.Single(comparison.Worse);
        Assert.StartsWith("fell: 100 to 80 frames/s (-20.0 %", worse, StringComparison.Ordinal);
        Assert.StartsWith("rose: 100 to 120 frames/s (+20.0 %", Assert.Single(comparison.Better), StringComparison.Ordinal);
        Assert.Contains("worse: fell", comparison.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0.9, true)]
    [InlineData(0, 8, false)]
    [InlineData(1000, 1050, true)]
    [InlineData(1000, 1200, false)]
    public void Bytes_grow_by_a_whole_one_and_a_tenth(double old, double current, bool isGood) =>
        Assert.Equal(isGood, Comparison.Of(Made.File(("a", Made.Bytes(old))), Made.File(("a", Made.Bytes(current)))).IsGood);

    [Fact]
    public void A_figure_that_is_missing_is_no_good_and_a_new_one_is_only_named()
    {
        ResultFile two = Made.File(("a", Made.Time(1, 0)), ("b", Made.Time(1, 0)));
        ResultFile one = Made.File(("a", Made.Time(1, 0)));
        Comparison lost = Comparison.Of(two, one);
        Assert.False(lost.IsGood);
        Assert.Equal(["b"], lost.Missing);
        Comparison gained = Comparison.Of(one, two);
        Assert.True(gained.IsGood);
        Assert.Equal(["b"], gained.Added);
    }

    [Fact]
    public void Files_without_a_common_figure_are_not_compared() => Assert.Throws<ResultException>(
        () => Comparison.Of(Made.File(("a", Made.Time(1, 0))), Made.File(("b", Made.Time(1, 0)))));

    [Fact]
    public void Files_of_different_machines_are_only_compared_when_asked_to()
    {
        ResultFile here = Made.File(("a", Made.Time(1, 0)));
        Machine[] others = [Made.Machine with { Cpu = "Another" }, Made.Machine with { Cores = 9 }, Made.Machine with { Gpu = "A GPU" }];
        foreach (Machine other in others)
        {
            ResultFile there = here with { Machine = other };
            ResultException error = Assert.Throws<ResultException>(() => Comparison.Of(here, there));
            Assert.Contains(here.Machine.Hardware, error.Message, StringComparison.Ordinal);
            Assert.Contains(other.Hardware, error.Message, StringComparison.Ordinal);
            Assert.True(Comparison.Of(here, there, otherMachine: true).IsGood);
        }

        // Another version, runtime or day is what a comparison is for.
        Machine later = Made.Machine with { Version = "2", DotNet = "11", Date = "2027-01-01", Load = 9 };
        Assert.True(Comparison.Of(here, here with { Machine = later }).IsGood);
    }
}
