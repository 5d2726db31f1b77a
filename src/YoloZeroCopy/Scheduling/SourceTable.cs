namespace YoloZeroCopy;

/// <summary>The sources by their numbers. A source is known from its first frame on. Guarded by the pipeline's gate.</summary>
/// <remarks>
/// One without frames on their way is kept as long as it has had more than others, or a source that comes and goes would always be served first.
/// After that it may be forgotten, so that numbers which are never used again cost nothing.
/// </remarks>
internal sealed class SourceTable(FairQueue waiting, SourceSettings defaults)
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

        if (sources.Count >= sweepAt)
        {
            Sweep();
        }

        waiting.Reserve(sources.Count + 1);
        source = new SourceQueue(number, defaults);
        sources.Add(number, source);
        return source;
    }

    private void Sweep()
    {
        foreach ((int number, SourceQueue source) in sources)
        {
            if (source.IsUnused && waiting.IsEven(source))
            {
                bool removed = sources.Remove(number);
                _ = removed;
            }
        }

        sweepAt = Math.Max(FewSources, 2 * sources.Count);
    }
}
