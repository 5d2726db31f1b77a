using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Compares what a model's tail makes of maps of random numbers with what the library makes of them.</summary>
internal static class HeadCheck
{
    // What a score and an edge in pixels may differ by. A model in half precision rounds its coordinates to half a pixel from 512 on.
    private const float SingleScoreTolerance = 1e-4f;
    private const float HalfScoreTolerance = 2e-3f;
    private const float SinglePixelTolerance = 1e-2f;
    private const float HalfPixelTolerance = 1.5f;

    // The same as a share of sizes, which anchor boxes make large: they are squares of what is rounded.
    private const float SingleShareTolerance = 2e-5f;
    private const float HalfShareTolerance = 4e-3f;

    private const int BoxValues = 4;

    /// <summary>Fills the maps of a batch.</summary>
    public static void Fill(Span<byte> maps, DetectionHead head, int batch)
    {
        // Logits of scores from 0.0001 to 0.9999, and distributions from flat to sharp.
        const float Spread = 18;
        Random random = new(1);
        for (int index = 0; index < maps.Length / head.ElementType.ElementBytes(); index++)
        {
            Write(maps, head.ElementType, index, (random.NextSingle() - 0.5f) * Spread);
        }

        if (head.Layout == OutputLayout.EndToEnd)
        {
            FillBest(maps, head, batch, random);
        }
    }

    /// <summary>Compares the first picture and the last, and solves for what maps do not tell.</summary>
    /// <param name="head">The head.</param>
    /// <param name="maps">What <see cref="Fill"/> gave.</param>
    /// <param name="given">What the tail made of it: the model's output for the batch.</param>
    /// <param name="type">Its type.</param>
    /// <param name="batch">Pictures.</param>
    /// <param name="reason">What is wrong, where this is null.</param>
    /// <returns>The head, with the sizes of its anchor boxes.</returns>
    public static DetectionHead? Complete(
        DetectionHead head, ReadOnlySpan<byte> maps, ReadOnlySpan<byte> given, TensorElementType type, int batch, out string? reason)
    {
        reason = null;
        DetectionHead complete = head;
        for (int picture = 0; picture < batch && reason is null; picture += Math.Max(1, batch - 1))
        {
            ReadOnlySpan<byte> output = given.Slice(picture * (given.Length / batch), given.Length / batch);
            switch (head.Layout)
            {
                case OutputLayout.AnchorsFirst:
                    float[] rows = Floats(output, type);
                    complete = picture == 0 ? WithAnchorBoxes(head, maps, batch, rows) : complete;
                    reason = CompareRows(complete, maps, batch, picture, rows);
                    break;
                case OutputLayout.EndToEnd:
                    reason = CompareBest(head, maps, batch, picture, output, type);
                    break;
                default:
                    reason = CompareChannels(head, maps, batch, picture, Floats(output, type));
                    break;
            }
        }

        return reason is null ? complete : null;
    }

    /// <summary>Makes few pairs of an anchor and a class good, more than are kept, on all levels alike: the best of all others tell little, for the
    /// smallest level has nearly all of them.</summary>
    private static void FillBest(Span<byte> maps, DetectionHead head, int batch, Random random)
    {
        int start = 0;
        foreach (HeadLevel level in head.Levels)
        {
            start += batch * head.MapBytes(level.Sides);
            Span<byte> scores = maps.Slice(start, batch * head.MapBytes(level.Scores));
            start += scores.Length;
            int count = scores.Length / head.ElementType.ElementBytes();
            for (int index = 0; index < count; index++)
            {
                Write(scores, head.ElementType, index, -9 + (random.NextSingle() * 4));
            }

            for (int picture = 0; picture < batch; picture++)
            {
                int raised = Math.Min(level.Cells, 1 + (3 * head.Kept / (2 * head.Levels.Length)));
                for (int pair = 0; pair < raised; pair++)
                {
                    Write(scores, head.ElementType, (picture * count / batch) + random.Next(count / batch), -2 + (random.NextSingle() * 5));
                }
            }
        }
    }

    private static string? CompareChannels(DetectionHead head, ReadOnlySpan<byte> maps, int batch, int picture, float[] given)
    {
        int anchors = head.Anchors;
        int anchor = 0;
        int start = 0;
        foreach (HeadLevel level in head.Levels)
        {
            ReadOnlySpan<float> sides = Take(maps, ref start, head, level.Sides, batch, picture);
            ReadOnlySpan<float> logits = Take(maps, ref start, head, level.Scores, batch, picture);
            for (int cell = 0; cell < level.Cells; cell++, anchor++)
            {
                (float left, float top, float right, float bottom) = HeadValues.Box(level, sides, head.Bins, cell);
                ReadOnlySpan<float> box = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top];
                for (int row = 0; row < BoxValues; row++)
                {
                    if (!IsSameLength(head, given[(row * anchors) + anchor], box[row]))
                    {
                        return Otherwise($"number {row} of the box", anchor, given[(row * anchors) + anchor], box[row]);
                    }
                }

                for (int classId = 0; classId < head.ClassCount; classId++)
                {
                    float score = HeadValues.Score(logits[(classId * level.Cells) + cell]);
                    float other = given[((BoxValues + classId) * anchors) + anchor];
                    if (!IsSameScore(head, other, score))
                    {
                        return Otherwise($"the score of class {classId}", anchor, other, score);
                    }
                }
            }
        }

        return null;
    }

    /// <summary>Sizes of anchor boxes: what the tail's sizes are multiples of, in the mean of all cells.</summary>
    private static DetectionHead WithAnchorBoxes(DetectionHead head, ReadOnlySpan<byte> maps, int batch, float[] given)
    {
        ImmutableArray<HeadLevel>.Builder levels = ImmutableArray.CreateBuilder<HeadLevel>(head.Levels.Length);
        int anchor = 0;
        int start = 0;
        foreach (HeadLevel level in head.Levels)
        {
            ReadOnlySpan<float> map = Take(maps, ref start, head, level.Sides, batch, picture: 0);
            AnchorBox[] boxes = new AnchorBox[level.AnchorBoxes.Length];
            for (int number = 0; number < boxes.Length; number++, anchor += level.Cells)
            {
                ReadOnlySpan<float> channels = map[(number * head.AnchorChannels * level.Cells)..];
                double width = 0;
                double widths = 0;
                double height = 0;
                double heights = 0;
                for (int cell = 0; cell < level.Cells; cell++)
                {
                    (_, _, float unitWidth, float unitHeight) = HeadValues.CentreBox(level, new AnchorBox(1, 1), channels, cell);
                    int row = (anchor + cell) * head.AnchorChannels;
                    width += unitWidth * given[row + 2];
                    widths += unitWidth * unitWidth;
                    height += unitHeight * given[row + 3];
                    heights += unitHeight * unitHeight;
                }

                boxes[number] = new AnchorBox((float)(width / widths), (float)(height / heights));
            }

            levels.Add(level with { AnchorBoxes = [.. boxes] });
        }

        return head with { Levels = levels.MoveToImmutable() };
    }

    private static string? CompareRows(DetectionHead head, ReadOnlySpan<byte> maps, int batch, int picture, float[] given)
    {
        int anchor = 0;
        int start = 0;
        foreach (HeadLevel level in head.Levels)
        {
            ReadOnlySpan<float> map = Take(maps, ref start, head, level.Sides, batch, picture);
            for (int number = 0; number < level.AnchorBoxes.Length; number++)
            {
                ReadOnlySpan<float> channels = map[(number * head.AnchorChannels * level.Cells)..];
                for (int cell = 0; cell < level.Cells; cell++, anchor++)
                {
                    ReadOnlySpan<float> row = given.AsSpan(anchor * head.AnchorChannels, head.AnchorChannels);
                    (float x, float y, float width, float height) = HeadValues.CentreBox(level, level.AnchorBoxes[number], channels, cell);
                    ReadOnlySpan<float> box = [x, y, width, height];
                    for (int value = 0; value < row.Length; value++)
                    {
                        float here = value < BoxValues ? box[value] : HeadValues.Score(channels[(value * level.Cells) + cell]);
                        if (!(value < BoxValues ? IsSameLength(head, row[value], here) : IsSameScore(head, row[value], here)))
                        {
                            return Otherwise($"number {value} of the row", anchor, row[value], here);
                        }
                    }
                }
            }
        }

        return null;
    }

    /// <summary>Compares detections as sets. Where one list ends, both may choose differently among those that hardly differ.</summary>
    private static unsafe string? CompareBest(
        DetectionHead head, ReadOnlySpan<byte> maps, int batch, int picture, ReadOnlySpan<byte> output, TensorElementType type)
    {
        int width = head.Levels[0].Width * head.Levels[0].Stride;
        int height = head.Levels[0].Height * head.Levels[0].Stride;
        Letterbox letterbox = new(width, height, width, height);
        DecodingOptions options = new() { ScoreThreshold = 0.02f, MaxDetections = head.Kept };
        Detection[] whole = new Detection[head.Kept];
        Detection[] cut = new Detection[head.Kept];
        int columns = output.Length / head.Kept / type.ElementBytes();
        DetectionDecoder decoder = new(OutputLayout.EndToEnd, head.Kept, columns, head.ClassCount, type, options);
        int wholeCount = decoder.Decode(output, letterbox, whole);
        int cutCount;
        fixed (byte* address = maps)
        {
            cutCount = new BestPairDecoder(head, options).Decode((nint)address, batch, picture, letterbox, cut);
        }

        if (wholeCount != cutCount)
        {
            return $"its head decodes otherwise: it gives {wholeCount} detections, here {cutCount}";
        }

        List<Detection> left = [.. cut.AsSpan(0, cutCount)];
        for (int rank = 0; rank < wholeCount; rank++)
        {
            Detection one = whole[rank];
            int same = left.FindIndex(other => other.ClassId == one.ClassId && IsSameScore(head, one.Score, other.Score)
                && IsSameLength(head, one.X1, other.X1) && IsSameLength(head, one.Y1, other.Y1)
                && IsSameLength(head, one.X2, other.X2) && IsSameLength(head, one.Y2, other.Y2));
            if (same >= 0)
            {
                left.RemoveAt(same);
            }
            else if (wholeCount < head.Kept || !IsSameScore(head, one.Score, cut[cutCount - 1].Score))
            {
                return FormattableString.Invariant($"its head decodes otherwise: its detection {rank}, {one}, is none here");
            }
        }

        return null;
    }

    private static ReadOnlySpan<float> Take(ReadOnlySpan<byte> maps, ref int start, DetectionHead head, HeadMap map, int batch, int picture)
    {
        int bytes = head.MapBytes(map);
        ReadOnlySpan<byte> taken = maps.Slice(start + (picture * bytes), bytes);
        start += batch * bytes;
        return Floats(taken, head.ElementType);
    }

    // Written so that NaN differs.
    private static bool IsSameScore(DetectionHead head, float given, float here) =>
        Math.Abs(given - here) <= (head.ElementType == TensorElementType.Float16 ? HalfScoreTolerance : SingleScoreTolerance);

    private static bool IsSameLength(DetectionHead head, float given, float here) => head.ElementType == TensorElementType.Float16
        ? Math.Abs(given - here) <= Math.Max(HalfPixelTolerance, HalfShareTolerance * Math.Abs(here))
        : Math.Abs(given - here) <= Math.Max(SinglePixelTolerance, SingleShareTolerance * Math.Abs(here));

    private static string Otherwise(string what, int anchor, float given, float here) =>
        FormattableString.Invariant($"its head decodes otherwise: {what} of anchor {anchor} is {given}, here {here}");

    private static void Write(Span<byte> values, TensorElementType type, int index, float value)
    {
        if (type == TensorElementType.Float16)
        {
            MemoryMarshal.Cast<byte, Half>(values)[index] = (Half)value;
        }
        else
        {
            MemoryMarshal.Cast<byte, float>(values)[index] = value;
        }
    }

    private static float[] Floats(ReadOnlySpan<byte> values, TensorElementType type)
    {
        if (type == TensorElementType.Float32)
        {
            return MemoryMarshal.Cast<byte, float>(values).ToArray();
        }

        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(values);
        float[] floats = new float[halves.Length];
        HalfToSingle.Convert(halves, floats);
        return floats;
    }
}
