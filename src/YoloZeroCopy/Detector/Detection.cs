using System.Drawing;
using System.Globalization;

namespace YoloZeroCopy;

/// <summary>One object that the model found in a frame.</summary>
/// <param name="ClassId">Index of the class in the model's names.</param>
/// <param name="Score">Confidence, 0 to 1.</param>
/// <param name="X1">Left edge in pixels of the frame, 0 to its width.</param>
/// <param name="Y1">Top edge in pixels of the frame, 0 to its height.</param>
/// <param name="X2">Right edge in pixels of the frame, at least <paramref name="X1"/>.</param>
/// <param name="Y2">Bottom edge in pixels of the frame, at least <paramref name="Y1"/>.</param>
public readonly record struct Detection(int ClassId, float Score, float X1, float Y1, float X2, float Y2)
{
    /// <summary>Width of the box in pixels.</summary>
    public float Width => X2 - X1;

    /// <summary>Height of the box in pixels.</summary>
    public float Height => Y2 - Y1;

    /// <summary>Horizontal centre of the box in pixels.</summary>
    public float CenterX => (X1 + X2) / 2;

    /// <summary>Vertical centre of the box in pixels.</summary>
    public float CenterY => (Y1 + Y2) / 2;

    /// <summary>The box as Ultralytics' <c>xywh</c>: centre and size, in pixels.</summary>
    public (float CenterX, float CenterY, float Width, float Height) ToXywh() => (CenterX, CenterY, Width, Height);

    /// <summary>The box as Ultralytics' <c>xywhn</c> and lines of YOLO label files have it: centre and size as parts of the frame, 0 to 1.</summary>
    /// <param name="format">Layout of the frame, as <see cref="DetectionResult.Format"/>.</param>
    /// <exception cref="ArgumentException">The format is the default value.</exception>
    public (float CenterX, float CenterY, float Width, float Height) ToXywhn(in FrameFormat format)
    {
        format.ThrowIfDefault(nameof(format));
        return (CenterX / format.Width, CenterY / format.Height, Width / format.Width, Height / format.Height);
    }

    /// <summary>The box as Ultralytics' <c>xyxyn</c>: its corners as parts of the frame, 0 to 1.</summary>
    /// <param name="format">Layout of the frame, as <see cref="DetectionResult.Format"/>.</param>
    /// <exception cref="ArgumentException">The format is the default value.</exception>
    public (float X1, float Y1, float X2, float Y2) ToXyxyn(in FrameFormat format)
    {
        format.ThrowIfDefault(nameof(format));
        return (X1 / format.Width, Y1 / format.Height, X2 / format.Width, Y2 / format.Height);
    }

    /// <summary>The box as <c>bbox</c> in COCO's results has it: upper left corner and size, in pixels.</summary>
    public (float X, float Y, float Width, float Height) ToCoco() => (X1, Y1, Width, Height);

    /// <summary>The same detection in a frame that is shown larger or smaller: for drawing into a preview, say.</summary>
    /// <param name="x">Factor of the horizontal edges, above 0.</param>
    /// <param name="y">Factor of the vertical edges, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A factor is not above 0, or not finite.</exception>
    public Detection Scale(float x, float y)
    {
        ThrowIfNoFactor(x, nameof(x));
        ThrowIfNoFactor(y, nameof(y));
        return this with { X1 = X1 * x, Y1 = Y1 * y, X2 = X2 * x, Y2 = Y2 * y };
    }

    /// <summary>The same detection moved: from a tile to the frame that it was cut from, say.</summary>
    /// <param name="x">Pixels to the right.</param>
    /// <param name="y">Pixels down.</param>
    public Detection Offset(float x, float y) => this with { X1 = X1 + x, Y1 = Y1 + y, X2 = X2 + x, Y2 = Y2 + y };

    /// <summary>The same detection with its box cut at the borders of a frame.</summary>
    /// <param name="format">Layout of the frame.</param>
    /// <exception cref="ArgumentException">The format is the default value.</exception>
    public Detection Clip(in FrameFormat format)
    {
        format.ThrowIfDefault(nameof(format));
        return this with
        {
            X1 = Math.Clamp(X1, 0, format.Width),
            Y1 = Math.Clamp(Y1, 0, format.Height),
            X2 = Math.Clamp(X2, 0, format.Width),
            Y2 = Math.Clamp(Y2, 0, format.Height),
        };
    }

    /// <summary>The whole pixels that the box touches: what to cut out of the frame.</summary>
    /// <param name="format">Layout of the frame; the rectangle is inside of it and has one pixel or more.</param>
    /// <param name="margin">Pixels to add on every side, 0 or more.</param>
    /// <exception cref="ArgumentException">The format is the default value.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The margin is negative.</exception>
    public Rectangle CropRectangle(in FrameFormat format, int margin = 0)
    {
        format.ThrowIfDefault(nameof(format));
        ArgumentOutOfRangeException.ThrowIfNegative(margin);
        int left = Math.Clamp((int)MathF.Floor(X1 - margin), 0, format.Width - 1);
        int top = Math.Clamp((int)MathF.Floor(Y1 - margin), 0, format.Height - 1);
        int right = Math.Clamp((int)MathF.Ceiling(X2 + margin), left + 1, format.Width);
        int bottom = Math.Clamp((int)MathF.Ceiling(Y2 + margin), top + 1, format.Height);
        return Rectangle.FromLTRB(left, top, right, bottom);
    }

    /// <summary>For people: <c>class3 0.92 at 510.3,302.1 to 596.0,326.2</c>.</summary>
    public override string ToString() => Text($"class{ClassId}");

    /// <summary>For people, with the name of the class: <c>hex_nut 0.92 at 510.3,302.1 to 596.0,326.2</c>.</summary>
    /// <param name="model">The model that found it, as <see cref="DetectionResult.Model"/>.</param>
    public string ToString(ModelInfo model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Text(model.NameOf(ClassId));
    }

    /// <summary>Refuses what no detector could have found in such a frame.</summary>
    internal void ThrowIfImpossible(in FrameFormat format, int classLimit)
    {
        if ((uint)ClassId >= (uint)classLimit)
        {
            throw new ArgumentException($"{this} has class {ClassId}; 0 to {classLimit - 1} are wanted.");
        }

        // Written so that NaN is refused.
        if (!(Score is >= 0 and <= 1))
        {
            throw new ArgumentException($"{this} has a score outside 0 to 1.");
        }

        if (!(X1 >= 0 && X1 <= X2 && X2 <= format.Width && Y1 >= 0 && Y1 <= Y2 && Y2 <= format.Height))
        {
            throw new ArgumentException($"{this} is no box inside a frame of {format.Width}x{format.Height} pixels.");
        }
    }

    private static void ThrowIfNoFactor(float factor, string name)
    {
        if (!(factor > 0 && float.IsFinite(factor)))
        {
            throw new ArgumentOutOfRangeException(name, factor, FormattableString.Invariant($"The factor is {factor}; it must be above 0."));
        }
    }

    private string Text(string name) =>
        string.Create(CultureInfo.InvariantCulture, $"{name} {Score:F2} at {X1:F1},{Y1:F1} to {X2:F1},{Y2:F1}");
}
