using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Converts rows of an NV12 frame to RGB with a fourth, unused byte. Pixel (x, y) takes the chroma sample (x / 2, y / 2); nothing is interpolated.</summary>
/// <remarks>Everything is summed with 6 fractional bits in 16-bit numbers: luminance enters shifted by 7 with half its factor, chroma shifted by 8 with a quarter.</remarks>
internal unsafe struct Nv12RowReader : IRowReader
{
    private const int FractionBits = 6;
    private const int Rounding = 1 << (FractionBits - 1);

    private readonly byte* luma;
    private readonly byte* chroma;
    private readonly int width;
    private readonly int stride;
    private readonly Nv12Coefficients coefficients;
    private readonly SimdLevel level;
    private ConvertedRows rows;

    public Nv12RowReader(byte* frame, in FrameFormat format, ConvertedRows rows, SimdLevel level)
    {
        luma = frame;
        chroma = frame + ((nint)format.Height * format.Stride);
        width = format.Width;
        stride = format.Stride;
        coefficients = new Nv12Coefficients(format.Color);
        this.rows = rows;
        this.level = level;
    }

    public byte* Read(int y)
    {
        if (!rows.TryGet(y, out byte* row))
        {
            Convert(luma + ((nint)y * stride), chroma + ((nint)(y / 2) * stride), row);
        }

        return row;
    }

    private readonly void Convert(byte* y, byte* cbcr, byte* rgbx)
    {
        int x = 0;
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            for (; x <= width - 32; x += 32)
            {
                Convert32(Vector256.Load(y + x), Vector256.Load(cbcr + x).AsUInt16(), rgbx + (4 * x));
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            for (; x <= width - 16; x += 16)
            {
                Convert16(Vector128.Load(y + x), Vector128.Load(cbcr + x).AsUInt16(), rgbx + (4 * x));
            }
        }

        for (; x < width; x++)
        {
            int cb = (cbcr[x & ~1] - 128) << 8;
            int cr = (cbcr[x | 1] - 128) << 8;
            int light = SimdMath.MultiplyHighRound(Math.Max(y[x] - coefficients.Black, 0) << 7, coefficients.Luma) + Rounding;
            int green = SimdMath.MultiplyHighRound(cb, coefficients.GreenCb) + SimdMath.MultiplyHighRound(cr, coefficients.GreenCr);
            rgbx[4 * x] = ToLevel(light + SimdMath.MultiplyHighRound(cr, coefficients.RedCr));
            rgbx[(4 * x) + 1] = ToLevel(light + green);
            rgbx[(4 * x) + 2] = ToLevel(light + SimdMath.MultiplyHighRound(cb, coefficients.BlueCb));
        }
    }

    private static byte ToLevel(int value) => (byte)Math.Clamp(value >> FractionBits, 0, 255);

    // Widening and narrowing stay within lanes and undo each other; a lane's chroma samples belong to the same lane's pixels.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Convert32(Vector256<byte> y, Vector256<ushort> cbcr, byte* rgbx)
    {
        Vector256<ushort> sign = Vector256.Create((ushort)0x8000);
        Vector256<short> cb = ((cbcr << 8) ^ sign).AsInt16();
        Vector256<short> cr = ((cbcr & Vector256.Create((ushort)0xFF00)) ^ sign).AsInt16();
        Vector256<short> red = Avx2.MultiplyHighRoundScale(cr, Vector256.Create(coefficients.RedCr));
        Vector256<short> green = Avx2.MultiplyHighRoundScale(cb, Vector256.Create(coefficients.GreenCb))
            + Avx2.MultiplyHighRoundScale(cr, Vector256.Create(coefficients.GreenCr));
        Vector256<short> blue = Avx2.MultiplyHighRoundScale(cb, Vector256.Create(coefficients.BlueCb));

        Vector256<byte> light = Avx2.SubtractSaturate(y, Vector256.Create(coefficients.Black));
        Vector256<short> factor = Vector256.Create(coefficients.Luma);
        Vector256<short> rounding = Vector256.Create((short)Rounding);
        Vector256<short> lower = Avx2.UnpackLow(light, Vector256<byte>.Zero).AsInt16() << 7;
        Vector256<short> upper = Avx2.UnpackHigh(light, Vector256<byte>.Zero).AsInt16() << 7;
        lower = Avx2.MultiplyHighRoundScale(lower, factor) + rounding;
        upper = Avx2.MultiplyHighRoundScale(upper, factor) + rounding;
        SimdMath.StoreRgbx(rgbx, Add(lower, upper, red), Add(lower, upper, green), Add(lower, upper, blue));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Add(Vector256<short> lower, Vector256<short> upper, Vector256<short> color) => Avx2.PackUnsignedSaturate(
        Avx2.AddSaturate(lower, Avx2.UnpackLow(color, color)) >> FractionBits,
        Avx2.AddSaturate(upper, Avx2.UnpackHigh(color, color)) >> FractionBits);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Convert16(Vector128<byte> y, Vector128<ushort> cbcr, byte* rgbx)
    {
        // Flipping the highest bit subtracts 128 from a byte in the upper half of a 16-bit number.
        Vector128<ushort> sign = Vector128.Create((ushort)0x8000);
        Vector128<short> cb = ((cbcr << 8) ^ sign).AsInt16();
        Vector128<short> cr = ((cbcr & Vector128.Create((ushort)0xFF00)) ^ sign).AsInt16();
        Vector128<short> red = SimdMath.MultiplyHighRound(cr, Vector128.Create(coefficients.RedCr));
        Vector128<short> green = SimdMath.MultiplyHighRound(cb, Vector128.Create(coefficients.GreenCb))
            + SimdMath.MultiplyHighRound(cr, Vector128.Create(coefficients.GreenCr));
        Vector128<short> blue = SimdMath.MultiplyHighRound(cb, Vector128.Create(coefficients.BlueCb));

        Vector128<byte> light = Vector128.SubtractSaturate(y, Vector128.Create(coefficients.Black));
        Vector128<short> factor = Vector128.Create(coefficients.Luma);
        Vector128<short> rounding = Vector128.Create((short)Rounding);
        Vector128<short> lower = SimdMath.MultiplyHighRound(Vector128.WidenLower(light).AsInt16() << 7, factor) + rounding;
        Vector128<short> upper = SimdMath.MultiplyHighRound(Vector128.WidenUpper(light).AsInt16() << 7, factor) + rounding;
        SimdMath.StoreRgbx(rgbx, Add(lower, upper, red), Add(lower, upper, green), Add(lower, upper, blue));
    }

    // Each chroma sample serves two neighbours. Saturation keeps a sum beyond 511 above 255, where it is clamped anyway.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Add(Vector128<short> lower, Vector128<short> upper, Vector128<short> color)
    {
        Vector128<short> first = Vector128.Shuffle(color, Vector128.Create((short)0, 0, 1, 1, 2, 2, 3, 3));
        Vector128<short> second = Vector128.Shuffle(color, Vector128.Create((short)4, 4, 5, 5, 6, 6, 7, 7));
        return SimdMath.NarrowClamped(
            Vector128.AddSaturate(lower, first) >> FractionBits,
            Vector128.AddSaturate(upper, second) >> FractionBits);
    }
}
