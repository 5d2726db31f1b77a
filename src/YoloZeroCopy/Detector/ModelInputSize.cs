using System.ComponentModel;
using System.Globalization;

namespace YoloZeroCopy;

/// <summary>Size of a model's input in pixels. Converts from a number (a square) and from a tuple of width and height.</summary>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
[TypeConverter(typeof(ModelInputSizeConverter))]
public readonly record struct ModelInputSize(int Width, int Height)
{
    /// <summary>A square input, as Ultralytics' <c>imgsz=640</c> means it.</summary>
    /// <param name="side">Width and height in pixels.</param>
    public static implicit operator ModelInputSize(int side) => new(side, side);

    /// <summary>Width and height; mind that a list in Ultralytics' <c>imgsz</c> has the height first.</summary>
    /// <param name="size">Width and height in pixels.</param>
    public static implicit operator ModelInputSize((int Width, int Height) size) => new(size.Width, size.Height);

    /// <summary>Width and height as a tuple.</summary>
    /// <param name="size">The size.</param>
    public static implicit operator (int Width, int Height)(ModelInputSize size) => (size.Width, size.Height);

    /// <summary>Reads a size.</summary>
    /// <param name="text">Width and height such as <c>640x384</c>, or the side of a square such as <c>640</c>.</param>
    /// <exception cref="FormatException">Any other text.</exception>
    public static ModelInputSize Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<char> all = text;
        int cross = all.IndexOfAny('x', 'X');
        if (TryRead(cross < 0 ? all : all[..cross], out int width))
        {
            if (cross < 0)
            {
                return width;
            }

            if (TryRead(all[(cross + 1)..], out int height))
            {
                return (width, height);
            }
        }

        throw new FormatException($"'{text}' is no size of a model's input; width and height such as 640x384, or 640 for a square, are.");
    }

    /// <summary>The size as <see cref="Parse"/> reads it: <c>640x384</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Width}x{Height}");

    private static bool TryRead(ReadOnlySpan<char> text, out int side) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out side);
}
