namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Compares detections of one picture from two sources.</summary>
internal static class Same
{
    /// <summary>Every wanted detection has its own partner of the same class, and none is left over. Returns the largest differences of a corner and
    /// of a score. With a threshold, a detection may be in one of both only where it is less than <paramref name="maxScore"/> above it, or where a
    /// better one of another class lies on it: two anchors on one thing, of which the weaker one's class hangs on a trifle.</summary>
    public static (float Box, float Score) Check(
        string what, Detection[] wanted, Detection[] given, float minIou, float maxScore, float maxBox = float.PositiveInfinity,
        float threshold = float.NegativeInfinity)
    {
        Assert.True(
            float.IsFinite(threshold) || wanted.Length == given.Length, $"{what}: {wanted.Length} detections wanted, {given.Length} given");
        List<Detection> left = [.. given];
        (float box, float score) = (0, 0);
        foreach (Detection want in wanted)
        {
            Detection best = left.DefaultIfEmpty().MaxBy(candidate => candidate.ClassId == want.ClassId ? Iou(want, candidate) : -1);
            if (IsUncertain(want, wanted) && (best.ClassId != want.ClassId || Iou(want, best) < minIou))
            {
                continue;
            }

            Assert.True(best.ClassId == want.ClassId && Iou(want, best) >= minIou, $"{what}: {want} is missing; nearest is {best}");
            float boxDifference = Math.Max(
                Math.Max(Math.Abs(want.X1 - best.X1), Math.Abs(want.Y1 - best.Y1)),
                    Math.Max(Math.Abs(want.X2 - best.X2), Math.Abs(want.Y2 - best.Y2)));
            float scoreDifference = Math.Abs(want.Score - best.Score);
            Assert.True(scoreDifference <= maxScore && boxDifference <= maxBox, $"{what}: {best} instead of {want}");
            box = Math.Max(box, boxDifference);
            score = Math.Max(score, scoreDifference);
            Assert.True(left.Remove(best));
        }

        Assert.All(left, more => Assert.True(IsUncertain(more, given), $"{what}: {more} is one too many"));
        return (box, score);

        bool IsUncertain(Detection one, Detection[] all) => float.IsFinite(threshold) && (one.Score < threshold + maxScore
            || all.Any(other => other.Score > one.Score && other.ClassId != one.ClassId && Iou(other, one) >= minIou));
    }

    private static float Iou(Detection a, Detection b)
    {
        float width = Math.Max(0, Math.Min(a.X2, b.X2) - Math.Max(a.X1, b.X1));
        float height = Math.Max(0, Math.Min(a.Y2, b.Y2) - Math.Max(a.Y1, b.Y1));
        float both = width * height;
        return both / ((a.Width * a.Height) + (b.Width * b.Height) - both);
    }
}
