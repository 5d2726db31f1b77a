using YoloZeroCopy;

namespace MultiCamera.Cameras;

/// <summary>Makes pictures to look at of Nv12 frames, smaller by a whole number.</summary>
internal static class Nv12Picture
{
    private const int Bits = 16;
    private const int Half = 1 << (Bits - 1);

    /// <summary>Converts every <paramref name="step"/>th pixel of every so manieth row to Bgra32.</summary>
    public static void Convert(ReadOnlySpan<byte> frame, in FrameFormat format, int step, Span<byte> pixels, in FrameFormat small)
    {
        Factors factors = new(format.Color);
        ReadOnlySpan<byte> colors = frame[(format.Stride * format.Height)..];
        for (int y = 0; y < small.Height; y++)
        {
            ReadOnlySpan<byte> light = frame.Slice(y * step * format.Stride, format.Width);
            ReadOnlySpan<byte> color = colors[(y * step / 2 * format.Stride)..];
            Span<byte> row = pixels.Slice(y * small.Stride, small.Width * 4);
            for (int x = 0; x < small.Width; x++)
            {
                int from = x * step;
                int level = ((light[from] - factors.Black) * factors.Light) + Half;
                int cb = color[from & ~1] - 128;
                int cr = color[from | 1] - 128;
                row[x * 4] = Clamp(level + (factors.BlueCb * cb));
                row[(x * 4) + 1] = Clamp(level - (factors.GreenCb * cb) - (factors.GreenCr * cr));
                row[(x * 4) + 2] = Clamp(level + (factors.RedCr * cr));
                row[(x * 4) + 3] = byte.MaxValue;
            }
        }
    }

    private static byte Clamp(int value) => (byte)Math.Clamp(value >> Bits, 0, 255);

    /// <summary>The standards' factors, ITU-R BT.601 and BT.709, with <see cref="Bits"/> fractional bits.</summary>
    private readonly struct Factors
    {
        public Factors(YuvColor color)
        {
            (double kr, double kb) = color is YuvColor.Bt709Limited or YuvColor.Bt709Full ? (0.2126, 0.0722) : (0.299, 0.114);
            bool isLimited = color is YuvColor.Bt601Limited or YuvColor.Bt709Limited;
            double kg = 1 - kr - kb;
            double chroma = isLimited ? 255 / 224.0 : 1;
            Black = isLimited ? 16 : 0;
            Light = ToFixed(isLimited ? 255 / 219.0 : 1);
            RedCr = ToFixed(2 * (1 - kr) * chroma);
            BlueCb = ToFixed(2 * (1 - kb) * chroma);
            GreenCb = ToFixed(2 * kb * (1 - kb) / kg * chroma);
            GreenCr = ToFixed(2 * kr * (1 - kr) / kg * chroma);
        }

        public int Black { get; }

        public int Light { get; }

        public int RedCr { get; }

        public int GreenCb { get; }

        public int GreenCr { get; }

        public int BlueCb { get; }

        private static int ToFixed(double factor) => (int)Math.Round(factor * (1 << Bits));
    }
}
