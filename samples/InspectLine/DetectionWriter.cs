using System.Text.Json;
using YoloZeroCopy;

namespace InspectLine;

/// <summary>Writes detections as JSON lines, one object a frame, in the form of <c>yzc detect --json</c>.</summary>
/// <remarks>A line is written whole, so that a reader of the growing file sees at most one incomplete line, at its end.</remarks>
internal sealed class DetectionWriter : IDisposable
{
    private readonly FileStream file;
    private readonly string source;
    private readonly IReadOnlyList<string> names;
    private readonly MemoryStream line = new();

    public DetectionWriter(string path, string source, IReadOnlyList<string> names)
    {
        file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        this.source = source;
        this.names = names;
    }

    public void Write(long frame, FrameFormat format, ReadOnlySpan<Detection> detections)
    {
        line.SetLength(0);
        using (Utf8JsonWriter json = new(line))
        {
            json.WriteStartObject();
            json.WriteString("source", source);
            json.WriteNumber("frame", frame);
            json.WriteNumber("width", format.Width);
            json.WriteNumber("height", format.Height);
            json.WriteStartArray("detections");
            foreach (ref readonly Detection detection in detections)
            {
                WriteDetection(json, detection);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        file.Write(line.GetBuffer().AsSpan(0, (int)line.Length));
    }

    public void Dispose() => file.Dispose();

    private void WriteDetection(Utf8JsonWriter json, in Detection detection)
    {
        json.WriteStartObject();
        json.WriteNumber("class", detection.ClassId);
        json.WriteString("name", names[detection.ClassId]);
        json.WriteNumber("score", Rounded(detection.Score, 5));
        json.WriteStartArray("box");
        json.WriteNumberValue(Rounded(detection.X1, 2));
        json.WriteNumberValue(Rounded(detection.Y1, 2));
        json.WriteNumberValue(Rounded(detection.X2, 2));
        json.WriteNumberValue(Rounded(detection.Y2, 2));
        json.WriteEndArray();
        json.WriteEndObject();
    }

    // Decimal, because its digits are written as they are: 0.9381 and not 0.9380999803543091.
    private static decimal Rounded(float value, int decimals) => Math.Round((decimal)value, decimals);
}
