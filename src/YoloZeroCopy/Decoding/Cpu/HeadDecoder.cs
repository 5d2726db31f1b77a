using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Turns the maps of a head that was cut into detections.</summary>
/// <remarks>
/// The class logits are looked at first: a logit above the threshold's is a score above the threshold. Scores and boxes are computed for candidates
/// only, a hundred of 8,400 anchors in a busy scene. Where two classes of an anchor have scores that binary32 cannot tell apart, the larger logit
/// counts.
/// </remarks>
internal sealed class HeadDecoder : OutputDecoder
{
    private readonly DetectionHead head;
    private readonly CandidateSelection selection;
    private readonly float scoreThreshold;
    private readonly float logitThreshold;
    private readonly bool[]? counting;
    private readonly float[] best;
    private readonly float[] converted;

    /// <summary>Decodes maps of a head.</summary>
    /// <exception cref="ArgumentException">The maps' channels come last.</exception>
    public HeadDecoder(DetectionHead head, DecodingOptions options)
    {
        if (head.IsChannelsLast)
        {
            throw new ArgumentException("The head's maps have their channels last; the processor decodes those that have them first.", nameof(head));
        }

        this.head = head;
        selection = new CandidateSelection(head.Anchors, head.ClassCount, isFinished: false, options);
        scoreThreshold = options.ScoreThreshold;
        counting = options.CountingClasses(head.ClassCount);

        logitThreshold = LogitThresholdOf(options);
        int cells = head.Levels.Max(static level => level.Cells);
        best = new float[cells];
        converted = head.ElementType == TensorElementType.Float16 ? new float[cells * head.ClassCount] : [];
    }

    /// <summary>A logit below which there is no candidate.</summary>
    /// <remarks>A little lower than the threshold's own logit, whose rounding must not lose a candidate; the score itself decides.</remarks>
    public static float LogitThresholdOf(DecodingOptions options)
    {
        const float Slack = 1e-3f;
        return HeadValues.Logit(options.ScoreThreshold) - Slack;
    }

    public override int Decode(nint output, int batch, int picture, in Letterbox letterbox, Span<Detection> detections)
    {
        selection.Begin(letterbox, detections);
        int firstAnchor = 0;
        foreach (HeadLevel level in head.Levels)
        {
            ReadOnlySpan<byte> sides = Take(ref output, level.Sides, batch, picture);
            ReadOnlySpan<byte> logits = Take(ref output, level.Scores, batch, picture);
            Collect(level, sides, logits, firstAnchor);
            firstAnchor += level.Cells;
        }

        return selection.End(letterbox, detections);
    }

    /// <summary>Takes all pictures of a map off the output, and gives one of them.</summary>
    private unsafe ReadOnlySpan<byte> Take(ref nint output, HeadMap map, int batch, int picture)
    {
        int bytes = head.MapBytes(map);
        ReadOnlySpan<byte> taken = new((byte*)output + ((long)picture * bytes), bytes);
        output += (nint)batch * bytes;
        return taken;
    }

    private void Collect(HeadLevel level, ReadOnlySpan<byte> sides, ReadOnlySpan<byte> logitBytes, int firstAnchor)
    {
        int cells = level.Cells;
        ReadOnlySpan<float> logits = Floats(logitBytes);
        Span<float> largest = best.AsSpan(0, cells);
        largest.Fill(float.NegativeInfinity);
        for (int classId = 0; classId < head.ClassCount; classId += 4)
        {
            if (!ScoreScan.RaiseToBest(
                Row(logits, classId, cells),
                Row(logits, classId + 1, cells),
                Row(logits, classId + 2, cells),
                Row(logits, classId + 3, cells),
                largest))
            {
                ThrowNotFinite(logits, cells, firstAnchor);
            }
        }

        for (int cell = 0; cell < cells; cell++)
        {
            float logit = largest[cell];
            if (logit > logitThreshold && HeadValues.Score(logit) is float score && score > scoreThreshold)
            {
                int classId = 0;
                while (logits[(classId * cells) + cell] != logit)
                {
                    classId++;
                }

                if (counting is null || counting[classId])
                {
                    Add(level, sides, cell, firstAnchor + cell, classId, score);
                }
            }
        }
    }

    private void Add(HeadLevel level, ReadOnlySpan<byte> sides, int cell, int anchor, int classId, float score)
    {
        (float left, float top, float right, float bottom) = head.ElementType == TensorElementType.Float32
            ? HeadValues.Box(level, MemoryMarshal.Cast<byte, float>(sides), head.Bins, cell)
            : HeadValues.Box(level, MemoryMarshal.Cast<byte, Half>(sides), head.Bins, cell);
        if (!float.IsFinite(left + top + right + bottom))
        {
            ThrowNotFinite([left, top, right, bottom], anchor);
        }

        selection.Candidates.Add(new Candidate(classId, score, left, top, right, bottom));
    }

    // Past the last class the last one's again.
    private ReadOnlySpan<float> Row(ReadOnlySpan<float> logits, int classId, int cells) =>
        logits.Slice(Math.Min(classId, head.ClassCount - 1) * cells, cells);

    private ReadOnlySpan<float> Floats(ReadOnlySpan<byte> values)
    {
        if (head.ElementType == TensorElementType.Float32)
        {
            return MemoryMarshal.Cast<byte, float>(values);
        }

        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(values);
        HalfToSingle.Convert(halves, converted);
        return converted.AsSpan(0, halves.Length);
    }

    [DoesNotReturn]
    private void ThrowNotFinite(ReadOnlySpan<float> box, int anchor)
    {
        int wrong = 0;
        while (float.IsFinite(box[wrong]))
        {
            wrong++;
        }

        throw new InferenceException(FormattableString.Invariant(
            $"The model gave {box[wrong]} as the {HeadValues.SideNames[wrong]} of the box at anchor {anchor} of {head.Anchors}; ")
            + "wanted is a finite number.");
    }

    [DoesNotReturn]
    private void ThrowNotFinite(ReadOnlySpan<float> values, int cells, int firstAnchor)
    {
        int wrong = 0;
        while (float.IsFinite(values[wrong]))
        {
            wrong++;
        }

        throw new InferenceException(FormattableString.Invariant(
            $"The model gave {values[wrong]} as the logit of class {wrong / cells} at anchor {firstAnchor + (wrong % cells)} of {head.Anchors}; ")
            + "wanted is a finite number.");
    }
}
