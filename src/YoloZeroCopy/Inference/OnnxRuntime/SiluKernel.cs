using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>The only parameter of the SiLU kernels, by value: <c>yzc_silu_params</c>.</summary>
/// <param name="Input">Device address of the elements, aligned to 16 bytes.</param>
/// <param name="Output">Likewise; may be the input's.</param>
/// <param name="Elements">Their number.</param>
/// <param name="Scale">Of the sigmoid's argument; 1 for SiLU.</param>
/// <param name="Reserved">0.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct SiluParameters(ulong Input, ulong Output, ulong Elements, float Scale, int Reserved = 0);

/// <summary>How to launch <c>x * sigmoid(scale * x)</c>, element by element.</summary>
/// <remarks>Computed in single precision with the device's approximations of exponential and reciprocal: within (4 + 1.2 |scale * x|) 1e-7 of the
/// exact value, relatively, before it is rounded to the tensor's type.</remarks>
internal static class SiluKernel
{
    // As in yzc_kernels.h; a test compares.
    internal const int Threads = 256;
    internal const int Vectors = 2;
    private const int VectorBytes = 16;

    /// <summary>Device addresses are multiples of this.</summary>
    public const int Alignment = VectorBytes;

    /// <summary>Name of the kernel for tensors of a type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Neither single nor half precision.</exception>
    public static string NameOf(TensorElementType elementType) => elementType switch
    {
        TensorElementType.Float32 => "yzc_silu_f32",
        TensorElementType.Float16 => "yzc_silu_f16",
        _ => throw new ArgumentOutOfRangeException(nameof(elementType), elementType, "Activations are computed in single or half precision."),
    };

    /// <summary>Grid for a number of elements.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No element, or more than a grid holds.</exception>
    public static KernelGrid GridOf(TensorElementType elementType, long elements)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(elements);
        long blockElements = Threads * Vectors * (VectorBytes / elementType.ElementBytes());
        long blocks = ((elements - 1) / blockElements) + 1;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, int.MaxValue, nameof(elements));
        return new KernelGrid((int)blocks, 1, 1, Threads);
    }
}
