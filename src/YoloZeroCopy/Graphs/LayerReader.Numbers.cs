using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <content>Arithmetic with sizes: exports whose sizes are free reckon shapes from shapes. Here all sizes are known.</content>
internal sealed partial class LayerReader
{
    // A shape has few numbers.
    private const int MaxNumbers = 64;

    private static readonly HashSet<string> NumberOperators =
        ["Gather", "Slice", "Concat", "Unsqueeze", "Squeeze", "Cast", "Add", "Sub", "Mul", "Div", "Floor"];

    private readonly HashSet<string> numberNames = [];
    private readonly Dictionary<string, Numbers> numbers = [];

    /// <summary>Whether a node reckons with sizes and constants only, and not with a tensor's values.</summary>
    private bool IsNumbers(NodeProto node) => IsStandard(node)
        && (node.OpType == "Shape" || (NumberOperators.Contains(node.OpType) && node.Input.All(name => AreNumbers(name, node.OpType != "Cast"))));

    // Weights may be cast, too.
    private bool AreNumbers(string name, bool includesFloats) => numberNames.Contains(RootOf(name))
        || (graph.ConstantOf(RootOf(name)) is TensorProto constant
            && ((OrtElementType)constant.DataType == OrtElementType.Int64 || (includesFloats && constant.Dims.Count <= 1)));

    private void ReadNumbers(NodeProto node)
    {
        Numbers result = node.OpType switch
        {
            "Shape" => new Numbers([.. ViewOf(node, 0).Shape.Select(static size => (double)size)], true),
            "Gather" => Gather(node),
            "Slice" => Slice(node),
            "Concat" => new Numbers(
                [.. Enumerable.Range(0, Math.Min(MaxNumbers, node.Input.Count)).SelectMany(index => NumbersOf(node, index).Values)], true),
            "Cast" when (OrtElementType)node.Integer("to", 0) is OrtElementType.Int64 or OrtElementType.Int32 =>
                new Numbers([.. NumbersOf(node, 0).Values.Select(Math.Truncate)], true),
            "Cast" => NumbersOf(node, 0) with { AreIntegers = false },
            "Floor" => NumbersOf(node, 0) with { Values = [.. NumbersOf(node, 0).Values.Select(Math.Floor)] },
            "Add" => Reckon(node, static (a, b) => a + b),
            "Sub" => Reckon(node, static (a, b) => a - b),
            "Mul" => Reckon(node, static (a, b) => a * b),
            "Div" => Reckon(node, static (a, b) => a / b),
            _ => NumbersOf(node, 0),
        };
        numbers[OutputOf(node)] = result.Values.Length <= MaxNumbers ? result : throw Unsupported(node, "makes too many numbers");
    }

    private Numbers Slice(NodeProto node)
    {
        Numbers all = NumbersOf(node, 0);
        if (IntegersOf(node, 1) is not [long first] || IntegersOf(node, 2) is not [long end]
            || (node.InputAt(4).Length > 0 && IntegersOf(node, 4) is not [1]))
        {
            throw Unsupported(node, "takes numbers that are not next to each other");
        }

        int start = (int)PlaceIn(first, all.Values.Length);
        return all with { Values = all.Values[start..Math.Max(start, (int)PlaceIn(end, all.Values.Length))] };
    }

    private Numbers Reckon(NodeProto node, Func<double, double, double> operation)
    {
        (Numbers first, Numbers second) = (NumbersOf(node, 0), NumbersOf(node, 1));
        int count = Math.Max(first.Values.Length, second.Values.Length);
        if ((first.Values.Length != count && first.Values.Length != 1) || (second.Values.Length != count && second.Values.Length != 1))
        {
            throw Unsupported(node, "reckons with lists of different lengths");
        }

        bool areIntegers = first.AreIntegers && second.AreIntegers;
        return new Numbers(
            [.. Enumerable.Range(0, count).Select(index =>
            {
                double value = operation(first.Values[index % first.Values.Length], second.Values[index % second.Values.Length]);
                return areIntegers ? Math.Truncate(value) : value;
            })],
            areIntegers);
    }

    private Numbers Gather(NodeProto node)
    {
        Numbers all = NumbersOf(node, 0);
        int count = all.Values.Length;
        double[] places = [.. NumbersOf(node, 1).Values.Select(place => place < 0 ? place + count : place)];
        return places.All(place => place >= 0 && place < count) ? all with { Values = [.. places.Select(place => all.Values[(int)place])] }
            : throw Unsupported(node, $"takes numbers {Join(places)} of {count}");
    }

    private Numbers NumbersOf(NodeProto node, int index)
    {
        if (numbers.TryGetValue(RootOf(node.InputAt(index)), out Numbers known))
        {
            return known;
        }

        TensorProto constant = ConstantOf(node, index);
        double[]? values = constant.Dims.All(static size => size <= MaxNumbers) && constant.Dims.Count <= 1
            ? OnnxTensorData.Integers(constant) is long[] integers ? [.. integers.Select(static number => (double)number)]
                : OnnxTensorData.Floats(constant) is float[] floats ? [.. floats.Select(static number => (double)number)] : null
            : null;
        return values is null ? throw Unsupported(node, $"has no short list of numbers as input {index}")
            : new Numbers(values, (OrtElementType)constant.DataType == OrtElementType.Int64);
    }

    private long[] IntegersOf(NodeProto node, int index) => numbers.TryGetValue(RootOf(node.InputAt(index)), out Numbers known)
        ? [.. known.Values.Select(static number => (long)number)]
        : OnnxTensorData.Integers(ConstantOf(node, index)) ?? throw Unsupported(node, $"has no list of integers as input {index}");

    private readonly record struct Numbers(double[] Values, bool AreIntegers);
}
