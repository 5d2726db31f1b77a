using System.Collections.Immutable;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Reads a model's operators as steps of a <see cref="LayerNetwork"/>, for one picture of one size.</summary>
/// <remarks>
/// Only what the wanted tensors depend on is read. Batch normalizations, activations and sums become part of the convolution before them where nobody
/// else reads what lies between.
/// </remarks>
internal sealed partial class LayerReader
{
    // Numbers of channels, heights and widths, and kernels, strides and paddings.
    private const int MaxSize = 1 << 16;
    private const int MaxKernel = 64;

    // Of one tensor of one picture.
    private const int MaxElements = 1 << 29;

    // Concatenations of concatenations could have more parts than memory holds.
    private const int MaxPieces = 256;
    private const int MaxAllPieces = 1 << 16;

    private readonly OnnxGraph graph;
    private readonly string input;
    private readonly (int Width, int Height) size;
    private readonly List<LayerStep> steps = [];
    private readonly Dictionary<string, LayerChannels> tensors = [];

    // Tensors that are no maps: channels and cells in another arrangement.
    private readonly Dictionary<string, MapView> views = [];

    // What only passes its input on has no tensor of its own.
    private readonly Dictionary<string, string> aliases = [];
    private readonly Dictionary<string, int> uses = [];

    // By what they make, what they are the sigmoid of.
    private readonly Dictionary<string, string> sigmoids = [];
    private int pieces;

    // Of a model for a fixed number of pictures, which its shapes then have in them; others are read as for one.
    private int pictures = 1;

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
            if (IsNumbers(node))
            {
                numberNames.UnionWith(node.Output);
                nodes.Add(node);
            }
            else if (IsAlias(node))
            {
                aliases.TryAdd(OutputOf(node), RootOf(node.InputAt(0)));
            }
            else
            {
                nodes.Add(node);
            }
        }

        foreach (string tensor in nodes.Where(node => !IsNumbers(node)).SelectMany(static node => node.Input).Concat(wanted).Select(RootOf))
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

        // Sizes that are free have a name, none, or a number below one.
        long[] declared = [.. (type.Shape?.Dim ?? []).Select(static dimension => Math.Max(0, dimension.DimValue))];
        bool isSo = declared is [<= MaxSize, 3, long height, long width]
            && (height == 0 || height == size.Height) && (width == 0 || width == size.Width);
        bool isLarge = size.Width > MaxSize || size.Height > MaxSize || (long)size.Width * size.Height > MaxElements / LayerNetwork.InputChannels;
        if (!isSo || isLarge || size.Width <= 0 || size.Height <= 0)
        {
            throw new LoweringException($"its input is not of shape [batch, 3, {size.Height}, {size.Width}]");
        }

        pictures = (int)Math.Max(1, declared[0]);
        InputStep step = new(size.Height, size.Width);
        steps.Add(step);
        tensors.Add(input, LayerChannels.Of(step));
    }

    private bool IsAlias(NodeProto node) => IsStandard(node) && (node.OpType == "Identity" || IsEmptyPad(node)
        || (node.OpType == "Dropout" && node.InputAt(2).Length == 0)
        || (node.OpType == "Cast" && (OrtElementType)node.Integer("to", 0) is OrtElementType.Float or OrtElementType.Float16));

    // What PyTorch writes before a mean pool without padding.
    private bool IsEmptyPad(NodeProto node) => node.OpType == "Pad" && graph.ConstantOf(node.InputAt(1)) is TensorProto pads
        && OnnxTensorData.Integers(pads) is long[] numbers && numbers.All(static number => number == 0);

    private static bool IsStandard(NodeProto node) => node.Domain is "" or "ai.onnx";

    private string RootOf(string tensor) => aliases.GetValueOrDefault(tensor, tensor);

    private void Read(NodeProto node)
    {
        if (!IsStandard(node))
        {
            throw Unsupported(node, $"is of operator set '{node.Domain}'");
        }

        if (IsNumbers(node))
        {
            ReadNumbers(node);
            return;
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
            case "Mul" or "Div" when TryReadScale(node):
                break;
            case "Mul":
                ReadActivation(node);
                break;
            case "Add":
                ReadSum(node);
                break;
            case "Concat":
                ReadConcatenation(node);
                break;
            case "MaxPool":
                ReadPool(node, LayerPooling.Largest);
                break;
            case "AveragePool":
                ReadPool(node, LayerPooling.Mean);
                break;
            case "Resize" or "Upsample":
                ReadUpsampling(node);
                break;
            case "Split":
                ReadSplit(node);
                break;
            case "Slice":
                ReadSlice(node);
                break;
            case "Reshape" or "Flatten":
                ReadReshape(node);
                break;
            case "Transpose":
                ReadTranspose(node);
                break;
            case "MatMul":
                ReadProduct(node);
                break;
            case "Softmax":
                ReadSoftmax(node);
                break;
            default:
                throw Unsupported(node, "is not known");
        }
    }

    private void ReadConcatenation(NodeProto node)
    {
        if (AxisOf(node, node.Integer("axis", 0), 4) != 1)
        {
            throw Unsupported(node, "concatenates something other than channels");
        }

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

    private void Add(NodeProto node, LayerStep step)
    {
        AddStep(step);
        Add(node, LayerChannels.Of(step));
    }

    private void AddStep(LayerStep step)
    {
        if (steps.Count > LayerLowering.MaxLayers)
        {
            throw new LoweringException($"it has more than {LayerLowering.MaxLayers} layers");
        }

        steps.Add(step);
    }

    private void Add(NodeProto node, LayerChannels tensor) => Add(node, OutputOf(node), tensor);

    private void Add(NodeProto node, string name, LayerChannels tensor)
    {
        Count(node, tensor);

        // A node may leave a result without a name.
        if (name.Length > 0 && !tensors.TryAdd(name, tensor))
        {
            throw Unsupported(node, $"makes '{name}', which is there already");
        }
    }

    private void Count(NodeProto node, LayerChannels tensor)
    {
        if ((long)tensor.Channels * tensor.Height * tensor.Width > MaxElements)
        {
            throw Unsupported(node, $"makes a tensor of {tensor.Channels}x{tensor.Height}x{tensor.Width}, more than a gigabyte");
        }

        pieces += tensor.Pieces.Length;
        if (tensor.Pieces.Length > MaxPieces || pieces > MaxAllPieces)
        {
            throw Unsupported(node, "is one of concatenations of too many parts");
        }
    }

    private LayerChannels InputOf(NodeProto node, int index) => node.InputAt(index) is { Length: > 0 } name ? TensorOf(name)
        : throw Unsupported(node, $"has no input {index}");

    private LayerChannels TensorOf(string name) => tensors.GetValueOrDefault(RootOf(name))
        ?? throw new LoweringException($"tensor '{name}' is nothing that a layer makes");

    private TensorProto ConstantOf(NodeProto node, int index) => graph.ConstantOf(RootOf(node.InputAt(index))) is TensorProto constant
        ? constant.ExternalData.Count == 0 ? constant : throw Unsupported(node, "has weights in another file")
        : throw Unsupported(node, $"has no constant as input {index}");

    private static string OutputOf(NodeProto node) => node.Output is [{ Length: > 0 } name, ..] ? name : throw Unsupported(node, "makes nothing");

    private static string Join<T>(IEnumerable<T> numbers) => $"[{string.Join(", ", numbers)}]";

    private static LoweringException Unsupported(NodeProto node, string what) => new($"operator {node.OpType} ('{node.Name}') {what}");
}
