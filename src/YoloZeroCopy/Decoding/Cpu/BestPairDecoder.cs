namespace YoloZeroCopy;

/// <summary>Turns the maps of a head that needs no suppression (YOLOv10, YOLO26) into detections: the best pairs of an anchor and a class.</summary>
/// <remarks>
/// As the tails of such models choose: the anchors whose best class is best, as many as there are detections, and of their pairs with every class
/// the best ones. Of anchors with equal scores the lower ranks higher, of pairs that of the anchor that does, then that of the lower class. Scores
/// here and in the tail may differ by a rounding: where more are above the threshold than are kept, which of two is kept that differ by no more is
/// open.
/// </remarks>
internal sealed class BestPairDecoder : RawMapDecoder
{
    private readonly CandidateSelection selection;
    private readonly ScoreRanking anchors;
    private readonly int[] anchorOf;
    private readonly ScoreRanking pairs;
    private readonly (int Rank, int ClassId, float Score)[] pairOf;

    public BestPairDecoder(DetectionHead head, DecodingOptions options)
        : base(head, options, convertedRows: head.ClassCount)
    {
        selection = new CandidateSelection(head.Kept, head.ClassCount, isFinished: true, options);
        anchors = new ScoreRanking(head.Anchors);
        anchorOf = new int[head.Anchors];
        int most = checked(Math.Min(head.Kept, head.Anchors) * head.ClassCount);
        pairs = new ScoreRanking(most);
        pairOf = new (int Rank, int ClassId, float Score)[most];
    }

    public override int Decode(nint output, int batch, int picture, in Letterbox letterbox, Span<Detection> detections)
    {
        selection.Begin(letterbox, detections);
        RankAnchors(output, batch, picture);
        RankPairs(output, batch, picture);
        for (int rank = 0; rank < Math.Min(pairs.Count, Head.Kept); rank++)
        {
            (int anchorRank, int classId, float score) = pairOf[pairs[rank]];
            if (Counting is null || Counting[classId])
            {
                int anchor = anchorOf[anchors[anchorRank]];
                HeadLevel level = Find(anchor, output, batch, picture, out int cell, out ReadOnlySpan<byte> sides, out _);
                (float left, float top, float right, float bottom) = BoxAt(level, sides, cell, anchor);
                selection.Candidates.Add(new Candidate(classId, score, left, top, right, bottom));
            }
        }

        return selection.End(letterbox, detections);
    }

    private void RankAnchors(nint output, int batch, int picture)
    {
        anchors.Clear();
        int firstAnchor = 0;
        foreach (HeadLevel level in Head.Levels)
        {
            Take(ref output, level.Sides, batch, picture);
            ReadOnlySpan<float> best = BestOf(level, Take(ref output, level.Scores, batch, picture), firstAnchor, out _);
            for (int cell = 0; cell < best.Length; cell++)
            {
                if (best[cell] > LogitThreshold && HeadValues.Score(best[cell]) is float score && score > ScoreThreshold)
                {
                    anchorOf[anchors.Add(score)] = firstAnchor + cell;
                }
            }

            firstAnchor += level.Cells;
        }

        anchors.Rank();
    }

    private void RankPairs(nint output, int batch, int picture)
    {
        pairs.Clear();
        for (int rank = 0; rank < Math.Min(anchors.Count, Head.Kept); rank++)
        {
            HeadLevel level = Find(anchorOf[anchors[rank]], output, batch, picture, out int cell, out _, out ReadOnlySpan<byte> scores);
            for (int classId = 0; classId < Head.ClassCount; classId++)
            {
                float logit = HeadValues.At(scores, Head.ElementType, (classId * level.Cells) + cell);
                if (logit > LogitThreshold && HeadValues.Score(logit) is float score && score > ScoreThreshold)
                {
                    pairOf[pairs.Add(score)] = (rank, classId, score);
                }
            }
        }

        pairs.Rank();
    }

    private HeadLevel Find(
        int anchor, nint output, int batch, int picture, out int cell, out ReadOnlySpan<byte> sides, out ReadOnlySpan<byte> scores)
    {
        cell = anchor;
        int number = 0;
        while (true)
        {
            HeadLevel level = Head.Levels[number++];
            sides = Take(ref output, level.Sides, batch, picture);
            scores = Take(ref output, level.Scores, batch, picture);
            if (cell < level.Cells)
            {
                return level;
            }

            cell -= level.Cells;
        }
    }
}
