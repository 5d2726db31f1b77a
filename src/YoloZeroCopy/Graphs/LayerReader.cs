using System.Collections.Immutable;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Reads a model's operators as steps of a <see cref="LayerNetwork"/>, for one picture of one size.</summary>
/// <remarks>
/// Only what the wanted tensors depend on is read. Batch normalizations, activations and sums become part of the convolution before them where nobody
/// else reads what lies between.
/// </remarks>
internal sealed class LayerReader
{
    // Numbers of channels, heights and widths, and kernels, strides and paddings.
    private const int MaxSize = 1 << 16;
    private const int MaxKernel = 64;

    // Concatenations of concatenations could have more parts than memory holds.
    private const int MaxPieces = 1 << 16;

    private readonly OnnxGraph graph;
    private readonly string input;
    private readonly (int Width, int Height) size;
    private readonly List<LayerStep> steps = [];
    private readonly Dictionary<string, LayerChannels> tensors = [];

    // What only passes its input on has no tensor of its own.
    private readonly Dictionary<string, string> aliases = [];
    private readonly Dictionary<string, int> uses = [];

    // By what they make, what they are the sigmoid of.
    private readonly Dictionary<string, string> sigmoids = [];
    private int pieces;

    public LayerReader(OnnxGraph graph, string input, (int Width, int Height) size)
    {
        this.graph = graph;
        this.input = input;
        this.size = size;
    }

    /// <summary>What was read, in an order in which it can run. The input is first.</summary>
    public IReadOnlyList<LayerStep> Steps => steps;

    /// <summary>Reads what makes some tensors.</summary>
    /// <exception cref="LoweringException">An operator is not known, or is used in a way that no layer can do.</exception>
    public ImmutableArray<LayerChannels> Read(ImmutableArray<string> wanted)
    {
        AddInput();
        List<NodeProto> nodes = [];
        foreach (NodeProto node in NodesBefore(wanted))
        {
            if (IsAlias(node))
            {
                aliases.TryAdd(OutputOf(node), RootOf(node.InputAt(0)));
            }
            else
            {
                nodes.Add(node);
            }
        }

        foreach (string tensor in nodes.SelectMany(static node => node.Input).Concat(wanted).Select(RootOf))
        {
            uses[tensor] = uses.GetValueOrDefault(tensor) + 1;
        }

        foreach (NodeProto node in nodes)
        {
            Read(node);
        }

        return [.. wanted.Select(TensorOf)];
    }

    /// <summary>The nodes that some tensors depend on, in the model's order, in which every node comes behind those that it depends on.</summary>
    private Stack<NodeProto> NodesBefore(ImmutableArray<string> wanted)
    {
        HashSet<string> open = [.. wanted];
        Stack<NodeProto> nodes = [];
        foreach (NodeProto node in graph.Model.Graph.Node.Reverse())
        {
            if (node.OpType != "Constant" && node.Output.Any(output => output.Length > 0 && open.Contains(output)))
            {
                nodes.Push(node);
                open.UnionWith(node.Input);
            }
        }

        return nodes;
    }

    private void AddInput()
    {
        TypeProto.Types.Tensor type = graph.Model.Graph.Input.FirstOrDefault(value => value.Name == input)?.Type?.TensorType
            ?? throw new LoweringException($"it has no input '{input}'");
        if ((OrtElementType)type.ElemType is not (OrtElementType.Float or OrtElementType.Float16))
        {
            throw new LoweringException("its input is not of single or half precision");
        }

        int[] wanted = [0, 3, size.Height, size.Width];
        bool isSo = type.Shape is { Dim.Count: 4 } shape && Enumerable.Range(1, 3).All(axis => shape.Dim[axis].ValueCase switch
        {
            TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue => shape.Dim[axis].DimValue == wanted[axis],
            _ => axis > 1,
        });
        if (!isSo || size.Width is <= 0 or > MaxSize || size.Height is <= 0 or > MaxSize)
        {
            throw new LoweringException($"its input is not of shape [batch, 3, {size.Height}, {size.Width}]");
        }

        InputStep step = new(size.Height, size.Width);
        steps.Add(step);
        tensors.Add(input, LayerChannels.Of(step));
    }

    private static bool IsAlias(NodeProto node) => IsStandard(node) && (node.OpType is "Identity" or "Dropout"
        || (node.OpType == "Cast" && (OrtElementType)node.Integer("to", 0) is OrtElementType.Float or OrtElementType.Float16));

    private static bool IsStandard(NodeProto node) => node.Domain is "" or "ai.onnx";

    private string RootOf(string tensor) => aliases.GetValueOrDefault(tensor, tensor);

    private void Read(NodeProto node)
    {
        if (!IsStandard(node))
        {
            throw Unsupported(node, $"is of operator set '{node.Domain}'");
        }

        switch (node.OpType)
        {
            case "Conv":
                ReadConvolution(node);
                break;
            case "BatchNormalization":
                ReadNormalization(node);
                break;
            case "Sigmoid":
                sigmoids.Add(OutputOf(node), RootOf(node.InputAt(0)));
                break;
            case "Mul":
                ReadMultiplication(node);
                break;
            case "Add":
                ReadSum(node);
                break;
            case "Concat":
                ReadConcatenation(node);
                break;
            case "Split":
                ReadSplit(node);
                break;
            case "Slice":
                ReadSlice(node);
                break;
            case "MaxPool":
                ReadMaxPool(node);
                break;
            case "Resize" or "Upsample":
                ReadUpsampling(node);
                break;
            default:
                throw Unsupported(node, "is not known");
        }
    }

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
        if (group != 1 || inputs != from.Channels)
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

        return new Window((int)(excessHeight / down) + 1, (int)(excessWidth / right) + 1, ((int)down, (int)right), ((int)top, (int)left));
    }

    private void ReadNormalization(NodeProto node)
    {
        float[][] numbers = [.. Enumerable.Range(1, 4).Select(index => OnnxTensorData.Floats(ConstantOf(node, index)) ?? [])];
        if (SoleConvolution(node.InputAt(0)) is not { IsBare: true, Normalization: null } convolution
            || numbers.Any(values => values.Length != convolution.Channels) || node.Integer("training_mode", 0) != 0)
        {
            throw Unsupported(node, "does not follow a convolution as a part of it can");
        }

        float epsilon = node.Number("epsilon", 1e-5f);
        float[] scale = [.. numbers[0].Zip(numbers[3], (factor, variance) => factor / MathF.Sqrt(variance + epsilon))];
        float[] shift = [.. Enumerable.Range(0, scale.Length).Select(channel => numbers[1][channel] - (numbers[2][channel] * scale[channel]))];
        convolution.Normalization = new LayerNormalization(scale, shift);
        Add(node, LayerChannels.Of(convolution));
    }

    private void ReadMultiplication(NodeProto node)
    {
        (string first, string second) = (RootOf(node.InputAt(0)), RootOf(node.InputAt(1)));
        string sigmoid = sigmoids.GetValueOrDefault(second) == first ? second : first;
        string factor = sigmoid == second ? first : second;
        if (sigmoids.GetValueOrDefault(sigmoid) != factor)
        {
            throw Unsupported(node, "is no part of an activation");
        }

        if (tensors.GetValueOrDefault(factor)?.WholeStep is not ConvolutionStep { IsBare: true } convolution
            || uses[factor] != 2 || uses[sigmoid] != 1)
        {
            throw Unsupported(node, "is an activation of something other than a convolution, or not its only use");
        }

        convolution.Activation = LayerActivation.Silu;
        Add(node, LayerChannels.Of(convolution));
    }

    private void ReadSum(NodeProto node)
    {
        (LayerChannels first, LayerChannels second) = (InputOf(node, 0), InputOf(node, 1));
        if ((first.Channels, first.Height, first.Width) != (second.Channels, second.Height, second.Width))
        {
            throw Unsupported(node, "adds tensors of different sizes");
        }

        // A convolution whose sum is its only use can run where the sum does: then both summands are there.
        ConvolutionStep? convolution = SoleConvolution(node.InputAt(1)) is { Added: null } one ? one
            : SoleConvolution(node.InputAt(0)) is { Added: null } other ? other : null;
        if (convolution is null)
        {
            Add(node, new AddStep(first, second));
            return;
        }

        convolution.Added = second.WholeStep == convolution ? first : second;
        Move(convolution);
        Add(node, LayerChannels.Of(convolution));
    }

    private void ReadConcatenation(NodeProto node)
    {
        CheckAxis(node, node.Integer("axis", 0));
        LayerChannels[] parts = [.. Enumerable.Range(0, node.Input.Count).Select(index => InputOf(node, index))];
        if (parts.Length == 0 || parts.Any(part => (part.Height, part.Width) != (parts[0].Height, parts[0].Width)))
        {
            throw Unsupported(node, "concatenates tensors of different sizes");
        }

        if (parts.Sum(static part => (long)part.Channels) > MaxSize)
        {
            throw Unsupported(node, $"concatenates more than {MaxSize} channels");
        }

        Add(node, LayerChannels.Concatenate(parts));
    }

    private void ReadSplit(NodeProto node)
    {
        CheckAxis(node, node.Integer("axis", 0));
        LayerChannels from = InputOf(node, 0);
        long[] sizes = node.Integers("split") ?? (node.InputAt(1).Length > 0 ? IntegersOf(node, 1) : EqualParts(from.Channels, node.Output.Count));
        if (sizes.Length != node.Output.Count || sizes.Any(static part => part is <= 0 or > MaxSize) || sizes.Sum() != from.Channels)
        {
            throw Unsupported(node, $"splits {from.Channels} channels into {Join(sizes)}");
        }

        int first = 0;
        foreach ((string output, long count) in node.Output.Zip(sizes))
        {
            Add(node, output, from.Slice(first, (int)count));
            first += (int)count;
        }
    }

    // The last part is smaller where they cannot be equal.
    private static long[] EqualParts(int channels, int parts)
    {
        int part = (channels + parts - 1) / parts;
        return [.. Enumerable.Range(0, parts).Select(index => (long)Math.Min(part, channels - (index * (long)part)))];
    }

    private void ReadSlice(NodeProto node)
    {
        LayerChannels from = InputOf(node, 0);
        bool areAttributes = node.Find("starts") is not null;
        long[] starts = areAttributes ? node.Integers("starts")! : IntegersOf(node, 1);
        long[] ends = areAttributes ? node.Integers("ends") ?? [] : IntegersOf(node, 2);
        long[] axes = (areAttributes ? node.Integers("axes") : node.InputAt(3).Length > 0 ? IntegersOf(node, 3) : null)
            ?? [.. Enumerable.Range(0, starts.Length).Select(static axis => (long)axis)];
        long[] steps = node.InputAt(4).Length > 0 ? IntegersOf(node, 4) : [.. axes.Select(static _ => 1L)];
        if (starts.Length is 0 or > 4 || (ends.Length, axes.Length, steps.Length) != (starts.Length, starts.Length, starts.Length)
            || steps.Any(static step => step != 1))
        {
            throw Unsupported(node, $"takes {Join(starts)} to {Join(ends)} of axes {Join(axes)} in steps {Join(steps)}");
        }

        LayerChannels taken = from;
        for (int i = 0; i < axes.Length; i++)
        {
            long length = axes[i] switch
            {
                1 or -3 => taken.Channels,
                2 or -2 => taken.Height,
                3 or -1 => taken.Width,
                _ => throw Unsupported(node, $"takes a part of axis {axes[i]}"),
            };
            long start = PlaceIn(starts[i], length);
            long count = PlaceIn(ends[i], length) - start;
            if (axes[i] is 1 or -3 && count > 0)
            {
                taken = taken.Slice((int)start, (int)count);
            }
            else if (count != length)
            {
                throw Unsupported(node, $"takes {count} of {length} of axis {axes[i]}");
            }
        }

        Add(node, taken);
    }

    // From the end where it is negative.
    private static long PlaceIn(long place, long length) => Math.Clamp(place < 0 ? Math.Max(place, -length) + length : place, 0, length);

    private void ReadMaxPool(NodeProto node)
    {
        LayerChannels from = InputOf(node, 0);
        if (node.Integers("kernel_shape") is not [> 0 and <= MaxKernel and long side, long other] || other != side || side % 2 == 0)
        {
            throw Unsupported(node, "has a window that is not square and odd");
        }

        Window window = WindowOf(node, from, ((int)side, (int)side));
        if (window != new Window(from.Height, from.Width, (1, 1), ((int)side / 2, (int)side / 2)))
        {
            throw Unsupported(node, "gives another size than it takes");
        }

        Add(node, new MaxPoolStep(from, (int)side));
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

    /// <summary>The convolution that makes all of a tensor which is used once.</summary>
    private ConvolutionStep? SoleConvolution(string tensor) =>
        uses.GetValueOrDefault(RootOf(tensor)) == 1 ? tensors.GetValueOrDefault(RootOf(tensor))?.WholeStep as ConvolutionStep : null;

    private static void CheckAxis(NodeProto node, long axis)
    {
        if (axis is not (1 or -3))
        {
            throw Unsupported(node, $"works on axis {axis}");
        }
    }

    private void Move(ConvolutionStep step)
    {
        _ = steps.Remove(step);
        steps.Add(step);
    }

    private void Add(NodeProto node, LayerStep step)
    {
        if (steps.Count > LayerLowering.MaxLayers)
        {
            throw new LoweringException($"it has more than {LayerLowering.MaxLayers} layers");
        }

        steps.Add(step);
        Add(node, LayerChannels.Of(step));
    }

    private void Add(NodeProto node, LayerChannels tensor) => Add(node, OutputOf(node), tensor);

    private void Add(NodeProto node, string name, LayerChannels tensor)
    {
        if ((pieces += tensor.Pieces.Length) > MaxPieces)
        {
            throw Unsupported(node, $"is one of concatenations of more than {MaxPieces} parts");
        }

        // A node may leave a result without a name.
        if (name.Length > 0 && !tensors.TryAdd(name, tensor))
        {
            throw Unsupported(node, $"makes '{name}', which is there already");
        }
    }

    private LayerChannels InputOf(NodeProto node, int index) => node.InputAt(index) is { Length: > 0 } name ? TensorOf(name)
        : throw Unsupported(node, $"has no input {index}");

    private LayerChannels TensorOf(string name) => tensors.GetValueOrDefault(RootOf(name))
        ?? throw new LoweringException($"tensor '{name}' is nothing that a layer makes");

    private TensorProto ConstantOf(NodeProto node, int index) => graph.ConstantOf(RootOf(node.InputAt(index))) is TensorProto constant
        ? constant.ExternalData.Count == 0 ? constant : throw Unsupported(node, "has weights in another file")
        : throw Unsupported(node, $"has no constant as input {index}");

    private long[] IntegersOf(NodeProto node, int index) => OnnxTensorData.Integers(ConstantOf(node, index))
        ?? throw Unsupported(node, $"has no list of integers as input {index}");

    private static string OutputOf(NodeProto node) => node.Output is [{ Length: > 0 } name, ..] ? name : throw Unsupported(node, "makes nothing");

    private static string Join(long[] numbers) => $"[{string.Join(", ", numbers)}]";

    private static LoweringException Unsupported(NodeProto node, string what) => new($"operator {node.OpType} ('{node.Name}') {what}");

    private readonly record struct Window(int OutputHeight, int OutputWidth, (int Down, int Right) Stride, (int Top, int Left) Padding);
}
