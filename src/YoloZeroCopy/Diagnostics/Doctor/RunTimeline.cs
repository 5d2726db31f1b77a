using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy;

/// <summary>What happened when while a detector was watched: for each lane and stream a row of what it did, and how full the queues were.</summary>
/// <remarks>Immutable; any thread.</remarks>
public sealed class RunTimeline
{
    private const int Process = 1;

    private readonly string title;
    private readonly double seconds;
    private readonly List<TimelineRow> rows = [];
    private readonly List<(double At, QueueSample Sample)> samples = [];

    private RunTimeline(string title, double seconds)
    {
        this.title = title;
        this.seconds = seconds;
    }

    /// <summary>Writes events in the format of Chrome's traces, which https://ui.perfetto.dev opens.</summary>
    /// <param name="stream">Where to; it stays open.</param>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void WriteChromeTrace(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using Utf8JsonWriter json = new(stream);
        json.WriteStartObject();
        json.WriteString("displayTimeUnit"u8, "ms"u8);
        json.WriteStartArray("traceEvents"u8);
        WriteName(json, "process_name"u8, 0, title);
        for (int row = 0; row < rows.Count; row++)
        {
            WriteName(json, "thread_name"u8, row + 1, rows[row].Name);
            json.WriteStartObject();
            json.WriteString("name"u8, "thread_sort_index"u8);
            json.WriteString("ph"u8, "M"u8);
            json.WriteNumber("pid"u8, Process);
            json.WriteNumber("tid"u8, row + 1);
            json.WriteStartObject("args"u8);
            json.WriteNumber("sort_index"u8, row);
            json.WriteEndObject();
            json.WriteEndObject();
            foreach (TimelinePart part in rows[row].Parts)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, part.Name);
                json.WriteString("cat"u8, part.Kind.ToString());
                json.WriteString("ph"u8, "X"u8);
                json.WriteNumber("ts"u8, Micro(part.Start));
                json.WriteNumber("dur"u8, Micro(part.Length));
                json.WriteNumber("pid"u8, Process);
                json.WriteNumber("tid"u8, row + 1);
                json.WriteEndObject();
            }
        }

        foreach ((double at, QueueSample sample) in samples)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, "queue"u8);
            json.WriteString("ph"u8, "C"u8);
            json.WriteNumber("ts"u8, Micro(at));
            json.WriteNumber("pid"u8, Process);
            json.WriteStartObject("args"u8);
            json.WriteNumber("frames waiting"u8, sample.Waiting);
            json.WriteNumber("batches in flight"u8, sample.InFlight);
            json.WriteNumber("results held"u8, sample.Held);
            json.WriteNumber("slots rented"u8, sample.Rented);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>Writes a page for a browser that needs nothing beside it: rows to zoom and to move, with figures of what the mouse is over.</summary>
    /// <param name="writer">Where to; it stays open.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void WriteHtml(TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        TimelinePage.Write(writer, title, seconds, rows, samples);
    }

    /// <summary>Puts together what was written down. Moments are those of <see cref="Stopwatch"/>.</summary>
    internal static RunTimeline Of(
        long start, long end, BatchRecord[] batches, StartRecord[] starts, TimelineSpan[] spans, List<QueueSample> queue,
            List<PauseRecord> pauses, string device)
    {
        RunTimeline made = new(device, Seconds(end - start));
        double At(long moment) => Seconds(moment - start);
        made.Add("queue", batches.Select(batch => new TimelinePart(
            TimelineKind.Queue, Text($"wait of a batch of {batch.Frames}"), At(batch.SubmittedAt), Seconds(batch.DispatchedAt - batch.SubmittedAt))));
        made.Add("dispatcher", starts.Select(one => new TimelinePart(TimelineKind.Start, "start a batch", At(one.At), Seconds(one.Ticks))));
        foreach (IGrouping<int, BatchRecord> lane in batches.GroupBy(static batch => batch.Lane).OrderBy(static lane => lane.Key))
        {
            made.Add(Text($"lane {lane.Key}"), lane.SelectMany(batch => LaneParts(batch, At(batch.DispatchedAt), At(batch.FinishedAt))));
        }

        made.AddDevice(spans, At);
        made.Add("garbage collector", pauses.Select(pause => new TimelinePart(
            TimelineKind.Pause, Text($"pause, generation {pause.Generation}"), At(pause.EndedAt) - pause.Seconds, pause.Seconds)));
        made.samples.AddRange(queue.Select(sample => (At(sample.At), sample)));
        return made;
    }

    internal IReadOnlyList<TimelineRow> Rows => rows;

    private static IEnumerable<TimelinePart> LaneParts(BatchRecord batch, double start, double end)
    {
        yield return new TimelinePart(TimelineKind.Lane, Text($"batch of {batch.Frames}"), start, end - start);

        // They end with the batch, and follow each other.
        (string Name, TimelineKind Kind, long Ticks)[] stages =
        [
            ("preprocess", TimelineKind.Preprocess, batch.Times.Preprocess), ("engine", TimelineKind.Engine, batch.Times.Inference),
            ("decode", TimelineKind.Decode, batch.Times.Decode),
        ];
        double at = end - Seconds(stages.Sum(static stage => stage.Ticks));
        foreach ((string name, TimelineKind kind, long ticks) in stages)
        {
            if (ticks > 0)
            {
                yield return new TimelinePart(kind, name, at, Seconds(ticks));
                at += Seconds(ticks);
            }
        }
    }

    private void AddDevice(TimelineSpan[] spans, Func<long, double> at)
    {
        if (spans.Length == 0)
        {
            return;
        }

        // The device's clock is another: no upload begins before it was queued, and the one that began soonest after it shows the difference.
        double offset = spans.Max(span => at(span.At) - (span.UploadStart / 1000));
        Add("uploads", spans.Select(span => new TimelinePart(
            TimelineKind.Upload, Text($"{span.Bytes / 1e6:F1} MB, lane {span.Lane}"), offset + (span.UploadStart / 1000),
                (span.UploadEnd - span.UploadStart) / 1000)));
        foreach (IGrouping<int, TimelineSpan> stream in spans.GroupBy(static span => span.Stream).OrderBy(static stream => stream.Key))
        {
            Add(Text($"compute stream {stream.Key}"), stream.Select(span => new TimelinePart(
                TimelineKind.Engine, Text($"kernels and engine, batch of {span.Frames}, lane {span.Lane}"), offset + (span.ComputeStart / 1000),
                    (span.StreamEnd - span.ComputeStart) / 1000)));
        }

        Add("result stream", spans.Where(static span => span.ComputeEnd > span.StreamEnd).Select(span => new TimelinePart(
            TimelineKind.Decode, Text($"suppression and results, lane {span.Lane}"), offset + (span.StreamEnd / 1000),
                (span.ComputeEnd - span.StreamEnd) / 1000)));
    }

    // What began before the watch is cut at its beginning.
    private void Add(string name, IEnumerable<TimelinePart> parts)
    {
        List<TimelinePart> shown = [];
        foreach (TimelinePart part in parts)
        {
            double from = Math.Max(0, part.Start);
            double to = Math.Max(from, part.Start + part.Length);
            if (part.Start + part.Length >= 0)
            {
                shown.Add(part with { Start = from, Length = to - from });
            }
        }

        if (shown.Count > 0)
        {
            rows.Add(new TimelineRow(name, shown));
        }
    }

    private static void WriteName(Utf8JsonWriter json, ReadOnlySpan<byte> kind, int row, string name)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, kind);
        json.WriteString("ph"u8, "M"u8);
        json.WriteNumber("pid"u8, Process);
        json.WriteNumber("tid"u8, row);
        json.WriteStartObject("args"u8);
        json.WriteString("name"u8, name);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static double Micro(double value) => Math.Round(value * 1e6, 3);

    private static double Seconds(long ticks) => (double)ticks / Stopwatch.Frequency;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What a part of a timeline shows; a colour for each.</summary>
internal enum TimelineKind
{
    Queue,
    Start,
    Lane,
    Preprocess,
    Engine,
    Decode,
    Upload,
    Pause,
}

/// <summary>One thing that something was busy with, in seconds from the beginning.</summary>
internal readonly record struct TimelinePart(TimelineKind Kind, string Name, double Start, double Length);

/// <summary>What one lane, stream or thread did.</summary>
internal sealed record TimelineRow(string Name, IReadOnlyList<TimelinePart> Parts);
