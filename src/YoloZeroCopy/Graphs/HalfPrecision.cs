using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Makes a half-precision model of one in single precision.</summary>
/// <remarks>
/// The picture, the weights and everything between them and the last convolutions become half. These stay in single precision, with casts around
/// them:
/// <list type="bullet">
/// <item>what depends on sizes and constants only, as the grid of anchors: it takes no time, and the format wants some of it so (the scales of
/// Resize);</item>
/// <item>arithmetic behind the last convolutions, with all that comes from it: boxes. Half precision knows every second pixel only from 512 pixels
/// on, where boxes begin to be off by one. What comes before is half there, too: distances in cells and their softmax, and scores, which half has
/// to a two-thousandth.</item>
/// </list>
/// Outputs keep their types.
/// </remarks>
internal sealed class HalfPrecision
{
    private const float MostHalf = 65504;

    private readonly OnnxModel model;
    private readonly OnnxGraph graph;
    private readonly OnnxNames names;
    private readonly Dictionary<string, OrtElementType> types = [];
    private readonly HashSet<string> ofPicture = [];
    private readonly HashSet<NodeProto> beforeProducts = new(ReferenceEqualityComparer.Instance);

    // Names of a tensor in either precision, as far as it is there in it.
    private readonly Dictionary<string, string> halves = [];
    private readonly Dictionary<string, string> singles = [];
    private readonly List<NodeProto> nodes = [];
    private readonly List<OnnxNewTensor> tensors = [];
    private readonly SortedSet<string> kept = new(StringComparer.Ordinal);
    private int halfCount;

    private HalfPrecision(OnnxModel model, OnnxGraph graph)
    {
        this.model = model;
        this.graph = graph;
        names = new OnnxNames(model.Proto);
    }

    private GraphProto Graph => model.Proto.Graph;

    /// <summary>Makes the model.</summary>
    /// <param name="model">The model, with its weights inside.</param>
    /// <param name="reason">Why it stays as it is, where this is null.</param>
    /// <returns>The changed model, which the caller disposes, and what was changed.</returns>
    /// <exception cref="ModelException">It would be larger than a model can be.</exception>
    public static (ModelBytes Bytes, string Summary)? TryChange(OnnxModel model, out string? reason)
    {
        reason = WhyNot(model);
        if (reason is not null || !OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out reason))
        {
            return null;
        }

        HalfPrecision change = new(model, graph);
        reason = change.Read() ?? change.Write();
        return reason is null ? change.Finish() : null;
    }

    private static string? WhyNot(OnnxModel model)
    {
        if (model.Proto.Functions.Count > 0)
        {
            return "it has functions of its own";
        }

        if (model.Proto.AllTensors().Any(static tensor => tensor.ExternalData.Count > 0))
        {
            return "its weights lie in other files";
        }

        return model.Proto.Graph.Node.Select(OnnxOperators.WhyUnknown).FirstOrDefault(static reason => reason is not null);
    }

    /// <summary>Finds the types of all tensors, and what depends on the picture and what comes before the last convolution. Gives what is
    /// wrong, or null.</summary>
    private string? Read()
    {
        foreach (TensorProto tensor in Graph.Initializer)
        {
            types[tensor.Name] = (OrtElementType)tensor.DataType;
        }

        foreach (ValueInfoProto input in Graph.Input.Where(input => graph.ConstantOf(input.Name) is null))
        {
            types[input.Name] = (OrtElementType)(input.Type?.TensorType?.ElemType ?? 0);
            ofPicture.Add(input.Name);
        }

        foreach (NodeProto node in Graph.Node)
        {
            for (int output = 0; output < node.Output.Count; output++)
            {
                types[node.Output[output]] = OnnxOperators.TypeOf(node, output, TypeOf);
            }

            if (!OnnxOperators.ReadsShapeOnly(node) && node.Input.Any(ofPicture.Contains))
            {
                ofPicture.UnionWith(node.Output);
            }
        }

        HashSet<string> wanted = [];
        foreach (NodeProto node in Graph.Node.Reverse().Where(node => OnnxOperators.IsProduct(node) || node.Output.Any(wanted.Contains)))
        {
            beforeProducts.Add(node);
            wanted.UnionWith(node.Input);
        }

        if (types.ContainsValue(OrtElementType.Float16) || types.ContainsValue(OrtElementType.BFloat16))
        {
            return "it has half precision already";
        }

        return Graph.Node.Any(
            node => OnnxOperators.IsProduct(node) && IsOfPicture(node) && node.Output.Any(output => TypeOf(output) == OrtElementType.Float))
            ? null : "it has no convolutions in single precision";
    }

    /// <summary>Writes the nodes. Gives what is wrong, or null.</summary>
    private string? Write()
    {
        foreach (ValueInfoProto input in Graph.Input.Where(
            input => graph.ConstantOf(input.Name) is null && TypeOf(input.Name) == OrtElementType.Float))
        {
            (IsPicture(input) ? halves : singles)[input.Name] = input.Name;
        }

        foreach (NodeProto node in Graph.Node)
        {
            bool isHalf = IsHalf(node);
            NodeProto changed = node.Clone();
            if (isHalf && node.OpType == "Cast" && OnnxOperators.Attribute(changed, "to") is AttributeProto to && to.I == (int)OrtElementType.Float)
            {
                to.I = (int)OrtElementType.Float16;
            }

            for (int index = 0; index < node.Input.Count; index++)
            {
                string input = node.Input[index];
                if (input.Length > 0 && TypeOf(input) == OrtElementType.Float)
                {
                    if ((isHalf && OnnxOperators.IsNumber(node, index) ? Half(input, out string? reason)
                        : Single(input, out reason)) is not string name)
                    {
                        return reason;
                    }

                    changed.Input[index] = name;
                }
            }

            nodes.Add(changed);
            AddOutputs(node, changed, isHalf);
        }

        return null;
    }

    private void AddOutputs(NodeProto node, NodeProto changed, bool isHalf)
    {
        bool isFloat = false;
        for (int index = 0; index < node.Output.Count; index++)
        {
            string output = node.Output[index];
            if (output.Length == 0 || TypeOf(output) != OrtElementType.Float)
            {
                continue;
            }

            isFloat = true;
            if (!isHalf)
            {
                singles[output] = output;
            }
            else if (Graph.Output.Any(value => value.Name == output))
            {
                changed.Output[index] = names.New($"{output}_half");
                halves[output] = changed.Output[index];
                AddCast(changed.Output[index], output, OrtElementType.Float);
                singles[output] = output;
            }
            else
            {
                halves[output] = output;
            }
        }

        if (isFloat && isHalf)
        {
            halfCount++;
        }
        else if (isFloat && IsOfPicture(node))
        {
            kept.Add(node.OpType);
        }
    }

    private (ModelBytes Bytes, string Summary) Finish()
    {
        HashSet<string> used = [.. nodes.SelectMany(static node => node.Input), .. Graph.Output.Select(static value => value.Name)];
        nodes.RemoveAll(node => node.OpType == "Constant" && !node.Output.Any(used.Contains));
        ValueInfoProto[] inputs = [.. Graph.Input.Where(input => graph.ConstantOf(input.Name) is null || used.Contains(input.Name)).Select(Declare)];
        ModelBytes bytes = model.Change(new OnnxChange
        {
            Nodes = nodes,
            Inputs = inputs,
            Outputs = Graph.Output,
            Keeps = tensor => used.Contains(tensor.Name),
            Tensors = tensors,
        });
        string rest = kept.Count == 0 ? string.Empty : $"; boxes stay in single ({string.Join(", ", kept)})";
        return (bytes, string.Create(CultureInfo.InvariantCulture, $"half precision in {halfCount} operators{rest}"));
    }

    private ValueInfoProto Declare(ValueInfoProto input)
    {
        if (graph.ConstantOf(input.Name) is not null || TypeOf(input.Name) != OrtElementType.Float || !IsPicture(input))
        {
            return input;
        }

        ValueInfoProto changed = input.Clone();
        changed.Type.TensorType.ElemType = (int)OrtElementType.Float16;
        return changed;
    }

    private static bool IsPicture(ValueInfoProto input) => input.Type?.TensorType?.Shape?.Dim.Count == 4;

    private OrtElementType TypeOf(string tensor) => types.GetValueOrDefault(tensor);

    private bool IsOfPicture(NodeProto node) => node.Input.Any(ofPicture.Contains) && !OnnxOperators.ReadsShapeOnly(node);

    private bool IsHalf(NodeProto node)
    {
        if (!IsOfPicture(node))
        {
            return false;
        }

        if (beforeProducts.Contains(node))
        {
            return true;
        }

        // Half as long as everything that it is made of is.
        return !OnnxOperators.IsArithmetic(node) && node.OpType != "Cast"
            && node.Input.All(input => TypeOf(input) != OrtElementType.Float || !ofPicture.Contains(input) || halves.ContainsKey(input));
    }

    private string? Half(string tensor, out string? reason)
    {
        reason = null;
        if (!halves.TryGetValue(tensor, out string? name))
        {
            name = names.New($"{tensor}_half");
            if (graph.ConstantOf(tensor) is TensorProto constant)
            {
                reason = AddHalf(constant, tensor, name);
            }
            else
            {
                AddCast(tensor, name, OrtElementType.Float16);
            }

            halves[tensor] = name;
        }

        return reason is null ? name : null;
    }

    private string? Single(string tensor, out string? reason)
    {
        reason = null;
        if (graph.ConstantOf(tensor) is not null)
        {
            return tensor;
        }

        if (!singles.TryGetValue(tensor, out string? name))
        {
            name = names.New($"{tensor}_single");
            AddCast(halves[tensor], name, OrtElementType.Float);
            singles[tensor] = name;
        }

        return name;
    }

    private void AddCast(string from, string to, OrtElementType type) => nodes.Add(new NodeProto
    {
        OpType = "Cast",
        Name = names.New($"{to}_cast"),
        Input = { from },
        Output = { to },
        Attribute = { new AttributeProto { Name = "to", I = (long)type, Type = AttributeProto.Types.AttributeType.Int } },
    });

    private string? AddHalf(TensorProto constant, string name, string newName)
    {
        ReadOnlySpan<float> values = model.Singles(constant);
        if (values.Length != OnnxTensorData.Count(constant))
        {
            return $"the values of constant '{name}' cannot be read";
        }

        foreach (float value in values)
        {
            // Written so that NaN fails.
            if (!(Math.Abs(value) <= MostHalf))
            {
                return string.Create(
                    CultureInfo.InvariantCulture, $"constant '{name}' has the number {value}, and half precision ends at {MostHalf}");
            }
        }

        ImmutableArray<long> dims = [.. constant.Dims];
        tensors.Add(new OnnxNewTensor(newName, OrtElementType.Float16, dims, values.Length * sizeof(ushort), Fill));
        return null;

        void Fill(Span<byte> target)
        {
            ReadOnlySpan<float> from = model.Singles(constant);
            Span<Half> to = MemoryMarshal.Cast<byte, Half>(target);
            for (int index = 0; index < to.Length; index++)
            {
                to[index] = (Half)from[index];
            }
        }
    }
}
