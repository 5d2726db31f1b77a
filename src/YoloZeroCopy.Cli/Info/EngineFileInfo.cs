using System.Collections.Immutable;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary>What a TensorRT engine's file says where there is no GPU to open it on.</summary>
internal static class EngineFileInfo
{
    public static void Print(TensorRtPlanFile file, bool json)
    {
        if (json)
        {
            StandardOutput.Write(ToJson(file));
        }
        else
        {
            ToLines(file).Write();
        }
    }

    private static NamedLines ToLines(TensorRtPlanFile file)
    {
        NamedLines lines = new(nameWidth: 12);
        lines.Add("model", file.Path);
        lines.Add("kind", FormattableString.Invariant(
            $"TensorRT engine, a plan of {file.PlanBytes} bytes; only a CUDA device opens it, so this is what its file says"));
        lines.Add("built with", BuiltWith(file) ?? "unknown");
        if (file.Metadata.IsEmpty)
        {
            lines.Add("metadata", "none");
        }

        foreach ((string key, string value) in file.Metadata.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            lines.Add(key, key == "names" && ModelMetadata.TryReadNames(value, out ImmutableArray<string> names)
                ? string.Create(CultureInfo.InvariantCulture, $"{names.Length}: {string.Join(", ", names)}")
                : ModelMetadata.Excerpt(value));
        }

        return lines;
    }

    private static string? BuiltWith(TensorRtPlanFile file) =>
        file.BuiltWith is not TensorRtOrigin origin ? null
        : origin.IsRtx ? "TensorRT for RTX"
        : string.Create(CultureInfo.InvariantCulture, $"TensorRT {origin.Major}");

    private static string ToJson(TensorRtPlanFile file) => JsonText.Write(json =>
    {
        json.WriteString("model"u8, file.Path);
        json.WriteString("kind"u8, "tensorrt");
        json.WriteNumber("plan_bytes"u8, file.PlanBytes);
        json.WriteString("built_with"u8, BuiltWith(file));
        json.WriteStartObject("metadata"u8);
        foreach ((string key, string value) in file.Metadata.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    });
}
