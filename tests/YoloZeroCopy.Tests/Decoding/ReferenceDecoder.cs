namespace YoloZeroCopy.Tests;

/// <summary>What decoding means, written to be read: lists, plain loops, every pair compared.</summary>
internal static class ReferenceDecoder
{
    private sealed record Box(int Anchor, int ClassId, float Score, float X1, float Y1, float X2, float Y2);

    public static Detection[] Decode(ModelOutput output, DecodingOptions options, Letterbox letterbox)
    {
        List<Box> boxes = [];
        for (int anchor = 0; anchor < output.Anchors; anchor++)
        {
            Box? box = output.Layout == OutputLayout.EndToEnd ? Finished(output, anchor) : FromCentre(output, anchor, options.ScoreThreshold);
            if (box is not null && box.Score > options.ScoreThreshold && (options.Classes?.Contains(box.ClassId) ?? true))
            {
                boxes.Add(box);
            }
        }

        List<Box> ranked = [.. boxes.OrderByDescending(box => box.Score).ThenBy(box => box.Anchor)];
        if (output.Layout != OutputLayout.EndToEnd)
        {
            ranked = Suppress([.. ranked.Take(30_000)], options);
        }

        return [.. ranked.Take(options.MaxDetections).Select(box => ToFrame(box, letterbox))];
    }

    private static Box Finished(ModelOutput output, int anchor) =>
        new(anchor, (int)output[anchor, 5], output[anchor, 4], output[anchor, 0], output[anchor, 1], output[anchor, 2], output[anchor, 3]);

    private static Box? FromCentre(ModelOutput output, int anchor, float threshold)
    {
        float objectness = 1;
        if (output.Layout == OutputLayout.AnchorsFirst)
        {
            objectness = output[anchor, 4];
            if (!(objectness > threshold))
            {
                return null;
            }
        }

        int bestClass = -1;
        float bestScore = float.NegativeInfinity;
        for (int c = 0; c < output.ClassCount; c++)
        {
            float score = objectness * output[anchor, output.FirstScore + c];
            if (score > bestScore)
            {
                (bestClass, bestScore) = (c, score);
            }
        }

        (float x, float y, float w, float h) = (output[anchor, 0], output[anchor, 1], output[anchor, 2], output[anchor, 3]);
        return new Box(anchor, bestClass, bestScore, x - (w / 2), y - (h / 2), x + (w / 2), y + (h / 2));
    }

    private static List<Box> Suppress(List<Box> ranked, DecodingOptions options)
    {
        bool[] gone = new bool[ranked.Count];
        List<Box> kept = [];
        for (int i = 0; i < ranked.Count; i++)
        {
            if (gone[i])
            {
                continue;
            }

            kept.Add(ranked[i]);
            for (int j = i + 1; j < ranked.Count; j++)
            {
                bool sameClass = options.ClassAgnostic || ranked[i].ClassId == ranked[j].ClassId;
                if (sameClass && Iou(ranked[i], ranked[j]) > options.IouThreshold)
                {
                    gone[j] = true;
                }
            }
        }

        return kept;
    }

    private static float Iou(Box a, Box b)
    {
        float width = Math.Max(0, Math.Min(a.X2, b.X2) - Math.Max(a.X1, b.X1));
        float height = Math.Max(0, Math.Min(a.Y2, b.Y2) - Math.Max(a.Y1, b.Y1));
        float intersection = width * height;
        float areaA = (a.X2 - a.X1) * (a.Y2 - a.Y1);
        float areaB = (b.X2 - b.X1) * (b.Y2 - b.Y1);
        return intersection / (areaA + areaB - intersection);
    }

    private static Detection ToFrame(Box box, Letterbox letterbox)
    {
        float gain = (float)letterbox.Gain;
        float Map(float value, int padding, int size) => Math.Min(Math.Max((value - padding) / gain, 0), size);
        return new Detection(
            box.ClassId,
            box.Score,
            Map(box.X1, letterbox.Left, letterbox.FrameWidth),
            Map(box.Y1, letterbox.Top, letterbox.FrameHeight),
            Map(box.X2, letterbox.Left, letterbox.FrameWidth),
            Map(box.Y2, letterbox.Top, letterbox.FrameHeight));
    }
}
