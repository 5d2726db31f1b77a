using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Demosaics rows of a Bayer frame to RGB with a fourth, unused byte: bilinear, with OpenCV's rounding.</summary>
/// <remarks>
/// A missing colour is the mean of the two or four nearest pixels that have it, halves rounded up. As in OpenCV, the outermost rows and columns have
/// not all neighbours and repeat the demosaiced pixels next to them. A frame of one or two rows or columns has no inner ones: there a neighbour
/// outside is the one on the other side, or the pixel itself.
/// </remarks>
internal unsafe struct BayerRowReader : IRowReader
{
    private readonly byte* frame;
    private readonly int width;
    private readonly int height;
    private readonly int stride;
    private readonly int redColumn;
    private readonly int redRow;
    private readonly SimdLevel level;

    public BayerRowReader(byte* frame, in FrameFormat format, SimdLevel level)
    {
        this.frame = frame;
        width = format.Width;
        height = format.Height;
        stride = format.Stride;
        (redColumn, redRow) = format.PixelFormat switch
        {
            PixelFormat.BayerRggb8 => (0, 0),
            PixelFormat.BayerBggr8 => (1, 1),
            PixelFormat.BayerGrbg8 => (1, 0),
            _ => (0, 1),
        };
        this.level = level;
    }

    public byte* Read(int y, byte* buffer)
    {
        int center = Inner(y, height);
        Demosaic(RowAt(Neighbour(center - 1, height)), RowAt(center), RowAt(Neighbour(center + 1, height)), (center & 1) == redRow, buffer);
        return buffer;
    }

    // Nearest position with neighbours on both sides, where there is one.
    private static int Inner(int position, int size) => size < 3 ? position : Math.Clamp(position, 1, size - 2);

    // Mirrors a position just outside; with a single row or column nothing but itself is left.
    private static int Neighbour(int position, int size) => size == 1 ? 0
        : position < 0 ? 1
        : position >= size ? size - 2
        : position;

    private readonly byte* RowAt(int y) => frame + ((nint)y * stride);

    /// <summary>Demosaics one row.</summary>
    /// <param name="above">Row above.</param>
    /// <param name="row">The row, in which green alternates with its own colour.</param>
    /// <param name="below">Row below.</param>
    /// <param name="isRed">True when the row's own colour is red, false when it is blue.</param>
    /// <param name="rgbx">Where the pixels go.</param>
    private readonly void Demosaic(byte* above, byte* row, byte* below, bool isRed, byte* rgbx)
    {
        int ownColumn = isRed ? redColumn : 1 - redColumn;
        int x = 1;

        // Vectors start at an odd column.
        ushort own = (ushort)(ownColumn == 1 ? 0x00FF : 0xFF00);
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            Vector256<byte> isOwn = Vector256.Create(own).AsByte();
            for (; x <= width - 33; x += 32)
            {
                Demosaic32(above + x, row + x, below + x, isOwn, isRed, rgbx + (4 * x));
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            Vector128<byte> isOwn = Vector128.Create(own).AsByte();
            for (; x <= width - 17; x += 16)
            {
                Demosaic16(above + x, row + x, below + x, isOwn, isRed, rgbx + (4 * x));
            }
        }

        for (; x < width - 1; x++)
        {
            DemosaicPixel(above, row, below, x, ownColumn, isRed, rgbx + (4 * x));
        }

        if (width < 3)
        {
            for (x = 0; x < width; x++)
            {
                DemosaicPixel(above, row, below, x, ownColumn, isRed, rgbx + (4 * x));
            }
        }
        else
        {
            uint* pixels = (uint*)rgbx;
            pixels[0] = pixels[1];
            pixels[width - 1] = pixels[width - 2];
        }
    }

    private readonly void DemosaicPixel(byte* above, byte* row, byte* below, int x, int ownColumn, bool isRed, byte* rgbx)
    {
        int left = Neighbour(x - 1, width);
        int right = Neighbour(x + 1, width);
        int own;
        int green;
        int other;
        if ((x & 1) == ownColumn)
        {
            own = row[x];
            green = (above[x] + below[x] + row[left] + row[right] + 2) >> 2;
            other = (above[left] + above[right] + below[left] + below[right] + 2) >> 2;
        }
        else
        {
            own = (row[left] + row[right] + 1) >> 1;
            green = row[x];
            other = (above[x] + below[x] + 1) >> 1;
        }

        rgbx[0] = (byte)(isRed ? own : other);
        rgbx[1] = (byte)green;
        rgbx[2] = (byte)(isRed ? other : own);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Demosaic32(byte* above, byte* row, byte* below, Vector256<byte> isOwn, bool isRed, byte* rgbx)
    {
        Vector256<byte> up = Vector256.Load(above);
        Vector256<byte> down = Vector256.Load(below);
        Vector256<byte> left = Vector256.Load(row - 1);
        Vector256<byte> right = Vector256.Load(row + 1);
        Vector256<byte> center = Vector256.Load(row);
        Vector256<byte> cross = Mean(up, down, left, right);
        Vector256<byte> diagonal = Mean(Vector256.Load(above - 1), Vector256.Load(above + 1), Vector256.Load(below - 1), Vector256.Load(below + 1));
        Vector256<byte> own = Avx2.BlendVariable(Avx2.Average(left, right), center, isOwn);
        Vector256<byte> green = Avx2.BlendVariable(center, cross, isOwn);
        Vector256<byte> other = Avx2.BlendVariable(Avx2.Average(up, down), diagonal, isOwn);
        SimdMath.StoreRgbx(rgbx, isRed ? own : other, green, isRed ? other : own);
    }

    // Sums of neighbours in pairs come from a multiplication by 1; they stay within 16 bits, and so within lanes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Mean(Vector256<byte> a, Vector256<byte> b, Vector256<byte> c, Vector256<byte> d)
    {
        Vector256<sbyte> one = Vector256<sbyte>.One;
        Vector256<short> two = Vector256.Create((short)2);
        Vector256<short> lower = Avx2.MultiplyAddAdjacent(Avx2.UnpackLow(a, b), one) + Avx2.MultiplyAddAdjacent(Avx2.UnpackLow(c, d), one) + two;
        Vector256<short> upper = Avx2.MultiplyAddAdjacent(Avx2.UnpackHigh(a, b), one) + Avx2.MultiplyAddAdjacent(Avx2.UnpackHigh(c, d), one) + two;
        return Avx2.PackUnsignedSaturate(lower >> 2, upper >> 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Demosaic16(byte* above, byte* row, byte* below, Vector128<byte> isOwn, bool isRed, byte* rgbx)
    {
        Vector128<byte> up = Vector128.Load(above);
        Vector128<byte> down = Vector128.Load(below);
        Vector128<byte> left = Vector128.Load(row - 1);
        Vector128<byte> right = Vector128.Load(row + 1);
        Vector128<byte> center = Vector128.Load(row);
        Vector128<byte> cross = Mean(up, down, left, right);
        Vector128<byte> diagonal = Mean(Vector128.Load(above - 1), Vector128.Load(above + 1), Vector128.Load(below - 1), Vector128.Load(below + 1));
        Vector128<byte> own = Vector128.ConditionalSelect(isOwn, center, SimdMath.Mean(left, right));
        Vector128<byte> green = Vector128.ConditionalSelect(isOwn, cross, center);
        Vector128<byte> other = Vector128.ConditionalSelect(isOwn, diagonal, SimdMath.Mean(up, down));
        SimdMath.StoreRgbx(rgbx, isRed ? own : other, green, isRed ? other : own);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Mean(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c, Vector128<byte> d)
    {
        Vector128<ushort> two = Vector128.Create((ushort)2);
        Vector128<ushort> lower = Vector128.WidenLower(a) + Vector128.WidenLower(b) + Vector128.WidenLower(c) + Vector128.WidenLower(d) + two;
        Vector128<ushort> upper = Vector128.WidenUpper(a) + Vector128.WidenUpper(b) + Vector128.WidenUpper(c) + Vector128.WidenUpper(d) + two;
        return SimdMath.NarrowClamped((lower >> 2).AsInt16(), (upper >> 2).AsInt16());
    }
}
