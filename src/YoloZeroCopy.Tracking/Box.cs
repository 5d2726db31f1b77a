using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>A box in pixels, in the precision that the tracker computes with.</summary>
internal readonly record struct Box(double X1, double Y1, double X2, double Y2)
{
    public Box(in Detection detection)
        : this(detection.X1, detection.Y1, detection.X2, detection.Y2)
    {
    }

    public double Width => X2 - X1;

    public double Height => Y2 - Y1;

    public double CenterX => (X1 + X2) / 2;

    public double CenterY => (Y1 + Y2) / 2;

    public double Area => Width * Height;

    public static Box FromCenter(double x, double y, double width, double height) =>
        new(x - (width / 2), y - (height / 2), x + (width / 2), y + (height / 2));

    /// <summary>Intersection over union; 0 for boxes apart and for one without area.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Overlap(in Box a, in Box b)
    {
        double width = Math.Min(a.X2, b.X2) - Math.Max(a.X1, b.X1);
        if (!(width > 0))
        {
            return 0;
        }

        double height = Math.Min(a.Y2, b.Y2) - Math.Max(a.Y1, b.Y1);
        if (!(height > 0))
        {
            return 0;
        }

        double shared = width * height;
        return shared / (a.Area + b.Area - shared);
    }
}
