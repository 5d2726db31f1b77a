namespace YoloZeroCopy;

/// <summary>The sources by their numbers. A source is known from its first frame on. Guarded by the pipeline's gate.</summary>
/// <remarks>
/// One without frames on their way is kept as long as it has had more than others, or a source that comes and goes would always be served first.
/// After that it may be forgotten, so that numbers which are never used again cost nothing. One that was added stays until it is removed.
/// </remarks>
internal sealed class SourceTable(FairQueue waiting, SourceSettings defaults, FrameKinds kinds)
{
    private const int FewSources = 64;

    private readonly Dictionary<int, SourceQueue> sources = [];
    private int sweepAt = FewSources;

    public int Count => sources.Count;

    /// <summary>The source of this number, with the detector's own settings where it is new. What it throws changes nothing.</summary>
    public SourceQueue Get(int number)
    {
        if (sources.TryGetValue(number, out SourceQueue? source))
        {
            return source;
        }

        source = new SourceQueue(number, defaults, kinds);
        Put(source);
        return source;
    }

    /// <summary>Adds a source with settings of its own. Frames of its number that are on their way remain with the one that they were of.</summary>
    /// <exception cref="InvalidOperationException">One of that number was added.</exception>
    public void Add(SourceQueue source)
    {
        if (sources.TryGetValue(source.Number, out SourceQueue? known) && known.Record is not null)
        {
            throw new InvalidOperationException($"Source {source.Number} was added before; dispose that one first.");
        }

        Put(source);
    }

    /// <summary>Forgets a source that was added; false when it is not here any more.</summary>
    public bool Remove(SourceQueue source)
    {
        return sources.TryGetValue(source.Number, out SourceQueue? known) && ReferenceEquals(known, source) && sources.Remove(source.Number);
    }

    private void Put(SourceQueue source)
    {
        if (sources.Count >= sweepAt)
        {
            Sweep();
        }

        // One that this replaces may still have frames that wait.
        waiting.Reserve(sources.Count + waiting.SourceCount + 1);
        sources[source.Number] = source;
    }

    private void Sweep()
    {
        foreach ((int number, SourceQueue source) in sources)
        {
            if (source.Record is null && source.IsUnused && waiting.IsEven(source))
            {
                bool removed = sources.Remove(number);
                _ = removed;
            }
        }

        sweepAt = Math.Max(FewSources, 2 * sources.Count);
    }
}
