using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>What every transfer mode gives with every format and size.</summary>
internal sealed record TransferSection(IReadOnlyList<TransferRow> Rows) : IReportSection
{
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartArray("transfer_modes"u8);
        foreach (TransferRow row in Rows)
        {
            row.Write(json);
        }

        json.WriteEndArray();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("transfer modes", "frames/s | a lone frame p50, p99 us | processor us a frame | bus KB a frame, of KB | taken MiB, ms");
        foreach (TransferRow row in Rows)
        {
            yield return ($"  {row.Format.Width}x{row.Format.Height} {row.PixelFormat} {row.Mode}", row.Text());
        }
    }
}

/// <summary>One mode with frames of one kind.</summary>
/// <param name="Mode">The mode in words; <c>registered</c> for registered memory.</param>
/// <param name="Format">The frames.</param>
/// <param name="Problem">Why it was not measured; null where it was.</param>
internal sealed record TransferRow(string Mode, FrameFormat Format, string? Problem)
{
    public string PixelFormat => Format.PixelFormat.ToString().ToLowerInvariant();

    /// <summary>Frames a second with the pipeline full.</summary>
    public double Fps { get; init; }

    /// <summary>Microseconds of a frame that is alone, from submit to result.</summary>
    public double LoneP50 { get; init; }

    public double LoneP99 { get; init; }

    /// <summary>Processor time of the process for a frame, with the pipeline full.</summary>
    public double CpuMicroseconds { get; init; }

    /// <summary>Bytes that the device received over the bus for a frame, by its own counters; null where it does not say.</summary>
    public double? BusBytes { get; init; }

    /// <summary>Bytes of all slots.</summary>
    public long SlotBytes { get; init; }

    /// <summary>Time to take that much memory of this kind, each page written once.</summary>
    public double TakeMilliseconds { get; init; }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("mode"u8, Mode);
        json.WriteString("format"u8, PixelFormat);
        json.WriteNumber("width"u8, Format.Width);
        json.WriteNumber("height"u8, Format.Height);
        json.WriteNumber("frame_bytes"u8, Format.ByteCount);
        json.WriteString("problem"u8, Problem);
        if (Problem is null)
        {
            json.WriteNumber("fps"u8, Math.Round(Fps, 1));
            json.WriteNumber("lone_p50_us"u8, Math.Round(LoneP50, 1));
            json.WriteNumber("lone_p99_us"u8, Math.Round(LoneP99, 1));
            json.WriteNumber("cpu_us_per_frame"u8, Math.Round(CpuMicroseconds, 1));
            json.WritePropertyName("bus_bytes_per_frame"u8);
            if (BusBytes is double bytes && double.IsFinite(bytes))
            {
                json.WriteNumberValue(Math.Round(bytes));
            }
            else
            {
                json.WriteNullValue();
            }

            json.WriteNumber("slot_bytes"u8, SlotBytes);
            json.WriteNumber("take_ms"u8, Math.Round(TakeMilliseconds, 2));
        }

        json.WriteEndObject();
    }

    public string Text()
    {
        string bus = BusBytes is double bytes ? (bytes / 1000).ToString("F0", CultureInfo.InvariantCulture) : "unknown";
        return Problem ?? string.Create(
            CultureInfo.InvariantCulture,
            $"{Fps,8:F1} | {LoneP50,7:F1} {LoneP99,7:F1} | {CpuMicroseconds,6:F1} | {bus,6} of {Format.ByteCount / 1000,5} | "
                + $"{SlotBytes / 1048576.0,6:F0} {TakeMilliseconds,7:F1}");
    }
}
