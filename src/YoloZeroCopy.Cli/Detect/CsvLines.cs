using System.Buffers;
using System.Collections.Immutable;
using System.Text;

namespace YoloZeroCopy.Cli;

/// <summary>A table with a row for every detection, as RFC 4180 has it, but with the line ends of all the tool's outputs.</summary>
internal sealed class CsvLines : IFrameSink
{
    private const string Header = "source,frame,time,width,height,class,name,score,x1,y1,x2,y2";

    // A text with one of these is quoted.
    private static readonly SearchValues<char> Special = SearchValues.Create(",\"\r\n");

    private readonly LineWriter lines;
    private readonly ImmutableArray<string> names;

    public CsvLines(LineWriter lines, ImmutableArray<string> names)
    {
        this.lines = lines;
        this.names = names;
        Write(Header);
        lines.EndLine();
    }

    public ValueTask WriteAsync(FrameWork work, DetectionResult result)
    {
        Write(work.Item.Source, work.Frame, work.Time, result.Format.Width, result.Format.Height, result.Detections);
        return ValueTask.CompletedTask;
    }

    /// <summary>Writes the rows of a frame; the column of the time is empty for a picture.</summary>
    public void Write(string source, int frame, TimeSpan? time, int width, int height, ReadOnlySpan<Detection> detections)
    {
        foreach (ref readonly Detection detection in detections)
        {
            Write(Quoted(source));
            Write(",");
            NumberText.Write(lines.Line, frame, NumberText.Edge);
            Write(",");
            if (time is TimeSpan shown)
            {
                NumberText.Write(lines.Line, shown.TotalSeconds, NumberText.Seconds);
            }

            WriteNumber(width, NumberText.Edge);
            WriteNumber(height, NumberText.Edge);
            WriteNumber(detection.ClassId, NumberText.Edge);
            Write(",");
            Write(Quoted(ClassNames.Of(names, detection.ClassId)));
            WriteNumber(detection.Score, NumberText.Score);
            WriteNumber(detection.X1, NumberText.Edge);
            WriteNumber(detection.Y1, NumberText.Edge);
            WriteNumber(detection.X2, NumberText.Edge);
            WriteNumber(detection.Y2, NumberText.Edge);
            lines.EndLine();
        }
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
        return ValueTask.CompletedTask;
    }

    private static string Quoted(string text) =>
        text.AsSpan().ContainsAny(Special) ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;

    private void WriteNumber(double value, string format)
    {
        Write(",");
        NumberText.Write(lines.Line, value, format);
    }

    private void Write(string text) => Encoding.UTF8.GetBytes(text, lines.Line);
}
