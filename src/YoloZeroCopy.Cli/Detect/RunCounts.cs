using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cli;

/// <summary>What a run has done so far. One thread counts, any thread reads.</summary>
internal sealed class RunCounts
{
    private long frames;
    private long objects;
    private int failures;

    private readonly Dictionary<int, long> byClass = [];

    /// <summary>Frames whose detections were written.</summary>
    public long Frames => Volatile.Read(ref frames);

    /// <summary>Detections in them.</summary>
    public long Objects => Volatile.Read(ref objects);

    /// <summary>Pictures that could not be decoded, videos that broke off, frames the engine failed on.</summary>
    public int Failures => Volatile.Read(ref failures);

    /// <summary>Frames that are behind the run, one way or the other.</summary>
    public long Done => Frames + Failures;

    /// <summary>Counts a frame.</summary>
    public void Add(ReadOnlySpan<Detection> detections)
    {
        lock (byClass)
        {
            foreach (ref readonly Detection detection in detections)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(byClass, detection.ClassId, out _)++;
            }
        }

        Volatile.Write(ref objects, objects + detections.Length);
        Volatile.Write(ref frames, frames + 1);
    }

    /// <summary>Counts a failure.</summary>
    public void AddFailure() => Volatile.Write(ref failures, failures + 1);

    /// <summary>How many of each class, the most first: <c>812 nut, 300 bolt</c>.</summary>
    /// <param name="names">Names of the classes.</param>
    /// <param name="most">Most classes to name; an ellipsis stands for the rest.</param>
    public string ByClass(ImmutableArray<string> names, int most)
    {
        KeyValuePair<int, long>[] found;
        lock (byClass)
        {
            found = [.. byClass.OrderByDescending(static pair => pair.Value).ThenBy(static pair => pair.Key)];
        }

        IEnumerable<string> parts =
            found.Take(most).Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Value} {ClassNames.Shown(names, pair.Key)}"));
        return string.Join(", ", found.Length > most ? parts.Append("...") : parts);
    }
}
