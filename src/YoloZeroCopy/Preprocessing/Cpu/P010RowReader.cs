using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Converts rows of a P010 frame to RGB with a fourth, unused byte, as <see cref="YuvCoefficients"/> says.</summary>
/// <remarks>
/// Pixel (x, y) takes the chroma sample (x / 2, y / 2); nothing is interpolated. A 32-bit element of a vector holds two words: of luminance an even
/// pixel and the odd one behind it, of chroma the Cb and Cr that both have.
/// </remarks>
internal unsafe struct P010RowReader : IRowReader
{
    // The lowest bit of a sample within its word, and within an element where it is the second.
    private const int SampleShift = 6;
    private const int SecondShift = 16 + SampleShift;
    private const int Middle = 512;

    // What is added before the shift: half a level, and what keeps the sum positive.
    private const int Addend = (YuvCoefficients.Offset10 << YuvCoefficients.FractionBits10) + (1 << (YuvCoefficients.FractionBits10 - 1));

    private readonly byte* luma;
    private readonly byte* chroma;
    private readonly int width;
    private readonly int stride;
    private readonly YuvCoefficients coefficients;
    private readonly SimdLevel level;

    public P010RowReader(byte* frame, in FrameFormat format, SimdLevel level)
    {
        luma = frame;
        chroma = frame + ((nint)format.Height * format.Stride);
        width = format.Width;
        stride = format.Stride;
        coefficients = new YuvCoefficients(format.Color, tenBits: true);
        this.level = level;
    }

    public byte* Read(int y, byte* buffer)
    {
        Convert((ushort*)(luma + ((nint)y * stride)), (ushort*)(chroma + ((nint)(y / 2) * stride)), buffer);
        return buffer;
    }

    private readonly void Convert(ushort* y, ushort* cbcr, byte* rgbx)
    {
        int x = 0;
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            for (; x <= width - 32; x += 32)
            {
                Pixels256 first = new(Vector256.Load(y + x), Vector256.Load(cbcr + x), coefficients);
                Pixels256 second = new(Vector256.Load(y + x + 16), Vector256.Load(cbcr + x + 16), coefficients);
                SimdMath.StoreRgbx(
                    rgbx + (4 * x),
                    InOrder(Avx2.PackUnsignedSaturate(first.Red, second.Red)),
                    InOrder(Avx2.PackUnsignedSaturate(first.Green, second.Green)),
                    InOrder(Avx2.PackUnsignedSaturate(first.Blue, second.Blue)));
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            for (; x <= width - 16; x += 16)
            {
                Pixels128 first = new(Vector128.Load(y + x), Vector128.Load(cbcr + x), coefficients);
                Pixels128 second = new(Vector128.Load(y + x + 8), Vector128.Load(cbcr + x + 8), coefficients);
                SimdMath.StoreRgbx(
                    rgbx + (4 * x),
                    SimdMath.NarrowClamped(first.Red, second.Red),
                    SimdMath.NarrowClamped(first.Green, second.Green),
                    SimdMath.NarrowClamped(first.Blue, second.Blue));
            }
        }

        for (; x < width; x++)
        {
            int cb = (cbcr[x & ~1] >> SampleShift) - Middle;
            int cr = (cbcr[x | 1] >> SampleShift) - Middle;
            int light = Math.Max((y[x] >> SampleShift) - coefficients.Black, 0) * coefficients.Luma;
            rgbx[4 * x] = ToLevel(light, cr * coefficients.RedCr);
            rgbx[(4 * x) + 1] = ToLevel(light, (cb * coefficients.GreenCb) + (cr * coefficients.GreenCr));
            rgbx[(4 * x) + 2] = ToLevel(light, cb * coefficients.BlueCb);
        }
    }

    private static byte ToLevel(int light, int color)
    {
        uint sum = unchecked((uint)light + (uint)color + Addend);
        return (byte)Math.Clamp((int)(sum >> YuvCoefficients.FractionBits10) - YuvCoefficients.Offset10, 0, 255);
    }

    // Packing stays within lanes: it leaves pixels 0 to 7 and 16 to 23 in the lower one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> InOrder(Vector256<byte> packed) => Avx2.Permute4x64(packed.AsInt64(), 0b11_01_10_00).AsByte();

    /// <summary>Levels, not yet clamped, of 16 pixels in their order.</summary>
    private readonly struct Pixels256
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Pixels256(Vector256<ushort> y, Vector256<ushort> cbcr, in YuvCoefficients coefficients)
        {
            Vector256<int> middle = Vector256.Create(Middle);
            Vector256<int> luma = Vector256.Create(coefficients.Luma);
            Vector256<ushort> above = Avx2.SubtractSaturate(y >> SampleShift, Vector256.Create((ushort)coefficients.Black));
            Vector256<int> even = ((above.AsInt32() & Vector256.Create(0xFFFF)) * luma) + Vector256.Create(Addend);
            Vector256<int> odd = ((above.AsInt32() >> 16) * luma) + Vector256.Create(Addend);
            Vector256<int> cb = ((cbcr.AsInt32() & Vector256.Create(0xFFFF)) >> SampleShift) - middle;
            Vector256<int> cr = (cbcr.AsInt32() >>> SecondShift) - middle;
            Red = Add(even, odd, cr * coefficients.RedCr);
            Green = Add(even, odd, (cb * coefficients.GreenCb) + (cr * coefficients.GreenCr));
            Blue = Add(even, odd, cb * coefficients.BlueCb);
        }

        public Vector256<short> Red { get; }

        public Vector256<short> Green { get; }

        public Vector256<short> Blue { get; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<short> Add(Vector256<int> even, Vector256<int> odd, Vector256<int> color)
        {
            // The shift of the odd pixels leaves them in the upper word, whose lower bits the mask clears.
            Vector256<int> pairs = ((even + color) >>> YuvCoefficients.FractionBits10)
                | (((odd + color) >>> (YuvCoefficients.FractionBits10 - 16)) & Vector256.Create(unchecked((int)0xFFFF_0000)));
            return pairs.AsInt16() - Vector256.Create((short)YuvCoefficients.Offset10);
        }
    }

    /// <inheritdoc cref="Pixels256"/>
    private readonly struct Pixels128
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Pixels128(Vector128<ushort> y, Vector128<ushort> cbcr, in YuvCoefficients coefficients)
        {
            Vector128<int> middle = Vector128.Create(Middle);
            Vector128<int> luma = Vector128.Create(coefficients.Luma);
            Vector128<ushort> above = Vector128.SubtractSaturate(y >> SampleShift, Vector128.Create((ushort)coefficients.Black));
            Vector128<int> even = ((above.AsInt32() & Vector128.Create(0xFFFF)) * luma) + Vector128.Create(Addend);
            Vector128<int> odd = ((above.AsInt32() >> 16) * luma) + Vector128.Create(Addend);
            Vector128<int> cb = ((cbcr.AsInt32() & Vector128.Create(0xFFFF)) >> SampleShift) - middle;
            Vector128<int> cr = (cbcr.AsInt32() >>> SecondShift) - middle;
            Red = Add(even, odd, cr * coefficients.RedCr);
            Green = Add(even, odd, (cb * coefficients.GreenCb) + (cr * coefficients.GreenCr));
            Blue = Add(even, odd, cb * coefficients.BlueCb);
        }

        public Vector128<short> Red { get; }

        public Vector128<short> Green { get; }

        public Vector128<short> Blue { get; }

        /// <inheritdoc cref="Pixels256.Add"/>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector128<short> Add(Vector128<int> even, Vector128<int> odd, Vector128<int> color)
        {
            Vector128<int> pairs = ((even + color) >>> YuvCoefficients.FractionBits10)
                | (((odd + color) >>> (YuvCoefficients.FractionBits10 - 16)) & Vector128.Create(unchecked((int)0xFFFF_0000)));
            return pairs.AsInt16() - Vector128.Create((short)YuvCoefficients.Offset10);
        }
    }
}
