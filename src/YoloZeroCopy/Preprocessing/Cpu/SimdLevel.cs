using System.Runtime.Intrinsics;

namespace YoloZeroCopy;

/// <summary>
/// Widest vectors that preprocessing may use. A level the machine lacks falls back to the next narrower one; every level gives the same bytes.
/// </summary>
internal enum SimdLevel
{
    /// <summary>Plain C#.</summary>
    Scalar,

    /// <summary>16 bytes: any x64 or ARM64 machine.</summary>
    Vector128,

    /// <summary>32 bytes: AVX2.</summary>
    Vector256,

    /// <summary>64 bytes: AVX-512 with its byte and word instructions.</summary>
    Vector512,
}

/// <summary>What the machine has.</summary>
internal static class SimdLevels
{
    /// <summary>Widest level that the machine runs at full speed.</summary>
    public static SimdLevel Best =>
        Vector512.IsHardwareAccelerated ? SimdLevel.Vector512
        : Vector256.IsHardwareAccelerated ? SimdLevel.Vector256
        : Vector128.IsHardwareAccelerated ? SimdLevel.Vector128
        : SimdLevel.Scalar;
}
