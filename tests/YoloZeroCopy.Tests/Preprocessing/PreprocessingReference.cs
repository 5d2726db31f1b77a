namespace YoloZeroCopy.Tests;

/// <summary>
/// Preprocessing the straightforward way: every output pixel by itself, from the formulas in the docs of <see cref="CpuPreprocessor"/>, in whole
/// numbers. Equal to the bit.
/// </summary>
internal sealed class PreprocessingReference(byte[] frame, FrameFormat format)
{
    /// <summary>Levels of the tensor [3, inputHeight, inputWidth].</summary>
    public byte[] Levels(int inputWidth, int inputHeight)
    {
        Letterbox letterbox = new(format.Width, format.Height, inputWidth, inputHeight);
        byte[] levels = new byte[3 * inputWidth * inputHeight];
        Array.Fill(levels, (byte)114);
        for (int y = 0; y < letterbox.Height; y++)
        {
            (int row, int upperWeight, int lowerWeight) = Locate(y, letterbox.Height, format.Height);
            int upper = Math.Clamp(row, 0, format.Height - 1);
            int lower = Math.Clamp(row + 1, 0, format.Height - 1);
            for (int x = 0; x < letterbox.Width; x++)
            {
                (int column, int leftWeight, int rightWeight) = Locate(x, letterbox.Width, format.Width);
                if (column < 0 || column >= format.Width - 1)
                {
                    (leftWeight, rightWeight) = (2048, 0);
                }

                int left = Math.Clamp(column, 0, format.Width - 1);
                int right = Math.Clamp(column + 1, 0, format.Width - 1);
                for (int channel = 0; channel < 3; channel++)
                {
                    int upperMixed = (Level(left, upper, channel) * leftWeight) + (Level(right, upper, channel) * rightWeight);
                    int lowerMixed = (Level(left, lower, channel) * leftWeight) + (Level(right, lower, channel) * rightWeight);
                    int sum = (upperMixed / 16 * upperWeight / 65536) + (lowerMixed / 16 * lowerWeight / 65536);
                    levels[(((channel * inputHeight) + letterbox.Top + y) * inputWidth) + letterbox.Left + x] = (byte)((sum + 2) / 4);
                }
            }
        }

        return levels;
    }

    private static (int First, int FirstWeight, int SecondWeight) Locate(int index, int size, int frameSize)
    {
        double scale = 1.0 / ((double)size / frameSize);
        float coordinate = (float)(((index + 0.5) * scale) - 0.5);
        int first = (int)Math.Floor(coordinate);
        float fraction = coordinate - first;
        float rest = 1 - fraction;
        return (first, (int)Math.Round(rest * 2048.0), (int)Math.Round(fraction * 2048.0));
    }

    private int At(int x, int y) => frame[(y * format.Stride) + x];

    /// <summary>Red (0), green (1) or blue (2) of a frame's pixel.</summary>
    private int Level(int x, int y, int channel) => format.PixelFormat switch
    {
        PixelFormat.Bgr24 => At((3 * x) + 2 - channel, y),
        PixelFormat.Rgb24 => At((3 * x) + channel, y),
        PixelFormat.Bgra32 => At((4 * x) + 2 - channel, y),
        PixelFormat.Rgba32 => At((4 * x) + channel, y),
        PixelFormat.Gray8 => At(x, y),
        PixelFormat.Nv12 => Nv12(x, y, channel),
        PixelFormat.P010 => P010(x, y, channel),
        PixelFormat.BgrPlanar => At(x, ((2 - channel) * format.Height) + y),
        PixelFormat.RgbPlanar => At(x, (channel * format.Height) + y),
        _ => Bayer(x, y, channel),
    };

    private int Nv12(int x, int y, int channel)
    {
        // Factors of Y, of Cr in red, of Cb and Cr in green and of Cb in blue, in units of 2^-20.
        (int black, long luma, long redCr, long greenCb, long greenCr, long blueCb) = format.Color switch
        {
            YuvColor.Bt601Limited => (16, 1220542, 1673527, -409993, -852492, 2116026),
            YuvColor.Bt601Full => (0, 1048576, 1470104, -360853, -748826, 1858077),
            YuvColor.Bt709Limited => (16, 1220945, 1879825, -223607, -558796, 2215014),
            _ => (0, 1048576, 1651297, -196424, -490864, 1945738),
        };
        int chromaRow = format.Height + (y / 2);
        int cb = At(x / 2 * 2, chromaRow) - 128;
        int cr = At((x / 2 * 2) + 1, chromaRow) - 128;
        long color = channel == 0 ? cr * redCr : channel == 1 ? (cb * greenCb) + (cr * greenCr) : cb * blueCb;
        long value = (Math.Max(At(x, y) - black, 0) * luma) + color;
        return (int)Math.Clamp(Math.Floor((value + 524288) / 1048576.0), 0, 255);
    }

    private int P010(int x, int y, int channel)
    {
        (int black, long luma, long redCr, long greenCb, long greenCr, long blueCb) = format.Color switch
        {
            YuvColor.Bt601Limited => (64, 1220542, 1673527, -409993, -852492, 2116026),
            YuvColor.Bt601Full => (0, 1045501, 1465792, -359795, -746630, 1852628),
            YuvColor.Bt709Limited => (64, 1220945, 1879825, -223607, -558796, 2215014),
            _ => (0, 1045501, 1646455, -195848, -489424, 1940032),
        };
        int chromaRow = format.Height + (y / 2);
        int cb = Word(x / 2 * 2, chromaRow) - 512;
        int cr = Word((x / 2 * 2) + 1, chromaRow) - 512;
        long color = channel == 0 ? cr * redCr : channel == 1 ? (cb * greenCb) + (cr * greenCr) : cb * blueCb;
        long value = (Math.Max(Word(x, y) - black, 0) * luma) + color;
        return (int)Math.Clamp(Math.Floor((value + 2097152) / 4194304.0), 0, 255);
    }

    /// <summary>The upper ten of a word's bits.</summary>
    private int Word(int x, int y) => (At(2 * x, y) + (256 * At((2 * x) + 1, y))) / 64;

    private int Bayer(int x, int y, int channel)
    {
        x = format.Width < 3 ? x : Math.Clamp(x, 1, format.Width - 2);
        y = format.Height < 3 ? y : Math.Clamp(y, 1, format.Height - 2);
        (int redX, int redY) = format.PixelFormat switch
        {
            PixelFormat.BayerRggb8 => (0, 0),
            PixelFormat.BayerBggr8 => (1, 1),
            PixelFormat.BayerGrbg8 => (1, 0),
            _ => (0, 1),
        };
        bool redColumn = (x & 1) == redX;
        bool redRow = (y & 1) == redY;
        int sides = Mosaic(x - 1, y) + Mosaic(x + 1, y);
        int ends = Mosaic(x, y - 1) + Mosaic(x, y + 1);
        if (redColumn != redRow)
        {
            // Green: the row's own colour is at its sides, the other one above and below.
            return channel == 1 ? Mosaic(x, y) : channel == (redRow ? 0 : 2) ? (sides + 1) / 2 : (ends + 1) / 2;
        }

        int corners = Mosaic(x - 1, y - 1) + Mosaic(x + 1, y - 1) + Mosaic(x - 1, y + 1) + Mosaic(x + 1, y + 1);
        return channel == 1 ? (sides + ends + 2) / 4 : channel == (redRow ? 0 : 2) ? Mosaic(x, y) : (corners + 2) / 4;
    }

    private int Mosaic(int x, int y) => At(Mirror(x, format.Width), Mirror(y, format.Height));

    private static int Mirror(int position, int size) => size == 1 ? 0 : position < 0 ? -position : position >= size ? (2 * size) - 2 - position
        : position;
}
