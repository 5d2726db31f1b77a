using System.Buffers;

namespace YoloZeroCopy.Cli;

/// <summary>
/// A text file for every frame with objects, as Ultralytics writes and reads them: <c>class x_center y_center width height</c>, relative to the
/// frame, and the score behind them where it is wanted.
/// </summary>
internal sealed class LabelFiles(string folder, bool withScores, CommandFiles files) : IFrameSink
{
    private readonly ArrayBufferWriter<byte> text = new();

    /// <summary>Makes the folder.</summary>
    public static LabelFiles Create(string folder, bool withScores, CommandFiles files)
    {
        string labels = Path.Combine(folder, ResultFolder.LabelFolder);
        ResultFolder.Named(labels).Make();
        return new LabelFiles(labels, withScores, files);
    }

    public ValueTask WriteAsync(FrameWork work, DetectionResult result)
    {
        string path = Path.Combine(folder, OutputNames.OfFrame(work) + ".txt");
        try
        {
            if (File.Exists(path))
            {
                files.ThrowIfRead("--save-txt", path);
                File.Delete(path);
            }

            if (result.Detections.Length > 0)
            {
                text.ResetWrittenCount();
                Append(text, result.Detections, result.Format, withScores);
                using OutputFile file = OutputFile.Create(path);
                file.Stream.Write(text.WrittenSpan);
                file.Complete(toDisk: false);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw StandardOutput.Failed($"'{path}'", error);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Appends the lines of a frame.</summary>
    /// <remarks>In single precision, as theirs are computed, so that the last digit is the same.</remarks>
    public static void Append(IBufferWriter<byte> text, ReadOnlySpan<Detection> detections, in FrameFormat format, bool withScores)
    {
        foreach (ref readonly Detection detection in detections)
        {
            NumberText.Write(text, detection.ClassId, NumberText.General);
            (float x, float y, float width, float height) = detection.ToXywhn(format);
            AppendNumber(text, x);
            AppendNumber(text, y);
            AppendNumber(text, width);
            AppendNumber(text, height);
            if (withScores)
            {
                AppendNumber(text, detection.Score);
            }

            text.Write("\n"u8);
        }
    }

    public void Flush()
    {
    }

    public ValueTask CompleteAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static void AppendNumber(IBufferWriter<byte> text, float value)
    {
        text.Write(" "u8);
        NumberText.Write(text, value, NumberText.General);
    }
}
