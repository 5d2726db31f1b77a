using System.Text.Json;
using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Results.Tests;

public sealed class ResultFileTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_of_a_suite_is_read_as_it_was_written()
    {
        string path = folder.File("made.json");
        ResultFile made = Made.File(("a: time", Made.Time(12.3, 0.5)), ("b: rate", Made.Rate(1e6, null)), ("c: bytes", Made.Bytes(0)));
        ResultFile written = made with { Machine = Made.Machine with { Gpu = "A GPU", Driver = "1" } };
        written.Write(path);
        ResultFile read = ResultFile.Read(path);
        Assert.Equal(written.Name, read.Name);
        Assert.Equal(written.Machine, read.Machine);
        Assert.Equal(written.Figures, read.Figures);
        Assert.Equal(["made.json"], Directory.EnumerateFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Figures_of_the_bench_are_named_by_their_path_and_know_which_way_is_better()
    {
        File.WriteAllText(folder.File("b.json"), Made.Bench(1000));
        ResultFile file = ResultFile.Read(folder.File("b.json"));
        Assert.Equal("A GPU, A CPU, 16 cores", file.Machine.Hardware);
        Assert.Equal(1.25, file.Machine.Load);
        Assert.Equal(new Figure(1000, "", Better.Higher, 2), file.Figures["end_to_end_fps"]);
        Assert.Equal(new Figure(1500.5, "", Better.Lower), file.Figures["latency_us.p50"]);
        Assert.Equal(new Figure(20.25, "", Better.Lower), file.Figures["cpu_us_per_frame"]);
        Assert.Equal(new Figure(0, "", Better.Lower), file.Figures["managed_bytes_per_frame"]);
        Assert.Equal(new Figure(50, "", Better.Higher), file.Figures["link.upload_gb_s"]);
        Assert.Equal(new Figure(8, "", Better.Neither), file.Figures["batch"]);
        Assert.Equal(new Figure(0.8, "", Better.Neither), file.Figures["profile.classes.convolution 3x3.share"]);
        Assert.Equal(new Figure(4900, "", Better.Higher), file.Figures["video clip.h264.rates.32.detected.fps"]);
        Assert.DoesNotContain(file.Figures.Keys, static name => name.StartsWith("machine", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"machine":{"cores":2,"date":"2026-01-01T00:00:00Z"}}""")]
    [InlineData("""{"machine":{"cores":2},"figures":{}}""")]
    [InlineData("""{"machine":{"cores":2,"date":"d"},"figures":{"a":{"value":1}}}""")]
    [InlineData("""{"machine":{"cores":2,"date":"d"},"figures":{"a":{"value":1,"unit":"ns","better":"blue"}}}""")]
    public void What_is_no_result_file_is_refused_by_its_name(string text)
    {
        File.WriteAllText(folder.File("bad.json"), text);
        ResultException error = Assert.Throws<ResultException>(() => ResultFile.Read(folder.File("bad.json")));
        Assert.Contains("bad.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_told() =>
        Assert.Contains(
            "none.json", Assert.Throws<ResultException>(() => ResultFile.Read(folder.File("none.json"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Frames_of_a_list_are_named_by_what_they_are()
    {
        using JsonDocument file = JsonDocument.Parse(
            """
            {"end_to_end_fps": 1, "modes": [{"mode": "mapped", "format": "nv12", "width": 128, "height": 72, "problem": null, "fps": 2}, {"fps": 3}]}
            """);
        Assert.Equal(
            ["end_to_end_fps", "modes.128 72 nv12 mapped.width", "modes.128 72 nv12 mapped.height", "modes.128 72 nv12 mapped.fps", "modes.1.fps"],
            BenchFigures.Read(file.RootElement).Keys);
    }
}
