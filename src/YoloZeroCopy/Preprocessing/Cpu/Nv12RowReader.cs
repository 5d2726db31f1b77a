using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Converts rows of an NV12 frame to RGB with a fourth, unused byte, as <see cref="YuvCoefficients"/> says.</summary>
/// <remarks>
/// Pixel (x, y) takes the chroma sample (x / 2, y / 2); nothing is interpolated. Vectors hold the even pixels of a row and the odd ones apart, so
/// that each element has its own chroma sample beside it.
/// </remarks>
internal unsafe struct Nv12RowReader : IRowReader
{
    // A level's bits above the lowest 16 of its 20 fractional ones, and half a level there.
    private const int UpperFractionBits = YuvCoefficients.FractionBits - 16;
    private const int UpperHalf = 1 << (UpperFractionBits - 1);

    private readonly byte* luma;
    private readonly byte* chroma;
    private readonly int width;
    private readonly int stride;
    private readonly YuvCoefficients coefficients;
    private readonly SimdLevel level;

    public Nv12RowReader(byte* frame, in FrameFormat format, SimdLevel level)
    {
        luma = frame;
        chroma = frame + ((nint)format.Height * format.Stride);
        width = format.Width;
        stride = format.Stride;
        coefficients = new YuvCoefficients(format.Color, tenBits: false);
        this.level = level;
    }

    public byte* Read(int y, byte* buffer)
    {
        Convert(luma + ((nint)y * stride), chroma + ((nint)(y / 2) * stride), buffer);
        return buffer;
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
            int cb = cbcr[x & ~1] - 128;
            int cr = cbcr[x | 1] - 128;
            int light = Math.Max(y[x] - coefficients.Black, 0) * coefficients.Luma;
            rgbx[4 * x] = ToLevel(light + (cr * coefficients.RedCr));
            rgbx[(4 * x) + 1] = ToLevel(light + (cb * coefficients.GreenCb) + (cr * coefficients.GreenCr));
            rgbx[(4 * x) + 2] = ToLevel(light + (cb * coefficients.BlueCb));
        }
    }

    // Half a level is added behind the shift: it has no lower bits.
    private static byte ToLevel(int value) => (byte)Math.Clamp(((value >> 16) + UpperHalf) >> UpperFractionBits, 0, 255);

    // Widening and narrowing stay within lanes and undo each other; a lane's chroma samples belong to the same lane's pixels.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Convert32(Vector256<byte> y, Vector256<ushort> cbcr, byte* to)
    {
        Vector256<ushort> light = Avx2.SubtractSaturate(y, Vector256.Create((byte)coefficients.Black)).AsUInt16();
        Pixels256 lower = new(Avx2.UnpackLow(light, Vector256<ushort>.Zero), Avx2.UnpackLow(cbcr, Vector256<ushort>.Zero), coefficients);
        Pixels256 upper = new(Avx2.UnpackHigh(light, Vector256<ushort>.Zero), Avx2.UnpackHigh(cbcr, Vector256<ushort>.Zero), coefficients);
        Vector256<byte> red = Avx2.PackUnsignedSaturate(lower.Add(lower.Cr * coefficients.RedCr), upper.Add(upper.Cr * coefficients.RedCr));
        Vector256<byte> green = Avx2.PackUnsignedSaturate(
            lower.Add((lower.Cb * coefficients.GreenCb) + (lower.Cr * coefficients.GreenCr)),
            upper.Add((upper.Cb * coefficients.GreenCb) + (upper.Cr * coefficients.GreenCr)));
        Vector256<byte> blue = Avx2.PackUnsignedSaturate(lower.Add(lower.Cb * coefficients.BlueCb), upper.Add(upper.Cb * coefficients.BlueCb));
        SimdMath.StoreRgbx(to, red, green, blue);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Convert16(Vector128<byte> y, Vector128<ushort> cbcr, byte* to)
    {
        Vector128<ushort> light = Vector128.SubtractSaturate(y, Vector128.Create((byte)coefficients.Black)).AsUInt16();
        Pixels128 lower = new(Vector128.WidenLower(light), Vector128.WidenLower(cbcr), coefficients);
        Pixels128 upper = new(Vector128.WidenUpper(light), Vector128.WidenUpper(cbcr), coefficients);
        Vector128<byte> red = SimdMath.NarrowClamped(lower.Add(lower.Cr * coefficients.RedCr), upper.Add(upper.Cr * coefficients.RedCr));
        Vector128<byte> green = SimdMath.NarrowClamped(
            lower.Add((lower.Cb * coefficients.GreenCb) + (lower.Cr * coefficients.GreenCr)),
            upper.Add((upper.Cb * coefficients.GreenCb) + (upper.Cr * coefficients.GreenCr)));
        Vector128<byte> blue = SimdMath.NarrowClamped(lower.Add(lower.Cb * coefficients.BlueCb), upper.Add(upper.Cb * coefficients.BlueCb));
        SimdMath.StoreRgbx(to, red, green, blue);
    }

    /// <summary>Pairs of neighbours, each pair a 32-bit element, with the chroma sample they share.</summary>
    private readonly struct Pixels256
    {
        private readonly Vector256<int> evenLight;
        private readonly Vector256<int> oddLight;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Pixels256(Vector256<ushort> light, Vector256<ushort> cbcr, in YuvCoefficients coefficients)
        {
            Vector256<int> least = Vector256.Create(255);
            Vector256<int> middle = Vector256.Create(128);
            Vector256<int> luma = Vector256.Create(coefficients.Luma);
            evenLight = (light.AsInt32() & least) * luma;
            oddLight = (light.AsInt32() >> 8) * luma;
            Cb = (cbcr.AsInt32() & least) - middle;
            Cr = (cbcr.AsInt32() >> 8) - middle;
        }

        public Vector256<int> Cb { get; }

        public Vector256<int> Cr { get; }

        /// <summary>Levels, not yet clamped, of light and a colour's chroma. The multiplication adds half a level and shifts.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<short> Add(Vector256<int> color)
        {
            Vector256<short> upperHalves = Avx2.Blend(((evenLight + color) >>> 16).AsInt16(), (oddLight + color).AsInt16(), 0b1010_1010);
            return Avx2.MultiplyHighRoundScale(upperHalves, Vector256.Create((short)(1 << (15 - UpperFractionBits))));
        }
    }

    /// <inheritdoc cref="Pixels256"/>
    private readonly struct Pixels128
    {
        private readonly Vector128<int> evenLight;
        private readonly Vector128<int> oddLight;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Pixels128(Vector128<uint> light, Vector128<uint> cbcr, in YuvCoefficients coefficients)
        {
            Vector128<int> least = Vector128.Create(255);
            Vector128<int> middle = Vector128.Create(128);
            Vector128<int> luma = Vector128.Create(coefficients.Luma);
            evenLight = (light.AsInt32() & least) * luma;
            oddLight = (light.AsInt32() >> 8) * luma;
            Cb = (cbcr.AsInt32() & least) - middle;
            Cr = (cbcr.AsInt32() >> 8) - middle;
        }

        public Vector128<int> Cb { get; }

        public Vector128<int> Cr { get; }

        /// <inheritdoc cref="Pixels256.Add"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector128<short> Add(Vector128<int> color)
        {
            Vector128<int> upperHalves = ((evenLight + color) >>> 16) | ((oddLight + color) & Vector128.Create(unchecked((int)0xFFFF_0000)));
            return (upperHalves.AsInt16() + Vector128.Create((short)UpperHalf)) >> UpperFractionBits;
        }
    }
}
