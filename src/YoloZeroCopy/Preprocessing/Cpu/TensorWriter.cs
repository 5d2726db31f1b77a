using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Turns levels (0 to 255) into a tensor's elements: level / 255 as binary32 or binary16, correctly rounded, or the level itself.</summary>
internal sealed unsafe class TensorWriter
{
    // 1 / 255 as a sum of two floats: level * High + level * Low rounds to what the division gives, for every level (a test tries them all).
    private const float High = 1f / 255;
    private const float Low = (float)((1.0 / 255) - High);

    // Moves a binary32 number's exponent to where binary16 has it, so that its bits only need rounding. 0 stays 0; no level is small enough for a
    // binary16 subnormal.
    private const float HalfScale = High * 1.925929944387236e-34f;

    private readonly float[] floats = new float[256];
    private readonly Half[] halves = new Half[256];
    private readonly TensorElementType elementType;
    private readonly SimdLevel level;

    public TensorWriter(TensorElementType elementType, SimdLevel level)
    {
        this.elementType = elementType;
        this.level = level;
        for (int i = 0; i < 256; i++)
        {
            floats[i] = i / 255f;
            halves[i] = (Half)(i / 255f);
        }

        ElementSize = elementType.ElementBytes();
    }

    /// <summary>Bytes of one element.</summary>
    public int ElementSize { get; }

    /// <summary>Writes one element for each level.</summary>
    public void Write(byte* levels, byte* elements, int count)
    {
        switch (elementType)
        {
            case TensorElementType.Float32:
                WriteFloats(levels, (float*)elements, count);
                break;
            case TensorElementType.Float16:
                WriteHalves(levels, (ushort*)elements, count);
                break;
            default:
                new ReadOnlySpan<byte>(levels, count).CopyTo(new Span<byte>(elements, count));
                break;
        }
    }

    /// <summary>Writes the same level <paramref name="count"/> times.</summary>
    public void Fill(byte value, byte* elements, int count)
    {
        switch (elementType)
        {
            case TensorElementType.Float32:
                new Span<float>(elements, count).Fill(floats[value]);
                break;
            case TensorElementType.Float16:
                new Span<Half>(elements, count).Fill(halves[value]);
                break;
            default:
                new Span<byte>(elements, count).Fill(value);
                break;
        }
    }

    private void WriteFloats(byte* levels, float* elements, nint count)
    {
        nint i = 0;
        if (level >= SimdLevel.Vector512 && Avx512F.IsSupported)
        {
            for (; i <= count - 16; i += 16)
            {
                Vector512<float> x = Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load(levels + i)));
                Vector512.FusedMultiplyAdd(x, Vector512.Create(High), x * Low).Store(elements + i);
            }
        }

        if (level >= SimdLevel.Vector256 && Avx2.IsSupported && Fma.IsSupported)
        {
            for (; i <= count - 16; i += 16)
            {
                Vector256<float> lower = Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(levels + i));
                Vector256<float> upper = Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(levels + i + 8));
                Fma.MultiplyAdd(lower, Vector256.Create(High), lower * Low).Store(elements + i);
                Fma.MultiplyAdd(upper, Vector256.Create(High), upper * Low).Store(elements + i + 8);
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            for (; i <= count - 16; i += 16)
            {
                Vector128<byte> bytes = Vector128.Load(levels + i);
                (Vector128<ushort> lower, Vector128<ushort> upper) = Vector128.Widen(bytes);
                (ToSingle(Vector128.WidenLower(lower)) / 255f).Store(elements + i);
                (ToSingle(Vector128.WidenUpper(lower)) / 255f).Store(elements + i + 4);
                (ToSingle(Vector128.WidenLower(upper)) / 255f).Store(elements + i + 8);
                (ToSingle(Vector128.WidenUpper(upper)) / 255f).Store(elements + i + 12);
            }
        }

        for (; i < count; i++)
        {
            elements[i] = floats[levels[i]];
        }
    }

    private void WriteHalves(byte* levels, ushort* elements, nint count)
    {
        nint i = 0;
        if (level >= SimdLevel.Vector512 && Avx512F.IsSupported)
        {
            for (; i <= count - 16; i += 16)
            {
                Vector512<float> x = Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load(levels + i)));
                Vector512<uint> bits = (x * HalfScale).AsUInt32();
                bits = (bits + Vector512.Create(0xFFFu) + ((bits >> 13) & Vector512<uint>.One)) >> 13;
                Avx512F.ConvertToVector256UInt16(bits).Store(elements + i);
            }
        }

        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            for (; i <= count - 16; i += 16)
            {
                Vector256<uint> lower = ToHalfBits256(levels + i);
                Vector256<uint> upper = ToHalfBits256(levels + i + 8);
                Vector256.Narrow(lower, upper).Store(elements + i);
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            for (; i <= count - 16; i += 16)
            {
                (Vector128<ushort> lower, Vector128<ushort> upper) = Vector128.Widen(Vector128.Load(levels + i));
                Vector128.Narrow(ToHalfBits128(Vector128.WidenLower(lower)), ToHalfBits128(Vector128.WidenUpper(lower))).Store(elements + i);
                Vector128.Narrow(ToHalfBits128(Vector128.WidenLower(upper)), ToHalfBits128(Vector128.WidenUpper(upper))).Store(elements + i + 8);
            }
        }

        for (; i < count; i++)
        {
            elements[i] = BitConverter.HalfToUInt16Bits(halves[levels[i]]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> ToSingle(Vector128<uint> levels) => Vector128.ConvertToSingle(levels.AsInt32());

    // Round to nearest, ties to even: add just under half of the dropped part, and one more when the kept part is odd.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> ToHalfBits256(byte* levels)
    {
        Vector256<uint> bits = (Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(levels)) * HalfScale).AsUInt32();
        return (bits + Vector256.Create(0xFFFu) + ((bits >> 13) & Vector256<uint>.One)) >> 13;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> ToHalfBits128(Vector128<uint> levels)
    {
        Vector128<uint> bits = (ToSingle(levels) * HalfScale).AsUInt32();
        return (bits + Vector128.Create(0xFFFu) + ((bits >> 13) & Vector128<uint>.One)) >> 13;
    }
}
