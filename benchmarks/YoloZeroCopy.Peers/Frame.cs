namespace YoloZeroCopy.Peers;

/// <summary>A picture as a camera gives it: rows of blue, green and red without gaps.</summary>
/// <param name="Pixels">The bytes.</param>
/// <param name="Width">Pixels of a row.</param>
/// <param name="Height">Rows.</param>
internal sealed record Frame(byte[] Pixels, int Width, int Height)
{
    public FrameFormat Format { get; } = new(PixelFormat.Bgr24, Width, Height);
}
