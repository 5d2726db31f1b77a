using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>One JSON object a line for every frame.</summary>
internal sealed class JsonLines(LineWriter lines, ImmutableArray<string> names) : IFrameSink
{
    // File names keep their letters; the output is UTF-8 and no part of a web page.
    private static readonly JsonWriterOptions Format = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly Utf8JsonWriter json = new(lines.Line, Format);
    private readonly ArrayBufferWriter<byte> number = new();

    public ValueTask WriteAsync(FrameWork work, DetectionResult result)
    {
        Write(work.Item.Source, work.Frame, work.Time, result.Format.Width, result.Format.Height, result.Detections);
        return ValueTask.CompletedTask;
    }

    public ValueTask FailAsync(FrameWork work, string message)
    {
        WriteFailure(work.Item.Source, work.Frame, work.Time, message);
        return ValueTask.CompletedTask;
    }

    /// <summary>Writes the line of a frame that failed.</summary>
    public void WriteFailure(string source, int frame, TimeSpan? time, string message)
    {
        Begin(source, frame, time);
        json.WriteString("error"u8, message);
        End();
    }

    /// <summary>Writes the line of a frame; without a time for a picture.</summary>
    public void Write(string source, int frame, TimeSpan? time, int width, int height, ReadOnlySpan<Detection> detections)
    {
        Begin(source, frame, time);
        json.WriteNumber("width"u8, width);
        json.WriteNumber("height"u8, height);
        json.WriteStartArray("detections"u8);
        foreach (ref readonly Detection detection in detections)
        {
            json.WriteStartObject();
            json.WriteNumber("class"u8, detection.ClassId);
            json.WriteString("name"u8, ClassNames.Of(names, detection.ClassId));
            json.WritePropertyName("score"u8);
            WriteNumber(detection.Score, NumberText.Score);
            json.WriteStartArray("box"u8);
            WriteNumber(detection.X1, NumberText.Edge);
            WriteNumber(detection.Y1, NumberText.Edge);
            WriteNumber(detection.X2, NumberText.Edge);
            WriteNumber(detection.Y2, NumberText.Edge);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        End();
    }

    public void Flush() => lines.Flush();

    public ValueTask CompleteAsync()
    {
        lines.Complete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        lines.Dispose();
        return json.DisposeAsync();
    }

    private void Begin(string source, int frame, TimeSpan? time)
    {
        json.Reset(lines.Line);
        json.WriteStartObject();
        json.WriteString("source"u8, source);
        json.WriteNumber("frame"u8, frame);
        if (time is TimeSpan shown)
        {
            json.WritePropertyName("time"u8);
            WriteNumber(shown.TotalSeconds, NumberText.Seconds);
        }
    }

    private void End()
    {
        json.WriteEndObject();
        json.Flush();
        lines.EndLine();
    }

    private void WriteNumber(double value, string format)
    {
        number.ResetWrittenCount();
        NumberText.Write(number, value, format);
        json.WriteRawValue(number.WrittenSpan, skipInputValidation: true);
    }
}
