using System.Diagnostics.CodeAnalysis;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>A model's graph, whose tensors can be asked what makes them.</summary>
/// <remarks>Reads the model and does not change it. Any thread.</remarks>
internal sealed class OnnxGraph
{
    private readonly Dictionary<string, NodeProto> producers;
    private readonly Dictionary<string, TensorProto> constants;

    private OnnxGraph(ModelProto model, Dictionary<string, NodeProto> producers, Dictionary<string, TensorProto> constants)
    {
        Model = model;
        this.producers = producers;
        this.constants = constants;
    }

    public ModelProto Model { get; }

    /// <summary>Reads a graph.</summary>
    /// <param name="model">The model.</param>
    /// <param name="graph">Its graph, where this is true.</param>
    /// <param name="reason">What is wrong with it, where this is false: two nodes make one tensor, or a node depends on what it makes.</param>
    public static bool TryCreate(ModelProto model, [NotNullWhen(true)] out OnnxGraph? graph, [NotNullWhen(false)] out string? reason)
    {
        Dictionary<string, TensorProto> constants = [];
        foreach (TensorProto tensor in model.Graph.Initializer)
        {
            constants[tensor.Name] = tensor;
        }

        Dictionary<string, NodeProto> producers = [];
        graph = null;
        foreach (NodeProto node in model.Graph.Node)
        {
            foreach (string output in node.Output.Where(static output => output.Length > 0))
            {
                if (!producers.TryAdd(output, node))
                {
                    reason = $"tensor '{output}' is made by two nodes";
                    return false;
                }
            }

            if (node is { OpType: "Constant", Output: [string name, ..] } && node.Attribute is [{ T: TensorProto value }])
            {
                constants[name] = value;
            }
        }

        // The format wants nodes in the order in which they run. That they are proves that there is no circle.
        HashSet<string> known = [.. constants.Keys, .. model.Graph.Input.Select(static input => input.Name), string.Empty];
        foreach (NodeProto node in model.Graph.Node)
        {
            if (node.Input.FirstOrDefault(input => !known.Contains(input)) is string missing)
            {
                reason = producers.ContainsKey(missing)
                    ? $"node '{node.Name}' comes before the one that makes its input '{missing}', or they depend on each other"
                    : $"input '{missing}' of node '{node.Name}' is made by no node";
                return false;
            }

            known.UnionWith(node.Output);
        }

        graph = new OnnxGraph(model, producers, constants);
        reason = null;
        return true;
    }

    /// <summary>The node that makes a tensor; null for inputs, initializers and what does not exist.</summary>
    public NodeProto? ProducerOf(string tensor) => producers.GetValueOrDefault(tensor);

    /// <summary>A tensor's value, where it is a constant of the model.</summary>
    public TensorProto? ConstantOf(string tensor) => constants.GetValueOrDefault(tensor);
}
