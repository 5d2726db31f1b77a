using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace YoloZeroCopy;

/// <summary>Forward 8x8 DCT (T.81 A.3.3) as two products with the matrix of cosines, then quantisation.</summary>
internal static class JpegForwardDct
{
    // Row u, column x: c(u) / 2 * cos((2x + 1) u pi / 16); and the same transposed.
    private static readonly float[] Cosines = MakeCosines(transposed: false);
    private static readonly float[] Transposed = MakeCosines(transposed: true);

    public static void Transform(ReadOnlySpan<float> block, ReadOnlySpan<float> scale, Span<int> values)
    {
        ref float from = ref MemoryMarshal.GetReference(block[..64]);
        ref float scaleRef = ref MemoryMarshal.GetReference(scale[..64]);
        ref int to = ref MemoryMarshal.GetReference(values[..64]);
        ref float transposed = ref MemoryMarshal.GetArrayDataReference(Transposed);
        Vector256<float> half = Vector256.Create(0.5f);
        for (int u = 0; u < 8; u++)
        {
            Vector256<float> columns = Vector256<float>.Zero;
            for (int y = 0; y < 8; y++)
            {
                columns += Vector256.LoadUnsafe(ref from, (nuint)(8 * y)) * Cosines[(8 * u) + y];
            }

            Vector256<float> row = Vector256<float>.Zero;
            for (int x = 0; x < 8; x++)
            {
                row += Vector256.LoadUnsafe(ref transposed, (nuint)(8 * x)) * columns.GetElement(x);
            }

            row *= Vector256.LoadUnsafe(ref scaleRef, (nuint)(8 * u));
            Vector256.ConvertToInt32(Vector256.Floor(row + half)).StoreUnsafe(ref to, (nuint)(8 * u));
        }
    }

    private static float[] MakeCosines(bool transposed)
    {
        float[] matrix = new float[64];
        for (int u = 0; u < 8; u++)
        {
            for (int x = 0; x < 8; x++)
            {
                double value = (u == 0 ? Math.Sqrt(0.125) : 0.5) * Math.Cos(((2 * x) + 1) * u * Math.PI / 16);
                matrix[transposed ? (8 * x) + u : (8 * u) + x] = (float)value;
            }
        }

        return matrix;
    }
}
