using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>What the decoders of a cut head's maps have in common.</summary>
/// <remarks>
/// Logits are looked at first: a logit above the threshold's is a score above the threshold. Scores and boxes are computed for candidates only, a
/// hundred of 8,400 anchors in a busy scene. Where two classes of an anchor have scores that binary32 cannot tell apart, the larger logit counts.
/// </remarks>
internal abstract class RawMapDecoder : OutputDecoder
{
    private readonly float[] best;
    private readonly float[] converted;

    /// <summary>Decodes maps of a head.</summary>
    /// <param name="head">The head.</param>
    /// <param name="options">Thresholds and limits.</param>
    /// <param name="convertedRows">Most rows of cells that are converted from half at once.</param>
    /// <exception cref="ArgumentException">The maps' channels come last.</exception>
    protected RawMapDecoder(DetectionHead head, DecodingOptions options, int convertedRows)
    {
        if (head.IsChannelsLast)
        {
            throw new ArgumentException("The head's maps have their channels last; the processor decodes those that have them first.", nameof(head));
        }

        Head = head;
        ScoreThreshold = options.ScoreThreshold;
        Counting = options.CountingClasses(head.ClassCount);
        LogitThreshold = LogitThresholdOf(options);
        int cells = head.Levels.Max(static level => level.Cells);
        best = new float[cells];
        converted = head.ElementType == TensorElementType.Float16 ? new float[cells * convertedRows] : [];
    }

    protected DetectionHead Head { get; }

    protected float ScoreThreshold { get; }

    protected float LogitThreshold { get; }

    /// <summary>Which classes count; null for all.</summary>
    protected bool[]? Counting { get; }

    /// <summary>A logit below which there is no candidate.</summary>
    /// <remarks>A little lower than the threshold's own logit, whose rounding must not lose a candidate; the score itself decides.</remarks>
    public static float LogitThresholdOf(DecodingOptions options)
    {
        const float Slack = 1e-3f;
        return HeadValues.Logit(options.ScoreThreshold) - Slack;
    }

    /// <summary>Takes all pictures of a map off the output, and gives one of them.</summary>
    protected unsafe ReadOnlySpan<byte> Take(scoped ref nint output, HeadMap map, int batch, int picture)
    {
        int bytes = Head.MapBytes(map);
        ReadOnlySpan<byte> taken = new((byte*)output + ((long)picture * bytes), bytes);
        output += (nint)batch * bytes;
        return taken;
    }

    /// <summary>The largest class logit of every cell of a level.</summary>
    /// <param name="level">The level.</param>
    /// <param name="logitBytes">Its map of scores.</param>
    /// <param name="firstAnchor">Number of its first anchor, for messages.</param>
    /// <param name="logits">The map as floats, until the next call.</param>
    protected ReadOnlySpan<float> BestOf(HeadLevel level, ReadOnlySpan<byte> logitBytes, int firstAnchor, out ReadOnlySpan<float> logits)
    {
        int cells = level.Cells;
        logits = Floats(logitBytes);
        Span<float> largest = best.AsSpan(0, cells);
        largest.Fill(float.NegativeInfinity);
        for (int classId = 0; classId < Head.ClassCount; classId += 4)
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

        return largest;
    }

    /// <summary>Rows of a map as floats, until the next call.</summary>
    protected ReadOnlySpan<float> Floats(ReadOnlySpan<byte> values)
    {
        if (Head.ElementType == TensorElementType.Float32)
        {
            return MemoryMarshal.Cast<byte, float>(values);
        }

        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(values);
        HalfToSingle.Convert(halves, converted);
        return converted.AsSpan(0, halves.Length);
    }

    /// <summary>The box at a cell whose sides are distances.</summary>
    /// <exception cref="InferenceException">It has a side that is not finite.</exception>
    protected (float Left, float Top, float Right, float Bottom) BoxAt(HeadLevel level, ReadOnlySpan<byte> sides, int cell, int anchor)
    {
        (float left, float top, float right, float bottom) = Head.ElementType == TensorElementType.Float32
            ? HeadValues.Box(level, MemoryMarshal.Cast<byte, float>(sides), Head.Bins, cell)
            : HeadValues.Box(level, MemoryMarshal.Cast<byte, Half>(sides), Head.Bins, cell);
        if (!IsFinite(left, top, right, bottom))
        {
            ReadOnlySpan<float> box = [left, top, right, bottom];
            int wrong = IndexOfNotFinite(box);
            ThrowNotFinite($"{HeadValues.SideNames[wrong]} of the box", box[wrong], anchor);
        }

        return (left, top, right, bottom);
    }

    [DoesNotReturn]
    protected void ThrowNotFinite(string what, float value, int anchor) => throw new InferenceException(FormattableString.Invariant(
        $"The model gave {value} as the {what} at anchor {anchor} of {Head.Anchors}; wanted is a finite number."));

    // Past the last class the last one's again.
    private ReadOnlySpan<float> Row(ReadOnlySpan<float> logits, int classId, int cells) =>
        logits.Slice(Math.Min(classId, Head.ClassCount - 1) * cells, cells);

    // Their sum might be infinite where none of them is.
    protected static bool IsFinite(float first, float second, float third, float fourth) =>
        (first * 0) + (second * 0) + (third * 0) + (fourth * 0) == 0;

    /// <summary>Which is the first that is not finite; one is.</summary>
    protected static int IndexOfNotFinite(ReadOnlySpan<float> values)
    {
        int wrong = 0;
        while (float.IsFinite(values[wrong]))
        {
            wrong++;
        }

        return wrong;
    }

    [DoesNotReturn]
    private void ThrowNotFinite(ReadOnlySpan<float> values, int cells, int firstAnchor)
    {
        int wrong = IndexOfNotFinite(values);
        ThrowNotFinite($"logit of class {wrong / cells}", values[wrong], firstAnchor + (wrong % cells));
    }
}
