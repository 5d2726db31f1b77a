namespace YoloZeroCopy;

/// <summary>Turns the maps of a head whose boxes are distances into detections: the best class of an anchor, overlaps suppressed.</summary>
internal sealed class HeadDecoder : RawMapDecoder
{
    private readonly CandidateSelection selection;

    /// <summary>Decodes maps of a head.</summary>
    /// <exception cref="ArgumentException">The maps' channels come last.</exception>
    public HeadDecoder(DetectionHead head, DecodingOptions options)
        : base(head, options, convertedRows: head.ClassCount) =>
        selection = new CandidateSelection(head.Anchors, head.ClassCount, isFinished: false, options);

    public override int Decode(nint output, int batch, int picture, in Letterbox letterbox, Span<Detection> detections)
    {
        selection.Begin(letterbox, detections);
        int firstAnchor = 0;
        foreach (HeadLevel level in Head.Levels)
        {
            ReadOnlySpan<byte> sides = Take(ref output, level.Sides, batch, picture);
            ReadOnlySpan<byte> logits = Take(ref output, level.Scores, batch, picture);
            Collect(level, sides, logits, firstAnchor);
            firstAnchor += level.Cells;
        }

        return selection.End(letterbox, detections);
    }

    private void Collect(HeadLevel level, ReadOnlySpan<byte> sides, ReadOnlySpan<byte> logitBytes, int firstAnchor)
    {
        int cells = level.Cells;
        ReadOnlySpan<float> best = BestOf(level, logitBytes, firstAnchor, out ReadOnlySpan<float> logits);
        for (int cell = 0; cell < cells; cell++)
        {
            float logit = best[cell];
            if (logit > LogitThreshold && HeadValues.Score(logit) is float score && score > ScoreThreshold)
            {
                int classId = 0;
                while (logits[(classId * cells) + cell] != logit)
                {
                    classId++;
                }

                if (Counting is null || Counting[classId])
                {
                    (float left, float top, float right, float bottom) = BoxAt(level, sides, cell, firstAnchor + cell);
                    selection.Candidates.Add(new Candidate(classId, score, left, top, right, bottom));
                }
            }
        }
    }
}
