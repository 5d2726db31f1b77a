using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary><c>yzc plan</c>.</summary>
public sealed class PlanTests
{
    [Fact]
    public void A_card_is_planned_for_in_JSON()
    {
        YzcResult run = YzcProcess.Run(
            "plan", "--model", SampleAssets.Model, "--frame", "1920x1080", "--format", "nv12", "--batch", "8", "--streams", "12", "--card", "l4",
            "--decode", "nvdec", "--codec", "hevc", "--margin", "0.2", "--json").Succeeded();
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        JsonElement[] items = [.. root.GetProperty("items").EnumerateArray()];
        Assert.Equal(
            [
                "activations", "context", "decoder_surfaces", "frames", "graphs", "inputs", "libraries", "outputs", "results", "slots", "weights",
                "workspace",
            ],
            items.Select(static item => item.GetProperty("name").GetString()!).Distinct().Order(StringComparer.Ordinal));
        Assert.All(items, static item =>
        {
            Assert.Contains(item.GetProperty("place").GetString(), (string[])["device", "pinned", "host"]);
            Assert.Equal("formula", item.GetProperty("source").GetString());
            Assert.NotEqual("", item.GetProperty("basis").GetString());
        });
        Assert.Equal(Sum("device"), root.GetProperty("device_bytes").GetInt64());
        Assert.Equal(Sum("pinned") + Sum("host"), root.GetProperty("host_bytes").GetInt64());
        Assert.Equal((12, 6, 8), (Number("streams"), Number("lanes"), Number("batch")));
        Assert.Equal(0.2, root.GetProperty("margin").GetDouble());
        Assert.Equal(("L4", "PCIe 4.0 x16"), (root.GetProperty("card").GetString(), root.GetProperty("bus").GetString()));
        Assert.Equal(23034L << 20, root.GetProperty("device_memory_bytes").GetInt64());
        Assert.Equal(JsonValueKind.Null, root.GetProperty("host_memory_bytes").ValueKind);
        Assert.True(root.GetProperty("fits").GetBoolean());
        Assert.InRange(Number("max_streams"), 13, 1000);
        Assert.Equal("decoder_surfaces", root.GetProperty("limited_by").GetString());

        long Sum(string place) => items.Where(item => item.GetProperty("place").GetString() == place)
            .Sum(static item => item.GetProperty("bytes").GetInt64());

        int Number(string name) => root.GetProperty(name).GetInt32();
    }

    [Fact]
    public void Decoders_that_are_expected_count()
    {
        YzcResult run = YzcProcess.Run(
            "plan", "--model", SampleAssets.Model, "--card", "L4", "--decoders", "16 mjpeg 1920x1080, 4 hevc 3840x2160").Succeeded();
        Assert.Contains("96 pictures x", run.Output, StringComparison.Ordinal);
        Assert.Contains("16 decoders x", run.Output, StringComparison.Ordinal);
        Assert.Contains(" + 4 decoders x", run.Output, StringComparison.Ordinal);
        YzcProcess.Run("plan", "--model", SampleAssets.Model, "--card", "L4", "--decoders", "16 mjpeg").Failed(
            ExitCode.WrongArguments, "16 mjpeg 1920x1080", "--help");
    }

    [Fact]
    public void Too_many_streams_are_no_error_and_said_not_to_fit()
    {
        YzcResult run = YzcProcess.Run(
            "plan", "--model", SampleAssets.Model, "--vram", "2GiB", "--decode", "nvdec", "--streams", "500", "--format", "nv12").Succeeded();
        Assert.Matches("(?m)^fits +no$", run.Output);
        Assert.Matches("(?m)^streams +up to [0-9]+, limited by decoder surfaces$", run.Output);
        Assert.Matches("(?m)^device +[0-9.]+ MiB of 2048.0 MiB; a margin of 30 % stays free$", run.Output);
        Assert.Contains("500 decoders x", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_processor_is_planned_for_with_a_program_for_each_stream()
    {
        YzcResult run = YzcProcess.Run(
            "plan", "--model", SampleAssets.Model, "--device", "cpu", "--decode", "cpu", "--streams", "3", "--host-memory", "4GiB",
                "--json").Succeeded();
        using JsonDocument document = JsonDocument.Parse(run.Output);
        JsonElement root = document.RootElement;
        Assert.Equal(0, root.GetProperty("device_bytes").GetInt64());
        Assert.Equal(4L << 30, root.GetProperty("host_memory_bytes").GetInt64());
        Assert.Equal("decoder_programs", root.GetProperty("limited_by").GetString());
        Assert.Contains(root.GetProperty("items").EnumerateArray(), static item =>
            item.GetProperty("name").GetString() == "activations" && item.GetProperty("source").GetString() == "measured");
    }

    [Fact]
    public void Sources_of_a_hub_have_slots_of_their_own()
    {
        YzcResult run = YzcProcess.Run(
            "plan", "--model", SampleAssets.Model, "--card", "L4", "--streams", "10", "--frames-ahead", "4", "--format", "nv12").Succeeded();
        Assert.Contains("10 sources with 4 slots each", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--frames-ahead 1", "--frames-ahead: '1'")]
    [InlineData("--frames-ahead 4 --card L4 --decode nvdec", "lie in no slots")]
    [InlineData("--card H99", "'H99' is no card that is known; there are T4, L4,")]
    [InlineData("--card T4 --vram 3GiB", "--vram and --card are given")]
    [InlineData("--card T4 --device cuda:0", "--card and --device are given")]
    [InlineData("--vram lots", "--vram: 'lots' is not a size like 24GiB")]
    [InlineData("--vram 0", "--vram: '0'")]
    [InlineData("--streams 0", "--streams: '0'")]
    [InlineData("--decode magic", "none, cpu, nvdec")]
    [InlineData("--codec vp9", "h264, hevc, av1, mjpeg")]
    [InlineData("--margin 2", "--margin: '2'")]
    [InlineData("--device cpu --decode nvdec", "on which no device decodes")]
    public void Wrong_arguments_end_with_2(string arguments, string words) =>
        YzcProcess.Run(["plan", "--model", SampleAssets.Model, .. arguments.Split(' ')]).Failed(ExitCode.WrongArguments, words, "--help");

    [Fact]
    public void A_missing_model_ends_with_4() =>
        YzcProcess.Run("plan", "--model", "none.onnx", "--card", "T4").Failed(ExitCode.ModelUnusable, "none.onnx");

    [Theory]
    [InlineData("24GiB", 24L << 30)]
    [InlineData("1.5gib", 3L << 29)]
    [InlineData("512MiB", 512L << 20)]
    [InlineData("8KiB", 8192)]
    [InlineData("4096", 4096)]
    public void Sizes_have_units(string text, long bytes)
    {
        Assert.True(OptionParsing.TryBytes(text, out long value, out string? error));
        Assert.Equal((bytes, null), (value, error));
    }

    [Theory]
    [InlineData("")]
    [InlineData("GiB")]
    [InlineData("-1GiB")]
    [InlineData("1TiB")]
    [InlineData("99999999999GiB")]
    [InlineData("1e3")]
    public void Other_sizes_of_memory_are_refused(string text)
    {
        Assert.False(OptionParsing.TryBytes(text, out long value, out string? error));
        Assert.Equal(0, value);
        Assert.Contains($"'{text}'", error, StringComparison.Ordinal);
    }
}
