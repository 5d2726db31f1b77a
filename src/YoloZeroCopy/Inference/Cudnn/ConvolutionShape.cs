namespace YoloZeroCopy;

/// <summary>A tensor of a convolution for a batch: channels-last halves, with other channels of its buffer between its pixels.</summary>
/// <param name="Channels">Channels, with those that fill it up.</param>
/// <param name="Height">Height in cells.</param>
/// <param name="Width">Width in cells.</param>
/// <param name="Step">Halves from cell to cell.</param>
internal readonly record struct ConvolutionTensor(int Channels, int Height, int Width, int Step);

/// <summary>All that a compiled convolution depends on. Equal ones share a plan, whatever their weights.</summary>
/// <param name="Batch">Pictures.</param>
/// <param name="Input">What is convolved.</param>
/// <param name="Output">The result.</param>
/// <param name="Kernel">Height and width of the kernel.</param>
/// <param name="Stride">Steps down and right.</param>
/// <param name="Before">Zeros on top and left.</param>
/// <param name="After">Zeros below and right.</param>
/// <param name="Activation">What follows the bias.</param>
/// <param name="AddedStep">Halves from cell to cell of the tensor that is added at the end; 0 where none is.</param>
internal readonly record struct ConvolutionShape(
    int Batch,
    ConvolutionTensor Input,
    ConvolutionTensor Output,
    (int Height, int Width) Kernel,
    (int Down, int Right) Stride,
    (int Top, int Left) Before,
    (int Bottom, int Right) After,
    LayerActivation Activation,
    int AddedStep)
{
    /// <summary>Bytes that the input takes, up to its last element.</summary>
    public long InputBytes => BytesOf(Input.Height, Input.Width, Input.Step);

    /// <summary>Bytes that the output takes, and what is added, if they have as many between cells.</summary>
    public long OutputBytes => BytesOf(Output.Height, Output.Width, Math.Max(Output.Step, AddedStep));

    /// <summary>Bytes of the weights.</summary>
    public long WeightBytes => (long)Output.Channels * Kernel.Height * Kernel.Width * Input.Channels * sizeof(ushort);

    /// <summary>The shape of a layer for a batch.</summary>
    public static ConvolutionShape Of(LayerNetwork network, ConvolutionLayer layer, int batch)
    {
        ConvolutionTensor input = TensorOf(network, layer.Input);
        ConvolutionTensor output = TensorOf(network, layer.Output);
        return new ConvolutionShape(
            batch,
            input,
            output,
            layer.Kernel,
            layer.Stride,
            layer.Padding,
            (PaddingAfter(input.Height, output.Height, layer.Kernel.Height, layer.Stride.Down, layer.Padding.Top),
                PaddingAfter(input.Width, output.Width, layer.Kernel.Width, layer.Stride.Right, layer.Padding.Left)),
            layer.Activation,
            layer.Added is LayerTensor added ? network.Buffers[added.Buffer].Channels : 0);
    }

    private static ConvolutionTensor TensorOf(LayerNetwork network, LayerTensor tensor)
    {
        LayerBuffer buffer = network.Buffers[tensor.Buffer];
        int channels = tensor.Buffer == 0 ? LayerNetwork.InputChannels : LayerNetwork.Padded(tensor.Channels);
        return new ConvolutionTensor(channels, buffer.Height, buffer.Width, buffer.Channels);
    }

    // As much as before, where that gives as many windows: not everything can compute other sums.
    private static int PaddingAfter(int input, int output, int kernel, int stride, int before) =>
        ((input + (2 * before) - kernel) / stride) + 1 == output ? before
            : Math.Max(0, ((output - 1) * stride) + kernel - before - input);

    private long BytesOf(int height, int width, int step) => (long)Batch * height * width * step * sizeof(ushort);
}
