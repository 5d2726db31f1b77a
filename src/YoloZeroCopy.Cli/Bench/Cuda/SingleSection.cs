using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>One frame at a time, beside its two parts that nothing can do without.</summary>
/// <param name="Caller">From before submit until the caller's await has returned.</param>
/// <param name="Result">From submit until the result was ready, as the result itself says.</param>
/// <param name="Engine">The engine's run of one picture.</param>
/// <param name="Upload">The upload of one frame.</param>
/// <param name="Stages">Where the time goes.</param>
internal sealed record SingleSection(LatencyHistogram Caller, LatencyHistogram Result, SoloTime Engine, SoloTime Upload, SingleStages Stages)
    : IReportSection
{
    /// <summary>Median of the caller over engine and upload, both as times on the device.</summary>
    public double RatioToDevice => Statistics.Ratio(Caller.Microseconds(0.5), Engine.Device + Upload.Device);

    /// <summary>The same over engine and upload as the host sees each when it waits for it in the same way.</summary>
    public double RatioToHost => Statistics.Ratio(Caller.Microseconds(0.5), Engine.Host + Upload.Host);

    public double TailRatio => Statistics.Ratio(Caller.Microseconds(0.99), Caller.Microseconds(0.5));

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("single"u8);
        json.WriteNumber("frames"u8, Caller.Count);
        Write(json, "caller_us"u8, Caller);
        Write(json, "result_us"u8, Result);
        json.WriteNumber("engine_device_us"u8, Math.Round(Engine.Device, 1));
        json.WriteNumber("engine_host_us"u8, Math.Round(Engine.Host, 1));
        json.WriteNumber("upload_device_us"u8, Math.Round(Upload.Device, 1));
        json.WriteNumber("upload_host_us"u8, Math.Round(Upload.Host, 1));
        json.WriteNumber("ratio_to_device_sum"u8, Math.Round(RatioToDevice, 4));
        json.WriteNumber("ratio_to_host_sum"u8, Math.Round(RatioToHost, 4));
        json.WriteStartObject("stages_us"u8);
        json.WriteNumber("upload"u8, Math.Round(Stages.Upload, 1));
        json.WriteNumber("upload_to_compute"u8, Math.Round(Stages.Between, 1));
        json.WriteNumber("compute"u8, Math.Round(Stages.Compute, 1));
        json.WriteNumber("host"u8, Math.Round(Stages.Host, 1));
        json.WriteEndObject();
        json.WriteNumber("p99_to_p50"u8, Math.Round(TailRatio, 4));
        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("single, caller", string.Create(
            CultureInfo.InvariantCulture,
            $"{Caller.Count} frames: p50 {Caller.Microseconds(0.5):F1} us, p99 {Caller.Microseconds(0.99):F1} us ({TailRatio:F2} "
            + $"x), max {Caller.MaxMicroseconds:F1} us"));
        yield return ("single, result", FormattableString.Invariant(
            $"p50 {Result.Microseconds(0.5):F1} us, p99 {Result.Microseconds(0.99):F1} us, max {Result.MaxMicroseconds:F1} us"));
        yield return ("single, parts", string.Create(
            CultureInfo.InvariantCulture,
            $"engine {Engine.Device:F1} us + upload {Upload.Device:F1} us on the device: {RatioToDevice:F3} x; waited for, {Engine.Host:F1} + "
            + $"{Upload.Host:F1} us: {RatioToHost:F3} x"));
        yield return ("single, stages", string.Create(
            CultureInfo.InvariantCulture,
            $"upload {Stages.Upload:F1} us, from there to compute {Stages.Between:F1} us, compute {Stages.Compute:F1} us, "
            + $"the rest on the host {Stages.Host:F1} us"));
    }

    private static void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name, LatencyHistogram latency)
    {
        json.WriteStartObject(name);
        json.WriteNumber("p50"u8, Math.Round(latency.Microseconds(0.50), 1));
        json.WriteNumber("p99"u8, Math.Round(latency.Microseconds(0.99), 1));
        json.WriteNumber("max"u8, Math.Round(latency.MaxMicroseconds, 1));
        json.WriteEndObject();
    }
}

/// <summary>Medians in microseconds of lone frames, by event times on the device.</summary>
/// <param name="Upload">The copy of the frame and of what describes it.</param>
/// <param name="Between">From the end of that to the start of the compute stream's work.</param>
/// <param name="Compute">Preprocessing, engine, decoding and the copy of the results.</param>
/// <param name="Total">Submit to result, as the results say.</param>
internal sealed record SingleStages(double Upload, double Between, double Compute, double Total)
{
    /// <summary>What is left: submit to the first copy, and the device's last event to the result.</summary>
    public double Host => Total - Upload - Between - Compute;
}
