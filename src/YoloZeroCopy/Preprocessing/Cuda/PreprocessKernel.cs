using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>The only parameter of the preprocessing kernels, by value: <c>yzc_preprocess_params</c>.</summary>
/// <param name="Pictures">Device address of the batch's <see cref="KernelPicture"/> array, aligned to 16 bytes.</param>
/// <param name="Tensor">Device address of the tensor, aligned to its element; where channels come last, to 8 bytes.</param>
/// <param name="InputWidth">Width of the model's input.</param>
/// <param name="InputHeight">Height of the model's input.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct PreprocessParameters(ulong Pictures, ulong Tensor, int InputWidth, int InputHeight);

/// <summary>How to launch preprocessing: one launch for a batch, whose frames may differ in size and pixel format.</summary>
/// <remarks>The tensor equals <see cref="CpuPreprocessor"/>'s, bit for bit, for every pixel format and element type; where channels come last, with a
/// fourth one of zeros. Every element is written. Any thread.</remarks>
internal static class PreprocessKernel
{
    /// <summary>Pictures of one launch; what the third dimension of a grid can hold.</summary>
    public const int MaxBatch = 65_535;

    // As in yzc_kernels.h; a test compares.
    internal const int Rows = 8;
    internal const int Pixels = 2;
    internal const int Threads = 32 * Rows;

    /// <summary>Name of the kernel for tensors of a type.</summary>
    /// <param name="elementType">The type; halves wherever channels come last.</param>
    /// <param name="layout">How pictures lie in the tensor.</param>
    /// <exception cref="ArgumentOutOfRangeException">An unknown type.</exception>
    public static string NameOf(TensorElementType elementType, InputLayout layout = InputLayout.ChannelsFirst) => elementType switch
    {
        _ when layout == InputLayout.ChannelsLast4 => "yzc_preprocess_f16_last",
        TensorElementType.Float32 => "yzc_preprocess_f32",
        TensorElementType.Float16 => "yzc_preprocess_f16",
        TensorElementType.UInt8 => "yzc_preprocess_u8",
        _ => throw new ArgumentOutOfRangeException(nameof(elementType), elementType, "Unknown element type."),
    };

    /// <summary>Grid for an input size and a batch.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size outside 1 to <see cref="FrameFormat.MaxSize"/>, or a batch outside 1 to
    /// <see cref="MaxBatch"/>.</exception>
    public static KernelGrid GridOf(int inputWidth, int inputHeight, int batch)
    {
        ThrowIfOutside(inputWidth, FrameFormat.MaxSize, nameof(inputWidth));
        ThrowIfOutside(inputHeight, FrameFormat.MaxSize, nameof(inputHeight));
        ThrowIfOutside(batch, MaxBatch, nameof(batch));
        const int Columns = 32 * Pixels;
        return new KernelGrid((inputWidth + Columns - 1) / Columns, (inputHeight + Rows - 1) / Rows, batch, Threads);
    }

    private static void ThrowIfOutside(int value, int most, string name)
    {
        if (value < 1 || value > most)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; wanted is 1 to {most}.");
        }
    }
}
