using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace YoloZeroCopy;

/// <summary>Converts runs of IEEE binary16 to binary32, exactly, NaN and infinity included (a NaN's payload is kept, quiet or not).</summary>
/// <remarks>The framework converts one value at a time; this does eight. Subnormals, common among background scores, take no slow path.</remarks>
internal static class HalfToSingle
{
    /// <summary>Converts <paramref name="source"/>, the bits of halves, into the start of <paramref name="target"/>.</summary>
    public static void Convert(ReadOnlySpan<ushort> source, Span<float> target)
    {
        int count = source.Length;
        ref ushort from = ref MemoryMarshal.GetReference(source);
        ref float to = ref MemoryMarshal.GetReference(target[..count]);
        if (count < 8)
        {
            for (int i = 0; i < count; i++)
            {
                target[i] = (float)BitConverter.UInt16BitsToHalf(source[i]);
            }

            return;
        }

        int last = count - 8;
        for (int i = 0; i < last; i += 8)
        {
            Convert8(Vector128.LoadUnsafe(ref from, (nuint)i)).StoreUnsafe(ref to, (nuint)i);
        }

        Convert8(Vector128.LoadUnsafe(ref from, (nuint)last)).StoreUnsafe(ref to, (nuint)last);
    }

    private static Vector256<float> Convert8(Vector128<ushort> halves)
    {
        (Vector128<uint> low, Vector128<uint> high) = Vector128.Widen(halves);
        Vector256<uint> bits = Vector256.Create(low, high);
        Vector256<uint> magnitude = (bits & Vector256.Create(0x7FFFu)) << 13;
        Vector256<uint> exponent = magnitude & Vector256.Create(0x7C00u << 13);

        // The exponent's bias is 15 there and 127 here.
        Vector256<uint> rebiased = magnitude + Vector256.Create((127u - 15u) << 23);

        // All ones in the exponent stay all ones: add the rest of the way from 31 + 112 to 255.
        Vector256<uint> special = Vector256.Equals(exponent, Vector256.Create(0x7C00u << 13));
        rebiased += special & Vector256.Create((128u - 16u) << 23);

        // A subnormal is fraction * 2^-24: read as 2^-14 + fraction * 2^-24, take the 2^-14 away again. No subnormal float ever appears.
        Vector256<uint> subnormal = Vector256.Equals(exponent, Vector256<uint>.Zero);
        Vector256<float> fraction = (rebiased + Vector256.Create(1u << 23)).AsSingle() - Vector256.Create(6.103515625e-05f);
        Vector256<uint> result = Vector256.ConditionalSelect(subnormal, fraction.AsUInt32(), rebiased);
        return (result | ((bits & Vector256.Create(0x8000u)) << 16)).AsSingle();
    }
}
