using System.Numerics;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Turns the maps of a head with anchor boxes (YOLOv5) into detections: the best class of an anchor, overlaps suppressed.</summary>
/// <remarks>
/// A score is the product of objectness and the class's score, so only anchors whose objectness alone is above the threshold are looked at further:
/// classes of the others may hold anything.
/// </remarks>
internal sealed class AnchorBoxDecoder : RawMapDecoder
{
    private const int Objectness = 4;
    private const int FirstClass = 5;

    private static readonly string[] BoxValues = ["centre x", "centre y", "width", "height"];

    private readonly CandidateSelection selection;

    public AnchorBoxDecoder(DetectionHead head, DecodingOptions options)
        : base(head, options, convertedRows: 1) =>
        selection = new CandidateSelection(head.Anchors, head.ClassCount, isFinished: false, options);

    public override int Decode(nint output, int batch, int picture, in Letterbox letterbox, Span<Detection> detections)
    {
        selection.Begin(letterbox, detections);
        int firstAnchor = 0;
        foreach (HeadLevel level in Head.Levels)
        {
            ReadOnlySpan<byte> map = Take(ref output, level.Sides, batch, picture);
            int bytes = map.Length / level.AnchorBoxes.Length;
            for (int number = 0; number < level.AnchorBoxes.Length; number++)
            {
                Collect(level, level.AnchorBoxes[number], map.Slice(number * bytes, bytes), firstAnchor + (number * level.Cells));
            }

            firstAnchor += level.Anchors;
        }

        return selection.End(letterbox, detections);
    }

    private void Collect(HeadLevel level, AnchorBox box, ReadOnlySpan<byte> channels, int firstAnchor)
    {
        int rowBytes = channels.Length / Head.AnchorChannels;
        ReadOnlySpan<float> logits = Floats(channels.Slice(Objectness * rowBytes, rowBytes));
        if (!ScoreScan.TryBest(logits, out float best))
        {
            int wrong = IndexOfNotFinite(logits);
            ThrowNotFinite("objectness logit", logits[wrong], firstAnchor + wrong);
        }

        if (!(best > LogitThreshold))
        {
            return;
        }

        for (int cell = 0; cell < logits.Length; cell++)
        {
            if (logits[cell] > LogitThreshold && HeadValues.Score(logits[cell]) is float objectness && objectness > ScoreThreshold)
            {
                if (Head.ElementType == TensorElementType.Float32)
                {
                    Add(level, box, MemoryMarshal.Cast<byte, float>(channels), cell, firstAnchor + cell, objectness);
                }
                else
                {
                    Add(level, box, MemoryMarshal.Cast<byte, Half>(channels), cell, firstAnchor + cell, objectness);
                }
            }
        }
    }

    private void Add<T>(HeadLevel level, AnchorBox anchorBox, ReadOnlySpan<T> channels, int cell, int anchor, float objectness)
        where T : unmanaged, INumberBase<T>
    {
        int cells = level.Cells;
        int classId = 0;
        float best = float.NegativeInfinity;
        for (int candidate = 0; candidate < Head.ClassCount; candidate++)
        {
            float logit = float.CreateTruncating(channels[((FirstClass + candidate) * cells) + cell]);
            if (!float.IsFinite(logit))
            {
                ThrowNotFinite($"logit of class {candidate}", logit, anchor);
            }

            if (logit > best)
            {
                (classId, best) = (candidate, logit);
            }
        }

        float score = objectness * HeadValues.Score(best);
        if (!(score > ScoreThreshold) || (Counting is not null && !Counting[classId]))
        {
            return;
        }

        (float x, float y, float width, float height) = HeadValues.CentreBox(level, anchorBox, channels, cell);
        if (!IsFinite(x, y, width, height))
        {
            ReadOnlySpan<float> box = [x, y, width, height];
            int wrong = IndexOfNotFinite(box);
            ThrowNotFinite($"{BoxValues[wrong]} of the box", box[wrong], anchor);
        }

        selection.Candidates.Add(new Candidate(classId, score, x - (width / 2), y - (height / 2), x + (width / 2), y + (height / 2)));
    }
}
