using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>What a long time at full load showed.</summary>
internal sealed record SoakSection : IReportSection
{
    private const double WindowSeconds = 10;
    private const double Mega = 1 << 20;

    public required double Seconds { get; init; }

    /// <summary>Frames with a result.</summary>
    public required long Frames { get; init; }

    public required long Submitted { get; init; }

    public required long Failed { get; init; }

    public required long Dropped { get; init; }

    /// <summary>Slots that were not back when all was answered.</summary>
    public required int SlotsInUse { get; init; }

    /// <summary>One a second, the first at the start and the last at the end.</summary>
    public required IReadOnlyList<SoakSample> Samples { get; init; }

    /// <summary>Clock of the multiprocessors in MHz, now and then.</summary>
    public required IReadOnlyList<int> Clocks { get; init; }

    public required bool HasDevice { get; init; }

    /// <summary>Frames that were submitted and never answered.</summary>
    public long Lost => Submitted - Frames - Failed - Dropped;

    /// <summary>Frames a second in each window of ten seconds; a last one that is much shorter is left out, unless it is the only one.</summary>
    public IReadOnlyList<double> WindowFps()
    {
        List<double> rates = [];
        SoakSample begin = Samples[0];
        foreach (SoakSample sample in Samples.Skip(1))
        {
            double time = sample.Seconds - begin.Seconds;
            bool isLast = sample == Samples[^1];
            if (time >= WindowSeconds || (isLast && (rates.Count == 0 || time >= WindowSeconds / 2)))
            {
                rates.Add(Statistics.Ratio(sample.Answered - begin.Answered, time));
                begin = sample;
            }
        }

        return rates;
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("soak"u8);
        json.WriteNumber("seconds"u8, Math.Round(Seconds, 2));
        json.WriteNumber("frames"u8, Frames);
        json.WriteNumber("submitted"u8, Submitted);
        json.WriteNumber("failed"u8, Failed);
        json.WriteNumber("dropped"u8, Dropped);
        json.WriteNumber("lost"u8, Lost);
        json.WriteNumber("slots_in_use_at_end"u8, SlotsInUse);
        if (HasDevice)
        {
            Write(json, "device_free_bytes"u8, static sample => sample.DeviceFreeBytes);
        }

        Write(json, "process_rss_bytes"u8, static sample => sample.ResidentBytes);
        json.WriteStartArray("window_fps"u8);
        foreach (double rate in WindowFps())
        {
            json.WriteNumberValue(Math.Round(rate, 1));
        }

        json.WriteEndArray();
        if (Clocks.Count > 0)
        {
            json.WriteStartArray("sm_clock_mhz"u8);
            foreach (int clock in Clocks)
            {
                json.WriteNumberValue(clock);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("soak", FormattableString.Invariant(
            $"{Seconds:F1} s, {Frames} frames, {Lost} lost, {Failed} failed, {Dropped} dropped, {SlotsInUse} slots in use at the end"));
        yield return ("soak, rate", string.Join(", ", WindowFps().Select(static rate => rate.ToString("F0", CultureInfo.InvariantCulture)))
            + " frames/s in windows of 10 s");
        if (HasDevice)
        {
            yield return ("soak, device free", Range(static sample => sample.DeviceFreeBytes));
        }

        yield return ("soak, process memory", Range(static sample => sample.ResidentBytes));
        if (Clocks.Count > 0)
        {
            yield return ("soak, SM clock", FormattableString.Invariant($"{Clocks.Min()} to {Clocks.Max()} MHz in {Clocks.Count} readings"));
        }
    }

    private void Write(Utf8JsonWriter json, ReadOnlySpan<byte> name, Func<SoakSample, long> value)
    {
        json.WriteStartObject(name);
        json.WriteNumber("before"u8, value(Samples[0]));
        json.WriteNumber("after"u8, value(Samples[^1]));
        json.WriteNumber("min"u8, Samples.Min(value));
        json.WriteNumber("max"u8, Samples.Max(value));
        json.WriteEndObject();
    }

    private string Range(Func<SoakSample, long> value) => string.Create(
        CultureInfo.InvariantCulture,
        $"before {value(Samples[0]) / Mega:F1} MiB, after {value(Samples[^1]) / Mega:F1}, least "
        + $"{Samples.Min(value) / Mega:F1}, most {Samples.Max(value) / Mega:F1}");
}

/// <summary>One look at the running benchmark.</summary>
internal readonly record struct SoakSample(double Seconds, long Answered, long DeviceFreeBytes, long ResidentBytes);
