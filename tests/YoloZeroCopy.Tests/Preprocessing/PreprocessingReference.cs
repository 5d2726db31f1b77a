namespace YoloZeroCopy.Tests;

/// <summary>Preprocessing the straightforward way: every output pixel by itself, in double precision, from the formulas in the docs of <see cref="CpuPreprocessor"/>.</summary>
internal sealed class PreprocessingReference(byte[] frame, FrameFormat format)
{
    /// <summary>Exact levels of the tensor [3, inputHeight, inputWidth], not rounded to whole numbers.</summary>
    public double[] Levels(int inputWidth, int inputHeight)
    {
        Letterbox letterbox = new(format.Width, format.Height, inputWidth, inputHeight);
        double[] levels = new double[3 * inputWidth * inputHeight];
        Array.Fill(levels, 114);
        for (int y = 0; y < letterbox.Height; y++)
        {
            (int row, double rowFraction) = Locate(y, letterbox.Height, format.Height);
            int nextRow = Math.Min(row + 1, format.Height - 1);
            for (int x = 0; x < letterbox.Width; x++)
            {
                (int column, double fraction) = Locate(x, letterbox.Width, format.Width);
                int nextColumn = Math.Min(column + 1, format.Width - 1);
                double[] upperLeft = Rgb(column, row);
                double[] upperRight = Rgb(nextColumn, row);
                double[] lowerLeft = Rgb(column, nextRow);
                double[] lowerRight = Rgb(nextColumn, nextRow);
                for (int c = 0; c < 3; c++)
                {
                    double upper = upperLeft[c] + ((upperRight[c] - upperLeft[c]) * fraction);
                    double lower = lowerLeft[c] + ((lowerRight[c] - lowerLeft[c]) * fraction);
                    levels[(((c * inputHeight) + letterbox.Top + y) * inputWidth) + letterbox.Left + x] = upper + ((lower - upper) * rowFraction);
                }
            }
        }

        return levels;
    }

    private static (int Index, double Fraction) Locate(int index, int size, int frameSize)
    {
        double scale = 1.0 / ((double)size / frameSize);
        float coordinate = Math.Clamp((float)(((index + 0.5) * scale) - 0.5), 0f, frameSize - 1);
        return ((int)coordinate, coordinate - (int)coordinate);
    }

    private int At(int x, int y) => frame[(y * format.Stride) + x];

    private double[] Rgb(int x, int y) => format.PixelFormat switch
    {
        PixelFormat.Bgr24 => [At((3 * x) + 2, y), At((3 * x) + 1, y), At(3 * x, y)],
        PixelFormat.Rgb24 => [At(3 * x, y), At((3 * x) + 1, y), At((3 * x) + 2, y)],
        PixelFormat.Bgra32 => [At((4 * x) + 2, y), At((4 * x) + 1, y), At(4 * x, y)],
        PixelFormat.Rgba32 => [At(4 * x, y), At((4 * x) + 1, y), At((4 * x) + 2, y)],
        PixelFormat.Gray8 => [At(x, y), At(x, y), At(x, y)],
        PixelFormat.Nv12 => Nv12(x, y),
        _ => Bayer(x, y),
    };

    private double[] Nv12(int x, int y)
    {
        bool limited = format.Color is YuvColor.Bt601Limited or YuvColor.Bt709Limited;
        bool bt601 = format.Color is YuvColor.Bt601Limited or YuvColor.Bt601Full;
        (double kr, double kb) = bt601 ? (0.299, 0.114) : (0.2126, 0.0722);
        double light = limited ? Math.Max(At(x, y) - 16, 0) * 255 / 219.0 : At(x, y);
        int chromaRow = format.Height + (y / 2);
        double chroma = limited ? 255 / 224.0 : 1;
        double cb = (At(x / 2 * 2, chromaRow) - 128) * chroma;
        double cr = (At((x / 2 * 2) + 1, chromaRow) - 128) * chroma;
        double red = light + (2 * (1 - kr) * cr);
        double blue = light + (2 * (1 - kb) * cb);
        double green = light - (((2 * kb * (1 - kb) * cb) + (2 * kr * (1 - kr) * cr)) / (1 - kr - kb));
        return [Math.Clamp(red, 0, 255), Math.Clamp(green, 0, 255), Math.Clamp(blue, 0, 255)];
    }

    private double[] Bayer(int x, int y)
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
        double horizontal = (Mosaic(x - 1, y) + Mosaic(x + 1, y)) / 2;
        double vertical = (Mosaic(x, y - 1) + Mosaic(x, y + 1)) / 2;
        double diagonal = (Mosaic(x - 1, y - 1) + Mosaic(x + 1, y - 1) + Mosaic(x - 1, y + 1) + Mosaic(x + 1, y + 1)) / 4;
        bool redColumn = (x & 1) == redX;
        bool redRow = (y & 1) == redY;
        double center = Mosaic(x, y);
        return (redColumn, redRow) switch
        {
            (true, true) => [center, (horizontal + vertical) / 2, diagonal],
            (false, false) => [diagonal, (horizontal + vertical) / 2, center],
            (false, true) => [horizontal, center, vertical],
            (true, false) => [vertical, center, horizontal],
        };
    }

    private double Mosaic(int x, int y) => At(Mirror(x, format.Width), Mirror(y, format.Height));

    private static int Mirror(int position, int size) => size == 1 ? 0 : position < 0 ? -position : position >= size ? (2 * size) - 2 - position : position;
}
