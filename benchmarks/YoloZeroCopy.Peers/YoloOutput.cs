namespace YoloZeroCopy.Peers;

/// <summary>Reads a YOLO output of [channels, anchors] as programs do that have no library for it.</summary>
internal static class YoloOutput
{
    public const int InputSize = 640;

    public static Detection[] Decode(float[] output, int channels, int anchors, in Letterbox letterbox, Frame frame)
    {
        List<Detection> candidates = [];
        for (int anchor = 0; anchor < anchors; anchor++)
        {
            int best = 0;
            float score = 0;
            for (int classId = 0; classId < channels - 4; classId++)
            {
                float value = output[((4 + classId) * anchors) + anchor];
                if (value > score)
                {
                    score = value;
                    best = classId;
                }
            }

            if (score <= Way.MinScore)
            {
                continue;
            }

            float x = output[anchor];
            float y = output[anchors + anchor];
            float halfWidth = output[(2 * anchors) + anchor] / 2;
            float halfHeight = output[(3 * anchors) + anchor] / 2;
            candidates.Add(new Detection(
                best,
                score,
                Math.Clamp((x - halfWidth - letterbox.Left) / letterbox.Scale, 0, frame.Width),
                Math.Clamp((y - halfHeight - letterbox.Top) / letterbox.Scale, 0, frame.Height),
                Math.Clamp((x + halfWidth - letterbox.Left) / letterbox.Scale, 0, frame.Width),
                Math.Clamp((y + halfHeight - letterbox.Top) / letterbox.Scale, 0, frame.Height)));
        }

        return Suppress(candidates);
    }

    /// <summary>Intersection over union of two boxes.</summary>
    public static float Overlap(in Detection one, in Detection other)
    {
        float width = Math.Max(0, Math.Min(one.X2, other.X2) - Math.Max(one.X1, other.X1));
        float height = Math.Max(0, Math.Min(one.Y2, other.Y2) - Math.Max(one.Y1, other.Y1));
        float both = width * height;
        return both / ((one.Width * one.Height) + (other.Width * other.Height) - both);
    }

    private static Detection[] Suppress(List<Detection> candidates)
    {
        List<Detection> kept = [];
        foreach (Detection candidate in candidates.OrderByDescending(static one => one.Score))
        {
            if (kept.Count < Way.MostDetections
                && !kept.Any(other => other.ClassId == candidate.ClassId && Overlap(other, candidate) > Way.MostOverlap))
            {
                kept.Add(candidate);
            }
        }

        return [.. kept];
    }
}
