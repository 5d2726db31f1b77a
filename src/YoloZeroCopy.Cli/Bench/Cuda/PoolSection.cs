using System.Globalization;
using System.Text.Json;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>What taking device memory for every frame costs.</summary>
/// <param name="Rows">One for each way.</param>
/// <param name="Pool">What the library's pool held at the end.</param>
internal sealed record PoolSection(IReadOnlyList<PoolRow> Rows, CudaBlockStatistics Pool) : IReportSection
{
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("device_memory"u8);
        json.WriteNumber("frames"u8, PoolBenchmark.Frames);
        json.WriteNumber("tensors"u8, PoolBenchmark.Tensors.Count);
        json.WriteStartArray("rows"u8);
        foreach (PoolRow row in Rows)
        {
            json.WriteStartObject();
            json.WriteString("by"u8, row.By);
            json.WriteNumber("total_ms"u8, Math.Round(row.TotalMilliseconds, 3));
            json.WriteNumber("frame_p50_us"u8, Math.Round(row.P50, 1));
            json.WriteNumber("frame_p95_us"u8, Math.Round(row.P95, 1));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("pool_reserved_bytes"u8, Pool.ReservedBytes);
        json.WriteNumber("pool_kept_bytes"u8, Pool.KeptBytes);
        json.WriteNumber("pool_fragmentation"u8, Math.Round(Pool.Fragmentation, 4));
        json.WriteNumber("pool_max_used_bytes"u8, Pool.MaxUsedBytes);
        json.WriteNumber("pool_hits"u8, Pool.Hits);
        json.WriteNumber("pool_misses"u8, Pool.Misses);
        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("device memory", FormattableString.Invariant(
            $"{PoolBenchmark.Frames} frames of {PoolBenchmark.Tensors.Count} tensors, taken, written and given back for each"));
        foreach (PoolRow row in Rows)
        {
            yield return ($"  {row.By}", string.Create(
                CultureInfo.InvariantCulture, $"{row.TotalMilliseconds:F2} ms; a frame p50 {row.P50:F1}, p95 {row.P95:F1} us"));
        }
    }
}

/// <param name="By">Where memory comes from.</param>
/// <param name="TotalMilliseconds">Median of all frames' time.</param>
/// <param name="P50">Microseconds of a frame, until the device is done with it.</param>
/// <param name="P95">The same, which one frame in twenty is above.</param>
internal sealed record PoolRow(string By, double TotalMilliseconds, double P50, double P95);
