using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>Where the picture of the stages is, and what it shows in numbers.</summary>
internal sealed record TimelineSection(string Path, IReadOnlyList<TimelineSpan> Spans) : IReportSection
{
    private double Overlap { get; } = TimelineSvg.Overlap(Spans);

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("timeline"u8);
        json.WriteString("file"u8, Path);
        json.WriteNumber("batches"u8, Spans.Count);
        json.WriteNumber("upload_under_compute_pct"u8, Math.Round(100 * Overlap, 2));
        json.WriteNumber("upload_ms"u8, Math.Round(Mean(static span => span.UploadEnd - span.UploadStart), 4));
        json.WriteNumber("compute_ms"u8, Math.Round(Mean(static span => span.ComputeEnd - span.ComputeStart), 4));
        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("timeline", FormattableString.Invariant(
            $"{Spans.Count} batches in {Path}: {100 * Overlap:F1} % of the upload time lies under compute"));
    }

    private double Mean(Func<TimelineSpan, double> value) => Spans.Count == 0 ? 0 : Spans.Average(value);
}
