using System.Diagnostics.Metrics;
using MultiCamera.Web;
using YoloZeroCopy.Server;

namespace MultiCamera.Tests.Web;

public sealed class PrometheusTextTests : IDisposable
{
    // Another meter of the program's name, beside whatever other tests have.
    private readonly Meter meter = new(SiteMetrics.Name);
    private readonly PrometheusText text = new(SiteMetrics.IsShown);

    public void Dispose()
    {
        text.Dispose();
        meter.Dispose();
    }

    [Fact]
    public void Counters_gauges_and_histograms_are_written_with_labels_and_units()
    {
        Counter<long> counter = meter.CreateCounter<long>("test.parts", "{part}", "Parts");
        Histogram<double> histogram = meter.CreateHistogram<double>("test.wait", "s", "Waiting");
        KeyValuePair<string, object?> place = new("place", "a \"b\"\\");
        _ = meter.CreateObservableGauge("test.level", () => new Measurement<double>(1.5, place), null, "Level");
        counter.Add(2, new KeyValuePair<string, object?>("kind", "x"));
        counter.Add(3, new KeyValuePair<string, object?>("kind", "x"));
        counter.Add(1, new KeyValuePair<string, object?>("kind", "y"));
        histogram.Record(0.003);
        histogram.Record(0.005);
        histogram.Record(60);

        string written = text.Write();
        Assert.Contains(
            "# HELP test_parts_total Parts\n# TYPE test_parts_total counter\ntest_parts_total{kind=\"x\"} 5\ntest_parts_total{kind=\"y\"} 1\n",
            written,
            StringComparison.Ordinal);
        Assert.Contains("# TYPE test_level gauge\ntest_level{place=\"a \\\"b\\\"\\\\\"} 1.5\n", written, StringComparison.Ordinal);
        Assert.Contains("# TYPE test_wait_seconds histogram\n", written, StringComparison.Ordinal);
        Assert.Contains("test_wait_seconds_bucket{le=\"0.0025\"} 0\ntest_wait_seconds_bucket{le=\"0.005\"} 2\n", written, StringComparison.Ordinal);
        Assert.Contains(
            "test_wait_seconds_bucket{le=\"+Inf\"} 3\ntest_wait_seconds_sum 60.008\ntest_wait_seconds_count 3\n", written, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("s", "test_amount_seconds")]
    [InlineData("By", "test_amount_bytes")]
    [InlineData("{frame}/s", "test_amount_per_second")]
    [InlineData("{frame}", "test_amount")]
    [InlineData(null, "test_amount")]
    public void Names_end_in_the_unit_as_collectors_of_OpenTelemetry_have_it(string? unit, string name)
    {
        _ = meter.CreateObservableGauge("test.amount", static () => 2, unit, "Amount");
        _ = meter.CreateObservableCounter("test.amount.all", static () => 3, unit, "Amount");
        string written = text.Write();
        Assert.Contains($"\n{name} 2\n", written, StringComparison.Ordinal);
        Assert.Contains($"\n{name.Replace("amount", "amount_all", StringComparison.Ordinal)}_total 3\n", written, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_asked_for_is_as_it_is_now()
    {
        List<string> cameras = ["a", "b"];
        _ = meter.CreateObservableGauge(
            "test.live", () => cameras.Select(camera => new Measurement<int>(1, new KeyValuePair<string, object?>("camera", camera))), null, "Live");
        Assert.Contains("test_live{camera=\"a\"} 1\ntest_live{camera=\"b\"} 1\n", text.Write(), StringComparison.Ordinal);
        cameras.RemoveAt(0);
        string written = text.Write();
        Assert.DoesNotContain("test_live{camera=\"a\"}", written, StringComparison.Ordinal);
        Assert.Contains("test_live{camera=\"b\"} 1\n", written, StringComparison.Ordinal);
    }
}
