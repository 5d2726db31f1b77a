using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>What the link gives and what the pipeline takes of it.</summary>
/// <param name="AloneBytesPerSecond">Uploads of frames and nothing else.</param>
/// <param name="BesideEngineBytesPerSecond">The same uploads while the engine's lanes compute.</param>
/// <param name="EndToEndBytesPerSecond">Frame bytes that went up in the end-to-end slices.</param>
/// <param name="FrameBytes">Bytes of a frame.</param>
internal sealed record LinkSection(double AloneBytesPerSecond, double BesideEngineBytesPerSecond, double EndToEndBytesPerSecond, int FrameBytes)
    : IReportSection
{
    private const double Giga = 1e9;

    public double Share => Statistics.Ratio(EndToEndBytesPerSecond, AloneBytesPerSecond);

    public double Fps => Statistics.Ratio(AloneBytesPerSecond, FrameBytes);

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("link"u8);
        json.WriteNumber("upload_gb_s"u8, Math.Round(AloneBytesPerSecond / Giga, 3));
        json.WriteNumber("upload_beside_engine_gb_s"u8, Math.Round(BesideEngineBytesPerSecond / Giga, 3));
        json.WriteNumber("upload_end_to_end_gb_s"u8, Math.Round(EndToEndBytesPerSecond / Giga, 3));
        json.WriteNumber("pct_of_link"u8, Math.Round(100 * Share, 2));
        json.WriteNumber("link_fps"u8, Math.Round(Fps, 1));
        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("link", FormattableString.Invariant(
            $"upload alone {AloneBytesPerSecond / Giga:F2} GB/s ({Fps:F0} frames/s), beside the engine {BesideEngineBytesPerSecond / Giga:F2} GB/s"));
        yield return ("link, end to end", FormattableString.Invariant($"{EndToEndBytesPerSecond / Giga:F2} GB/s, {100 * Share:F1} % of the link"));
    }
}
