using YoloZeroCopy;

namespace InspectLine;

/// <summary>Geometry of boxes in pixels.</summary>
internal static class Boxes
{
    public static float CenterX(in Detection box) => (box.X1 + box.X2) / 2;

    public static float CenterY(in Detection box) => (box.Y1 + box.Y2) / 2;

    /// <summary>Intersection over union, 0 for boxes apart and for boxes without area.</summary>
    public static float Overlap(in Detection a, in Detection b)
    {
        float width = Math.Min(a.X2, b.X2) - Math.Max(a.X1, b.X1);
        float height = Math.Min(a.Y2, b.Y2) - Math.Max(a.Y1, b.Y1);
        if (width <= 0 || height <= 0)
        {
            return 0;
        }

        float shared = width * height;
        return shared / ((a.Width * a.Height) + (b.Width * b.Height) - shared);
    }

    public static float CenterDistance(in Detection a, in Detection b) => float.Hypot(CenterX(a) - CenterX(b), CenterY(a) - CenterY(b));

    public static Detection MovedRight(in Detection box, float pixels) => box with { X1 = box.X1 + pixels, X2 = box.X2 + pixels };
}
