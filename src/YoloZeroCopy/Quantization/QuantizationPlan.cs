using System.Collections.Immutable;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Which convolutions of a model compute in 8-bit integers, and which tensors are such for it.</summary>
/// <remarks>
/// In single precision stay what reads the picture first and what nothing follows: the last convolutions of the head, and all behind them. Between
/// two convolutions a tensor stays in integers where every operator on the way has an integer form, so that a runtime need not turn back.
/// </remarks>
internal sealed class QuantizationPlan
{
    // Tensors that these make are not new numbers: they have the scale of what they are made of.
    private static readonly string[] Movers = ["Concat", "MaxPool", "Resize", "Slice", "Split", "Upsample"];

    private readonly OnnxGraph graph;
    private readonly HashSet<string> integers = [];
    private readonly Dictionary<string, string> sameScale = [];

    private QuantizationPlan(OnnxGraph graph) => this.graph = graph;

    /// <summary>The convolutions that compute in integers.</summary>
    public required ImmutableArray<NodeProto> Convolutions { get; init; }

    /// <summary>Those that stay in single precision.</summary>
    public required ImmutableArray<NodeProto> Kept { get; init; }

    /// <summary>Tensors that become integers.</summary>
    public IReadOnlySet<string> Integers => integers;

    /// <summary>Those whose numbers are to be looked at: every other one has the scale of one of them.</summary>
    public IEnumerable<string> Observed => integers.Where(tensor => !IsMoved(tensor) && !IsSigmoid(tensor));

    /// <summary>Decides.</summary>
    /// <param name="model">The model, in single precision.</param>
    /// <param name="graph">Its graph.</param>
    /// <param name="reason">Why nothing can be done, where this is null.</param>
    public static QuantizationPlan? TryMake(OnnxModel model, OnnxGraph graph, out string? reason)
    {
        GraphProto proto = model.Proto.Graph;
        reason = model.Proto.Functions.Count > 0 ? "it has functions of its own"
            : proto.Node.Any(static node => node.OpType is "QuantizeLinear" or "DequantizeLinear" or "QLinearConv") ? "it is quantized already"
            : proto.Node.Select(OnnxOperators.WhyUnknown).FirstOrDefault(static reason => reason is not null);
        if (reason is not null)
        {
            return null;
        }

        NodeProto[] all = [.. proto.Node.Where(node => IsQuantizable(model, graph, node))];
        HashSet<string> followed = FollowedByProducts(graph);
        HashSet<string> ofProducts = OfProducts(proto);
        NodeProto[] some = [.. all.Where(node => followed.Contains(node.Output[0]) && ofProducts.Contains(node.Input[0]))];
        if (some.Length == 0)
        {
            reason = "it has no convolutions in single precision between its first and its last ones";
            return null;
        }

        QuantizationPlan plan = new(graph) { Convolutions = [.. some], Kept = [.. all.Except(some)] };
        plan.Choose(proto, some);
        return plan;
    }

    /// <summary>The tensor whose scale a tensor shares; itself where it shares none.</summary>
    public string ScaleOf(string tensor)
    {
        while (sameScale.TryGetValue(tensor, out string? other))
        {
            tensor = other;
        }

        return tensor;
    }

    /// <summary>Whether a tensor's only use is x * sigmoid(x).</summary>
    public bool GoesIntoSilu(string tensor)
    {
        NodeProto[] users = [.. graph.Model.Graph.Node.Where(node => node.Input.Contains(tensor))];
        return users.Length == 2 && users.FirstOrDefault(static node => node.OpType == "Sigmoid") is NodeProto { Output.Count: 1 } sigmoid
            && users.FirstOrDefault(static node => node.OpType == "Mul") is NodeProto product && product.Input.Contains(sigmoid.Output[0]);
    }

    /// <summary>Whether a tensor is of the logistic function: from 0 to 1.</summary>
    public bool IsSigmoid(string tensor) => graph.ProducerOf(tensor)?.OpType == "Sigmoid";

    private static bool IsQuantizable(OnnxModel model, OnnxGraph graph, NodeProto node) =>
        node is { OpType: "Conv", Input.Count: > 1, Output: [{ Length: > 0 }] } && graph.ConstantOf(node.Input[0]) is null
        && graph.ConstantOf(node.Input[1]) is TensorProto { Dims: [> 0, _, _, _], DataType: (int)OrtElementType.Float } weights
        && model.Singles(weights).Length == OnnxTensorData.Count(weights) && !HeadCut.IsMeanOfBins(graph, node);

    // The mean of bins is no convolution that a network learnt: it ends a head.
    private static HashSet<string> FollowedByProducts(OnnxGraph graph)
    {
        HashSet<string> wanted = [];
        foreach (NodeProto node in graph.Model.Graph.Node.Reverse())
        {
            if ((OnnxOperators.IsProduct(node) && !HeadCut.IsMeanOfBins(graph, node)) || node.Output.Any(wanted.Contains))
            {
                wanted.UnionWith(node.Input);
            }
        }

        return wanted;
    }

    private static HashSet<string> OfProducts(GraphProto proto)
    {
        HashSet<string> made = [];
        foreach (NodeProto node in proto.Node.Where(node => OnnxOperators.IsProduct(node) || node.Input.Any(made.Contains)))
        {
            made.UnionWith(node.Output);
        }

        return made;
    }

    private void Choose(GraphProto proto, NodeProto[] convolutions)
    {
        HashSet<NodeProto> chosen = new(convolutions, ReferenceEqualityComparer.Instance);

        // From the end: what a chosen convolution reads, and what makes that in integers.
        HashSet<string> wanted = [];
        foreach (NodeProto node in proto.Node.Reverse())
        {
            if (chosen.Contains(node))
            {
                wanted.Add(node.Input[0]);
            }
            else if (HasIntegerForm(node) && node.Output.Any(wanted.Contains))
            {
                wanted.UnionWith(Numbers(node));
            }
        }

        foreach (NodeProto node in convolutions)
        {
            integers.Add(node.Input[0]);
            integers.Add(node.Output[0]);
        }

        foreach (NodeProto node in proto.Node.Where(HasIntegerForm))
        {
            if (Numbers(node).All(integers.Contains))
            {
                integers.UnionWith(node.Output.Where(wanted.Contains));
            }

            if (Array.IndexOf(Movers, node.OpType) >= 0)
            {
                Share([.. Numbers(node).Concat(node.Output).Where(integers.Contains)]);
            }
        }
    }

    private bool HasIntegerForm(NodeProto node) => node.OpType switch
    {
        "Add" or "Mul" => node.Input.All(input => graph.ConstantOf(input) is null),
        "Sigmoid" => true,
        _ => Array.IndexOf(Movers, node.OpType) >= 0,
    };

    // Sizes, axes and scales are settings.
    private static IEnumerable<string> Numbers(NodeProto node) =>
        node.OpType is "Add" or "Mul" or "Concat" ? node.Input : node.Input.Take(1);

    private bool IsMoved(string tensor) => graph.ProducerOf(tensor) is NodeProto node && Array.IndexOf(Movers, node.OpType) >= 0
        && Numbers(node).All(integers.Contains);

    private void Share(string[] tensors)
    {
        foreach (string tensor in tensors.Skip(1))
        {
            (string first, string other) = (ScaleOf(tensors[0]), ScaleOf(tensor));
            if (first != other)
            {
                sameScale[other] = first;
            }
        }
    }
}
