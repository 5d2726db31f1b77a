using YoloZeroCopy;

namespace InspectLine;

/// <summary>Geometry of boxes in pixels.</summary>
internal static class Boxes
{
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
}
