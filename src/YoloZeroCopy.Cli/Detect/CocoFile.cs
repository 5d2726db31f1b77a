using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>
/// One JSON object in COCO's format for object detection: <c>annotations</c> (each with its <c>score</c>), <c>images</c>, <c>categories</c>.
/// </summary>
/// <remarks>
/// Annotations are written as they come; images, which come behind them, are kept until the end: some tens of bytes for each frame. A category's id
/// is the model's class id. Images and annotations count from 1, as pycocotools wants it of annotations.
/// </remarks>
internal sealed class CocoFile : IFrameSink
{
    private static readonly JsonWriterOptions Format = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly LineWriter lines;
    private readonly ImmutableArray<string> names;
    private readonly Utf8JsonWriter json;
    private readonly ArrayBufferWriter<byte> images = new();
    private readonly ArrayBufferWriter<byte> number = new();
    private readonly SortedSet<int> unnamed = [];
    private long imageCount;
    private long annotationCount;

    public CocoFile(LineWriter lines, ImmutableArray<string> names)
    {
        this.lines = lines;
        this.names = names;
        json = new Utf8JsonWriter(lines.Line, Format);
        lines.Line.Write("{\"annotations\":["u8);
        lines.EndLine();
    }

    public ValueTask WriteAsync(FrameWork work, DetectionResult result)
    {
        // A frame of a video is called as ffmpeg writes it: ffmpeg -i clip.mp4 clip_%d.jpg
        string name = work.Item.Kind == InputKind.Picture ? work.Item.Source : OutputNames.OfFrame(work) + ".jpg";
        Write(name, work.Item.Source, work.Frame, work.Time, result.Format.Width, result.Format.Height, result.Detections);
        return ValueTask.CompletedTask;
    }

    /// <summary>Writes a frame; one with a time is of a video.</summary>
    public void Write(string name, string source, int frame, TimeSpan? time, int width, int height, ReadOnlySpan<Detection> detections)
    {
        imageCount++;
        Begin(images, imageCount > 1);
        json.WriteNumber("id"u8, imageCount);
        json.WriteString("file_name"u8, name);
        json.WriteNumber("width"u8, width);
        json.WriteNumber("height"u8, height);
        if (time is TimeSpan shown)
        {
            json.WriteString("video"u8, source);
            json.WriteNumber("frame"u8, frame);
            WriteNumber("time"u8, shown.TotalSeconds, NumberText.Seconds);
        }

        End(images);
        foreach (ref readonly Detection detection in detections)
        {
            annotationCount++;
            Begin(lines.Line, annotationCount > 1);
            json.WriteNumber("id"u8, annotationCount);
            json.WriteNumber("image_id"u8, imageCount);
            json.WriteNumber("category_id"u8, detection.ClassId);
            json.WriteStartArray("bbox"u8);
            (float x, float y, float boxWidth, float boxHeight) = detection.ToCoco();
            WriteValue(x, NumberText.Edge);
            WriteValue(y, NumberText.Edge);
            WriteValue(boxWidth, NumberText.Edge);
            WriteValue(boxHeight, NumberText.Edge);
            json.WriteEndArray();
            WriteNumber("area"u8, (double)boxWidth * boxHeight, NumberText.Edge);
            json.WriteStartArray("segmentation"u8);
            json.WriteEndArray();
            json.WriteNumber("iscrowd"u8, 0);
            WriteNumber("score"u8, detection.Score, NumberText.Score);
            End(lines.Line);
            lines.EndLine();
            if (detection.ClassId >= names.Length)
            {
                unnamed.Add(detection.ClassId);
            }
        }
    }

    public void Flush() => lines.Flush();

    public ValueTask CompleteAsync()
    {
        lines.Line.Write("],\"images\":["u8);
        lines.EndLine();
        lines.Line.Write(images.WrittenSpan);
        lines.Line.Write("],\"categories\":["u8);
        lines.EndLine();
        bool isLater = false;
        foreach (int id in Enumerable.Range(0, names.Length).Concat(unnamed))
        {
            Begin(lines.Line, isLater);
            json.WriteNumber("id"u8, id);
            json.WriteString("name"u8, ClassNames.Of(names, id));
            End(lines.Line);
            lines.EndLine();
            isLater = true;
        }

        lines.Line.Write("]}"u8);
        lines.EndLine();
        lines.Complete();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        lines.Dispose();
        return json.DisposeAsync();
    }

    private void Begin(IBufferWriter<byte> target, bool isLater)
    {
        if (isLater)
        {
            target.Write(","u8);
        }

        json.Reset(target);
        json.WriteStartObject();
    }

    private void End(IBufferWriter<byte> target)
    {
        json.WriteEndObject();
        json.Flush();
        if (ReferenceEquals(target, images))
        {
            images.Write("\n"u8);
        }
    }

    private void WriteNumber(ReadOnlySpan<byte> name, double value, string format)
    {
        json.WritePropertyName(name);
        WriteValue(value, format);
    }

    private void WriteValue(double value, string format)
    {
        number.ResetWrittenCount();
        NumberText.Write(number, value, format);
        json.WriteRawValue(number.WrittenSpan, skipInputValidation: true);
    }
}
