using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>Times of the library's own kernels.</summary>
/// <param name="Times">One entry for each batch size.</param>
/// <param name="Anchors">Anchors of the model's output.</param>
/// <param name="Classes">Classes of the model.</param>
internal sealed record KernelSection(IReadOnlyList<KernelTime> Times, int Anchors, int Classes) : IReportSection
{
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("kernels"u8);
        json.WriteNumber("anchors"u8, Anchors);
        json.WriteNumber("classes"u8, Classes);
        foreach (KernelTime time in Times)
        {
            json.WriteStartObject(string.Create(CultureInfo.InvariantCulture, $"batch{time.Batch}"));
            json.WriteNumber("preprocess_us"u8, Math.Round(time.Preprocess, 2));
            json.WriteNumber("decode_nms_us"u8, Math.Round(time.Decode, 2));
            json.WriteNumber("candidates"u8, time.Candidates);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines() => Times.Select(time => (
        FormattableString.Invariant($"kernels, batch {time.Batch}"),
        string.Create(
            CultureInfo.InvariantCulture,
            $"preprocess {time.Preprocess:F2} us, decode + NMS {time.Decode:F2} us ({Anchors} anchors, {Classes} "
            + $"classes, {time.Candidates} candidates)")));
}

/// <summary>Microseconds of the kernels for one batch size, and the candidates they found in a picture.</summary>
internal readonly record struct KernelTime(int Batch, double Preprocess, double Decode, int Candidates);
