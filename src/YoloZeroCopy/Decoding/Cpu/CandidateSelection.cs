namespace YoloZeroCopy;

/// <summary>What every decoding ends with: candidates are ranked, overlaps suppressed, and boxes mapped to the frame.</summary>
/// <remarks>One thread at a time. Everything is allocated by the constructor.</remarks>
/// <param name="anchors">Most candidates of a frame.</param>
/// <param name="classCount">Classes of the model.</param>
/// <param name="isFinished">Whether the model has suppressed overlaps already.</param>
/// <param name="options">Thresholds and limits.</param>
internal sealed class CandidateSelection(int anchors, int classCount, bool isFinished, DecodingOptions options)
{
    private readonly NonMaximumSuppression? suppression = isFinished ? null : new NonMaximumSuppression(anchors, classCount, options);
    private readonly int[] keptRanks = new int[Math.Min(options.MaxDetections, anchors)];

    /// <summary>The candidates of the frame at hand, added in the order of their anchors.</summary>
    public CandidateList Candidates { get; } = new(anchors);

    /// <summary>Most detections of a frame: the option, or the number of anchors where that is less.</summary>
    public int MaxDetections => keptRanks.Length;

    /// <summary>Begins a frame.</summary>
    /// <exception cref="ArgumentException">There is too little room, or the letterbox is the default value.</exception>
    public void Begin(in Letterbox letterbox, Span<Detection> detections)
    {
        if (detections.Length < MaxDetections)
        {
            throw new ArgumentException($"There is room for {detections.Length} detections; wanted is room for {MaxDetections}.", nameof(detections));
        }

        if (!(letterbox.Gain > 0))
        {
            throw new ArgumentException("The letterbox is the default value; make one from the frame's and the input's size.", nameof(letterbox));
        }

        Candidates.Clear();
    }

    /// <summary>Ends a frame: writes its detections, by falling score, and gives their number.</summary>
    public int End(in Letterbox letterbox, Span<Detection> detections)
    {
        Candidates.Rank();
        int count = suppression is null ? TakeBest() : suppression.Run(Candidates, keptRanks);
        for (int i = 0; i < count; i++)
        {
            detections[i] = ToFrame(in Candidates[keptRanks[i]], in letterbox);
        }

        return count;
    }

    private int TakeBest()
    {
        int count = Math.Min(Candidates.Count, MaxDetections);
        for (int rank = 0; rank < count; rank++)
        {
            keptRanks[rank] = rank;
        }

        return count;
    }

    /// <summary>Maps a box from the input to the frame and clips it there.</summary>
    private static Detection ToFrame(in Candidate candidate, in Letterbox letterbox)
    {
        float gain = (float)letterbox.Gain;
        float x1 = Math.Clamp((candidate.X1 - letterbox.Left) / gain, 0, letterbox.FrameWidth);
        float y1 = Math.Clamp((candidate.Y1 - letterbox.Top) / gain, 0, letterbox.FrameHeight);
        float x2 = Math.Clamp((candidate.X2 - letterbox.Left) / gain, 0, letterbox.FrameWidth);
        float y2 = Math.Clamp((candidate.Y2 - letterbox.Top) / gain, 0, letterbox.FrameHeight);
        // A model may give a box of negative size; a detection has none.
        return new Detection(candidate.ClassId, candidate.Score, x1, y1, Math.Max(x1, x2), Math.Max(y1, y2));
    }
}
