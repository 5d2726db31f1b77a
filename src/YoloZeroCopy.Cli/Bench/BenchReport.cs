using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>The result of <c>yzc bench</c>.</summary>
internal sealed record BenchReport
{
    public required string Model { get; init; }

    public required FrameFormat Frame { get; init; }

    public required int Batch { get; init; }

    public required int Lanes { get; init; }

    public required double EngineOnlyFps { get; init; }

    public required double EndToEndFps { get; init; }

    /// <summary>The two rates of each slice of time, for what they vary by.</summary>
    public required IReadOnlyList<double> EngineOnlySlices { get; init; }

    public required IReadOnlyList<double> EndToEndSlices { get; init; }

    public required LatencyHistogram Latency { get; init; }

    public LatencyHistogram SingleLatency { get; init; } = new();

    /// <summary>Processor time of a frame in the engine alone. Unlike the rates, it hardly changes with what else the machine does.</summary>
    public required double EngineCpuMicrosecondsPerFrame { get; init; }

    public required double CpuMicrosecondsPerFrame { get; init; }

    public required double ManagedBytesPerFrame { get; init; }

    public required double HostCopiesPerFrame { get; init; }

    public required long Frames { get; init; }

    public required long Drops { get; init; }

    public required MachineDescription Machine { get; init; }

    /// <summary>What was measured beyond the two rates.</summary>
    public IReadOnlyList<IReportSection> Sections { get; init; } = [];

    public double Ratio => EngineOnlyFps > 0 ? EndToEndFps / EngineOnlyFps : 0;

    public string ToJson() => JsonText.Write(json =>
    {
        json.WriteString("model"u8, Model);
        json.WriteString("frame"u8, FrameText());
        json.WriteString("format"u8, FormatText());
        json.WriteNumber("batch"u8, Batch);
        json.WriteNumber("lanes"u8, Lanes);
        json.WriteNumber("engine_only_fps"u8, Math.Round(EngineOnlyFps, 3));
        json.WriteNumber("end_to_end_fps"u8, Math.Round(EndToEndFps, 3));
        json.WriteNumber("ratio"u8, Math.Round(Ratio, 4));
        json.WriteStartObject("slices"u8);
        Write(json, "engine_only_fps"u8, EngineOnlySlices);
        Write(json, "end_to_end_fps"u8, EndToEndSlices);
        json.WriteEndObject();
        json.WriteStartObject("latency_us"u8);
        json.WriteNumber("p50"u8, Math.Round(Latency.Microseconds(0.50), 1));
        json.WriteNumber("p95"u8, Math.Round(Latency.Microseconds(0.95), 1));
        json.WriteNumber("p99"u8, Math.Round(Latency.Microseconds(0.99), 1));
        json.WriteEndObject();
        json.WriteStartObject("single_latency_us"u8);
        json.WriteNumber("p50"u8, Math.Round(SingleLatency.Microseconds(0.50), 1));
        json.WriteNumber("p99"u8, Math.Round(SingleLatency.Microseconds(0.99), 1));
        json.WriteEndObject();
        json.WriteNumber("cpu_us_per_frame"u8, Math.Round(CpuMicrosecondsPerFrame, 2));
        json.WriteNumber("engine_only_cpu_us_per_frame"u8, Math.Round(EngineCpuMicrosecondsPerFrame, 2));
        json.WriteNumber("managed_bytes_per_frame"u8, Math.Round(ManagedBytesPerFrame, 3));
        json.WriteNumber("host_copies_per_frame"u8, Math.Round(HostCopiesPerFrame, 4));
        json.WriteNumber("frames"u8, Frames);
        json.WriteNumber("drops"u8, Drops);
        foreach (IReportSection section in Sections)
        {
            section.Write(json);
        }

        Machine.Write(json);
    });

    public NamedLines ToLines()
    {
        NamedLines lines = new(nameWidth: 24);
        Line("model", $"{Model}");
        Line("frames", $"{FrameText()} {FormatText()}, batches of {Batch}, lanes {Lanes}");
        Line("engine only", $"{EngineOnlyFps:F2} frames/s");
        Line("end to end", $"{EndToEndFps:F2} frames/s ({Frames} frames, {Drops} dropped)");
        Line("ratio", $"{Ratio:F4}");
        Line(
            "latency, pipeline full",
            $"p50 {Latency.Microseconds(0.5):F0} us, p95 {Latency.Microseconds(0.95):F0} us, p99 {Latency.Microseconds(0.99):F0} us");
        Line("latency, one frame", $"p50 {SingleLatency.Microseconds(0.5):F0} us, p99 {SingleLatency.Microseconds(0.99):F0} us");
        Line("CPU time", $"{CpuMicrosecondsPerFrame:F1} us a frame, {EngineCpuMicrosecondsPerFrame:F1} us of the engine alone");
        Line("managed bytes", $"{ManagedBytesPerFrame:F3} a frame");
        Line("host copies", $"{HostCopiesPerFrame:F2} a frame");
        foreach ((string name, string sentence) in Sections.SelectMany(static section => section.Lines()))
        {
            Line(name, $"{sentence}");
        }

        Line("machine", $"{Machine.Processor}, {Machine.Cores} cores, {Machine.System}, {Machine.DotNet}");
        Line("engine", $"{Machine.Engine}");
        Line("graph", $"{Machine.Graph}");
        Line("date", $"{Machine.Date}");
        return lines;

        void Line(string name, FormattableString value) => lines.Add(name, FormattableString.Invariant(value));
    }

    private static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name, IReadOnlyList<double> rates)
    {
        json.WriteStartArray(name);
        foreach (double rate in rates)
        {
            json.WriteNumberValue(Math.Round(rate, 3));
        }

        json.WriteEndArray();
    }

    private string FrameText() => string.Create(CultureInfo.InvariantCulture, $"{Frame.Width}x{Frame.Height}");

    private string FormatText() => Frame.PixelFormat.ToString().ToLowerInvariant();
}
