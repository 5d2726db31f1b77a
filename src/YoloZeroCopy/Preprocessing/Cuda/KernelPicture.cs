using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>
/// One frame of a batch as the kernels see it: where its bytes are and how it lies in the model's input. <c>yzc_picture</c> in
/// native/kernels/yzc_kernels.h.
/// </summary>
/// <remarks>
/// A batch's pictures lie side by side in memory that the device can read, aligned to 16 bytes: best device memory, uploaded together with the
/// frames, so that a captured graph never changes when frames of another size or format come. Preprocessing and suppression read the same array.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct KernelPicture
{
    /// <summary>Describes a frame.</summary>
    /// <param name="format">Layout of the frame.</param>
    /// <param name="letterbox">How it is laid into the input.</param>
    /// <param name="frame">Device address of the frame's first byte, of P010 an even one, else in any alignment; <see cref="FrameFormat.ByteCount"/>
    /// bytes are read, none beyond.</param>
    /// <param name="chroma">Device address of the plane of Cb and Cr of an NV12 or P010 frame, for surfaces that keep it elsewhere; 0: right behind
    /// the rows of luminance.</param>
    /// <exception cref="ArgumentException">The format is the default value, or the letterbox is of another frame size.</exception>
    public KernelPicture(in FrameFormat format, in Letterbox letterbox, ulong frame, ulong chroma = 0)
    {
        if (format.Width == 0 || letterbox.FrameWidth != format.Width || letterbox.FrameHeight != format.Height)
        {
            throw new ArgumentException(
                $"The letterbox is of a frame of {letterbox.FrameWidth}x{letterbox.FrameHeight} pixels, the "
                    + $"frame has {format.Width}x{format.Height}.",
                nameof(letterbox));
        }

        Frame = frame;
        PixelFormat = (int)format.PixelFormat;
        FrameWidth = format.Width;
        FrameHeight = format.Height;
        Stride = format.Stride;
        ScaleX = 1.0 / ((double)letterbox.Width / format.Width);
        ScaleY = 1.0 / ((double)letterbox.Height / format.Height);
        ResizedWidth = letterbox.Width;
        ResizedHeight = letterbox.Height;
        Left = letterbox.Left;
        Top = letterbox.Top;
        Gain = (float)letterbox.Gain;
        if (format.IsYuv)
        {
            Chroma = chroma == 0 ? frame + ((ulong)format.Height * (ulong)format.Stride) : chroma;
            Color = new YuvCoefficients(format.Color, format.PixelFormat == YoloZeroCopy.PixelFormat.P010);
        }
    }

    public ulong Frame { get; init; }

    public ulong Chroma { get; init; }

    public double ScaleX { get; }

    public double ScaleY { get; }

    public int PixelFormat { get; }

    public int FrameWidth { get; }

    public int FrameHeight { get; }

    public int Stride { get; }

    public int ResizedWidth { get; }

    public int ResizedHeight { get; }

    public int Left { get; }

    public int Top { get; }

    public float Gain { get; }

    /// <summary>Of an NV12 or P010 frame. The native struct has its fields as its own.</summary>
    public YuvCoefficients Color { get; }
}
