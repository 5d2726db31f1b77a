using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Makes a quantized model's unsigned integers signed, which TensorRT takes only: 128 for 0 becomes 0 for 0, and every number is the
/// same.</summary>
internal static class SignedIntegers
{
    private const byte Middle = 128;

    /// <summary>Makes the model, which the caller disposes; null where there is nothing to change.</summary>
    /// <exception cref="ModelException">It would be larger than a model can be.</exception>
    public static ModelBytes? TryChange(OnnxModel model)
    {
        GraphProto graph = model.Proto.Graph;
        NodeProto[] pairs = [.. graph.Node.Where(static node => node.OpType is "QuantizeLinear" or "DequantizeLinear" && node.Input.Count > 2)];
        if (pairs.Length == 0)
        {
            return null;
        }

        HashSet<string> zeros = [.. pairs.Select(static node => node.Input[2])];
        TensorProto[] unsigned = [.. graph.Initializer.Where(tensor => zeros.Contains(tensor.Name) && tensor.DataType == (int)OrtElementType.UInt8)];

        // A constant that is dequantized, or a 0 that is somewhere else, would need more than another zero.
        HashSet<string> names = [.. unsigned.Select(static tensor => tensor.Name)];
        bool isSimple = unsigned.All(static tensor => tensor is { Dims.Count: 0, RawData: [Middle] })
            && graph.Node.All(node => Array.IndexOf(pairs, node) >= 0 ? !names.Contains(node.Input[0]) : !node.Input.Any(names.Contains))
            && !graph.Initializer.Any(tensor => tensor.DataType == (int)OrtElementType.UInt8 && !names.Contains(tensor.Name));
        if (unsigned.Length == 0 || !isSimple)
        {
            return null;
        }

        return model.Change(new OnnxChange
        {
            Nodes = graph.Node,
            Inputs = graph.Input,
            Outputs = graph.Output,
            Keeps = tensor => !names.Contains(tensor.Name),
            Tensors = [.. names.Select(static name => OnnxNewTensor.Of(name, OrtElementType.Int8, [], [0]))],
        });
    }
}
