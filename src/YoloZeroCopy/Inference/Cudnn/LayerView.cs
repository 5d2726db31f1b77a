using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Where a tensor lies on the device: some channels of a buffer of halves, the pictures of a batch one behind the other.</summary>
/// <param name="Address">Device address of the first channel of the first pixel, a multiple of 16.</param>
/// <param name="Channels">Channels; those up to the next multiple of <see cref="LayerNetwork.ChannelMultiple"/> belong to it, too.</param>
/// <param name="Step">Halves from pixel to pixel, a multiple of <see cref="LayerNetwork.ChannelMultiple"/>: the channels of the buffer.</param>
/// <param name="Height">Height in cells.</param>
/// <param name="Width">Width in cells.</param>
internal readonly record struct LayerView(ulong Address, int Channels, int Step, int Height, int Width)
{
    /// <summary>Vectors of 16 bytes in a pixel.</summary>
    public int Vectors => LayerNetwork.Padded(Channels) / LayerNetwork.ChannelMultiple;

    /// <summary>Vectors of 16 bytes from pixel to pixel.</summary>
    public int StepVectors => Step / LayerNetwork.ChannelMultiple;

    /// <summary>A tensor in its buffer.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="buffer">Its buffer.</param>
    /// <param name="address">The buffer's device address.</param>
    public static LayerView Of(in LayerTensor tensor, in LayerBuffer buffer, ulong address) =>
        new(address + ((ulong)tensor.FirstChannel * sizeof(ushort)), tensor.Channels, buffer.Channels, buffer.Height, buffer.Width);
}

/// <summary>One launch of a kernel of <see cref="LayerKernels"/>.</summary>
/// <param name="Kernel">Its name.</param>
/// <param name="Grid">Its grid.</param>
/// <param name="Parameters">Its only parameter.</param>
internal readonly record struct LayerLaunch(string Kernel, KernelGrid Grid, LayerParameters Parameters);

/// <summary>The only parameter of the layers' kernels, by value: <c>yzc_layer_params</c>. <see cref="LayerKernels"/> makes it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct LayerParameters
{
    public ulong Input { get; init; }

    public ulong Second { get; init; }

    public ulong Third { get; init; }

    public ulong Output { get; init; }

    public ulong Weights { get; init; }

    public ulong Bias { get; init; }

    public int InputStep { get; init; }

    public int SecondStep { get; init; }

    public int ThirdStep { get; init; }

    public int OutputStep { get; init; }

    public int Vectors { get; init; }

    public int KeyVectors { get; init; }

    public int Height { get; init; }

    public int Width { get; init; }

    public int OutputHeight { get; init; }

    public int OutputWidth { get; init; }

    public int KernelHeight { get; init; }

    public int KernelWidth { get; init; }

    public int StrideDown { get; init; }

    public int StrideRight { get; init; }

    public int PaddingTop { get; init; }

    public int PaddingLeft { get; init; }

    public int Areas { get; init; }

    public float Scale { get; init; }

    public LayerOptions Options { get; init; }

    public int Classes { get; init; }
}

/// <summary>What is special about a layer: <c>yzc_layer_options</c>.</summary>
[Flags]
internal enum LayerOptions
{
    None = 0,

    /// <summary>x * sigmoid(x) of a sum, before anything is added.</summary>
    Silu = 1,

    /// <summary>Something is added.</summary>
    Add = 2,

    /// <summary>The mean of a window instead of its largest value.</summary>
    Mean = 4,
}
