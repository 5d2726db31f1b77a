using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <content>Convolutions with what becomes part of them, pools and upsampling.</content>
internal sealed partial class LayerReader
{
    private void ReadConvolution(NodeProto node)
    {
        LayerChannels from = InputOf(node, 0);
        TensorProto weights = ConstantOf(node, 1);
        TensorProto? bias = node.InputAt(2).Length == 0 ? null : ConstantOf(node, 2);
        if (weights.Dims is not [> 0 and <= MaxSize and long channels, > 0 and <= MaxSize and long inputs, > 0 and <= MaxKernel and long height,
            > 0 and <= MaxKernel and long width])
        {
            throw Unsupported(node, $"has weights of [{string.Join(", ", weights.Dims)}]");
        }

        long group = node.Integer("group", 1);
        bool isDepthwise = group > 1 && group == channels && group == from.Channels && inputs == 1;
        if (!isDepthwise && (group != 1 || inputs != from.Channels))
        {
            throw Unsupported(node, $"convolves {inputs} of {from.Channels} channels in {group} groups");
        }

        if (bias is not null && !(bias.Dims is [long count] && count == channels))
        {
            throw Unsupported(node, $"has {channels} channels and a bias of [{string.Join(", ", bias.Dims)}]");
        }

        Window window = WindowOf(node, from, ((int)height, (int)width));
        ConvolutionStep step = new(from, (int)channels, window.OutputHeight, window.OutputWidth)
        {
            Name = node.Name,
            Result = OutputOf(node),
            IsDepthwise = isDepthwise,
            Weights = weights,
            Bias = bias,
            Kernel = ((int)height, (int)width),
            Stride = window.Stride,
            Padding = window.Padding,
        };
        Add(node, step);
    }

    /// <summary>How a window moves over a tensor, its numbers checked.</summary>
    private static Window WindowOf(NodeProto node, LayerChannels from, (int Height, int Width) kernel)
    {
        long[] shape = node.Integers("kernel_shape") ?? [kernel.Height, kernel.Width];
        long[] strides = node.Integers("strides") ?? [1, 1];
        long[] dilations = node.Integers("dilations") ?? [1, 1];
        long[] pads = node.Integers("pads") ?? [0, 0, 0, 0];
        if (!shape.AsSpan().SequenceEqual([kernel.Height, kernel.Width]) || dilations is not [1, 1]
            || strides is not [> 0 and <= MaxKernel and long down, > 0 and <= MaxKernel and long right]
            || pads is not [>= 0 and long top, >= 0 and long left, >= 0 and long bottom, >= 0 and long far]
            || Math.Max(top, bottom) >= kernel.Height || Math.Max(left, far) >= kernel.Width)
        {
            throw Unsupported(
                node, $"has kernel {Join(shape)}, strides {Join(strides)}, dilations {Join(dilations)} and pads {Join(pads)}");
        }

        string mode = node.Text("auto_pad", "NOTSET");
        if (mode == "VALID")
        {
            (top, left, bottom, far) = (0, 0, 0, 0);
        }
        else if (mode is "SAME_UPPER" or "SAME_LOWER")
        {
            long tall = Math.Max(0, ((from.Height - 1) / down * down) + kernel.Height - from.Height);
            long wide = Math.Max(0, ((from.Width - 1) / right * right) + kernel.Width - from.Width);
            (top, left) = mode == "SAME_UPPER" ? (tall / 2, wide / 2) : ((tall + 1) / 2, (wide + 1) / 2);
            (bottom, far) = (tall - top, wide - left);
        }
        else if (mode != "NOTSET")
        {
            throw Unsupported(node, $"has auto_pad {mode}");
        }

        long excessHeight = from.Height + top + bottom - kernel.Height;
        long excessWidth = from.Width + left + far - kernel.Width;
        if (excessHeight < 0 || excessWidth < 0)
        {
            throw Unsupported(node, $"has a kernel of {kernel.Height}x{kernel.Width} over {from.Height}x{from.Width}");
        }

        return new Window(
            (int)(excessHeight / down) + 1, (int)(excessWidth / right) + 1, ((int)down, (int)right), ((int)top, (int)left),
            (excessHeight % down, excessWidth % right) == (0, 0), (top, left, bottom, far) != (0, 0, 0, 0));
    }

    private void ReadNormalization(NodeProto node)
    {
        float[][] numbers = [.. Enumerable.Range(1, 4).Select(index => OnnxTensorData.Floats(ConstantOf(node, index)) ?? [])];
        if (ConvolutionOf(node.InputAt(0), readers: 1) is not { IsBare: true, Normalization: null } convolution
            || numbers.Any(values => values.Length != convolution.Channels) || node.Integer("training_mode", 0) != 0)
        {
            throw Unsupported(node, "does not follow a convolution as a part of it can");
        }

        float epsilon = node.Number("epsilon", 1e-5f);
        float[] scale = [.. numbers[0].Zip(numbers[3], (factor, variance) => factor / MathF.Sqrt(variance + epsilon))];
        float[] shift = [.. Enumerable.Range(0, scale.Length).Select(channel => numbers[1][channel] - (numbers[2][channel] * scale[channel]))];
        convolution.Normalization = new LayerNormalization(scale, shift);
        Join(node, convolution);
    }

    private void ReadActivation(NodeProto node)
    {
        (string first, string second) = (RootOf(node.InputAt(0)), RootOf(node.InputAt(1)));
        string sigmoid = sigmoids.GetValueOrDefault(second) == first ? second : first;
        string factor = sigmoid == second ? first : second;
        if (sigmoids.GetValueOrDefault(sigmoid) != factor)
        {
            throw Unsupported(node, "is no part of an activation");
        }

        if (ConvolutionOf(factor, readers: 2) is not { IsBare: true } convolution || uses[sigmoid] != 1)
        {
            throw Unsupported(node, "is an activation of something other than a convolution, or not its only use");
        }

        convolution.Activation = LayerActivation.Silu;
        Join(node, convolution);
    }

    private void ReadSum(NodeProto node)
    {
        (LayerChannels first, LayerChannels second) = (InputOf(node, 0), InputOf(node, 1));
        if ((first.Channels, first.Height, first.Width) != (second.Channels, second.Height, second.Width))
        {
            throw Unsupported(node, "adds tensors of different sizes");
        }

        // A convolution whose sum is its only use can run where the sum does: then both summands are there.
        ConvolutionStep? convolution = ConvolutionOf(node.InputAt(1), readers: 1) is { Added: null } one ? one
            : ConvolutionOf(node.InputAt(0), readers: 1) is { Added: null } other ? other : null;
        if (convolution is null)
        {
            Add(node, new AddStep(first, second));
            return;
        }

        convolution.Added = second.WholeStep == convolution ? first : second;
        _ = steps.Remove(convolution);
        steps.Add(convolution);
        Join(node, convolution);
    }

    private void ReadPool(NodeProto node, LayerPooling pooling)
    {
        LayerChannels from = InputOf(node, 0);
        if (node.Integers("kernel_shape") is not [> 0 and <= MaxKernel and long height, > 0 and <= MaxKernel and long width])
        {
            throw Unsupported(node, "has no window of two sides");
        }

        Window window = WindowOf(node, from, ((int)height, (int)width));
        if (node.Integer("ceil_mode", 0) != 0 && !window.IsFull)
        {
            throw Unsupported(node, "has windows that reach over the end");
        }

        if (pooling == LayerPooling.Mean && window.HasPadding && node.Integer("count_include_pad", 0) != 0)
        {
            throw Unsupported(node, "counts what lies outside");
        }

        bool isSame = pooling == LayerPooling.Largest && height == width && height % 2 == 1 && window.Stride == (1, 1)
            && window.Padding == ((int)height / 2, (int)width / 2) && (window.OutputHeight, window.OutputWidth) == (from.Height, from.Width);
        Add(node, isSame ? new MaxPoolStep(from, (int)height)
            : new PoolStep(from, window.OutputHeight, window.OutputWidth)
            {
                Pooling = pooling,
                Kernel = ((int)height, (int)width),
                Stride = window.Stride,
                Padding = window.Padding,
            });
    }

    private void ReadUpsampling(NodeProto node)
    {
        LayerChannels from = InputOf(node, 0);
        if (node.Text("mode", "nearest") != "nearest" || !IsFloorOfHalf(node) || node.Find("axes") is not null
            || node.Text("keep_aspect_ratio_policy", "stretch") != "stretch")
        {
            throw Unsupported(node, "does not repeat its cells");
        }

        // Operator sets before 11 have the factors where later ones have a region.
        string factors = node.Input.Count <= 2 ? node.InputAt(1) : node.InputAt(2);
        bool isDouble = node.OpType == "Upsample" && node.Find("scales") is { } attribute ? attribute.Floats is [1, 1, 2, 2]
            : graph.ConstantOf(RootOf(factors)) is TensorProto { Dims: [4] } scales ? OnnxTensorData.Floats(scales) is [1, 1, 2, 2]
            : node.InputAt(3).Length > 0 && IntegersOf(node, 3) is [_, long channels, long height, long width]
                && (channels, height, width) == (from.Channels, from.Height * 2L, from.Width * 2L);
        if (!isDouble || from.Height * 2 > MaxSize || from.Width * 2 > MaxSize)
        {
            throw Unsupported(node, "does not double height and width by constants");
        }

        Add(node, new UpsampleStep(from));
    }

    // A cell of the result is one of the input's at half its place: these say so when the factor is two.
    private static bool IsFloorOfHalf(NodeProto node) =>
        (node.Input.Count <= 2 ? "asymmetric" : node.Text("coordinate_transformation_mode", "half_pixel"),
            node.Input.Count <= 2 ? "floor" : node.Text("nearest_mode", "round_prefer_floor")) switch
        {
            ("asymmetric" or "tf_half_pixel_for_nn", "floor") => true,
            ("asymmetric", "round_prefer_floor") => true,
            ("half_pixel" or "pytorch_half_pixel", "round_prefer_floor" or "round_prefer_ceil") => true,
            _ => false,
        };

    /// <summary>The convolution whose result a tensor is, where no more read it than those that are to become part of it.</summary>
    private ConvolutionStep? ConvolutionOf(string tensor, int readers) => tensors.GetValueOrDefault(RootOf(tensor))?.WholeStep
        is ConvolutionStep step && step.Result == RootOf(tensor) && uses.GetValueOrDefault(step.Result) == readers ? step : null;

    /// <summary>An operator becomes part of a convolution, whose result is the operator's then.</summary>
    private void Join(NodeProto node, ConvolutionStep convolution)
    {
        convolution.Result = OutputOf(node);
        Add(node, LayerChannels.Of(convolution));
    }

    /// <param name="OutputHeight">Windows from top to bottom.</param>
    /// <param name="OutputWidth">Windows from left to right.</param>
    /// <param name="Stride">Steps down and right.</param>
    /// <param name="Padding">Cells outside, on top and left.</param>
    /// <param name="IsFull">Whether the last windows end where the input and its padding do.</param>
    /// <param name="HasPadding">Whether a window reaches outside.</param>
    private readonly record struct Window(
        int OutputHeight, int OutputWidth, (int Down, int Right) Stride, (int Top, int Left) Padding, bool IsFull, bool HasPadding);
}
