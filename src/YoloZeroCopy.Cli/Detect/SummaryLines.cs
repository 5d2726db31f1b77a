using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace YoloZeroCopy.Cli;

/// <summary>A line for people for every frame: <c>0.jpg 1920x1080: 2 tri, 1 nut (12.3 ms)</c>.</summary>
internal sealed class SummaryLines(LineWriter lines, ImmutableArray<string> names) : IFrameSink
{
    private readonly StringBuilder text = new();

    public ValueTask WriteAsync(FrameWork work, DetectionResult result)
    {
        text.Clear().Append(work.Item.Source);
        if (work.Item.Kind == InputKind.Video)
        {
            text.Append(CultureInfo.InvariantCulture, $" frame {work.Frame}");
        }

        text.Append(CultureInfo.InvariantCulture, $" {result.Format.Width}x{result.Format.Height}: ");
        AppendCounts(result.Detections);

        // Not how long it stood in the queue: that says how far ahead frames are read, and nothing of the model.
        text.Append(CultureInfo.InvariantCulture, $" ({(result.Latency - result.QueueTime).TotalMilliseconds:F1} ms)");
        Encoding.UTF8.GetBytes(text.ToString(), lines.Line);
        lines.EndLine();
        return ValueTask.CompletedTask;
    }

    public void Flush() => lines.Flush();

    public ValueTask CompleteAsync()
    {
        lines.Flush();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        lines.Dispose();
        return ValueTask.CompletedTask;
    }

    // Classes in the order of their numbers, so that two lines compare at a glance.
    private void AppendCounts(ReadOnlySpan<Detection> detections)
    {
        SortedDictionary<int, int> counts = [];
        foreach (ref readonly Detection detection in detections)
        {
            counts[detection.ClassId] = counts.GetValueOrDefault(detection.ClassId) + 1;
        }

        IEnumerable<string> parts = counts.Select(pair => FormattableString.Invariant($"{pair.Value} {ClassNames.Shown(names, pair.Key)}"));
        text.Append(counts.Count == 0 ? "nothing found" : string.Join(", ", parts));
    }
}
