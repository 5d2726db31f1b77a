using System.Collections.Frozen;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>What the operators of YOLO networks do with their tensors, as far as a change of types has to know.</summary>
internal static class OnnxOperators
{
    /// <summary>Multiply tensors with weights, or with each other: what a network spends its time in.</summary>
    private static readonly FrozenSet<string> Products = FrozenSet.Create("Conv", "ConvTranspose", "Gemm", "MatMul");

    /// <summary>Compute with numbers whose size matters: coordinates do not fit half precision.</summary>
    private static readonly FrozenSet<string> Arithmetic = FrozenSet.Create(
        "Abs", "Add", "ArgMax", "ArgMin", "Ceil", "Cos", "Div", "Equal", "Exp", "Floor", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Log",
        "Max", "Mean", "Min", "Mod", "Mul", "Neg", "NonMaxSuppression", "Not", "And", "Or", "Pow", "Range", "Reciprocal", "ReduceMean", "ReduceProd",
        "ReduceSum", "Round", "Sign", "Sin", "Sqrt", "Sub", "Sum", "TopK", "Where", "Xor");

    /// <summary>Move numbers, or bring them into a range that half precision has many numbers in.</summary>
    private static readonly FrozenSet<string> Others = FrozenSet.Create(
        "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "DepthToSpace", "Dropout", "Elu", "Erf",
        "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Gelu", "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "HardSwish",
        "Identity", "InstanceNormalization", "LayerNormalization", "LeakyRelu", "LogSoftmax", "MaxPool", "Mish", "NonZero", "Pad", "PRelu",
            "ReduceMax",
        "ReduceMin", "Relu", "Reshape", "Resize", "Selu", "Shape", "Sigmoid", "Size", "Slice", "Softmax", "Softplus", "Softsign", "SpaceToDepth",
        "Split", "Squeeze", "Swish", "Tanh", "Tile", "Transpose", "Unsqueeze", "Upsample");

    public static bool IsProduct(NodeProto node) => Products.Contains(node.OpType);

    public static bool IsArithmetic(NodeProto node) => Arithmetic.Contains(node.OpType);

    /// <summary>Why a node cannot be reasoned about, or null.</summary>
    public static string? WhyUnknown(NodeProto node)
    {
        string name = node.Domain.Length is 0 ? node.OpType : $"{node.Domain}.{node.OpType}";
        if (node.Attribute.Any(static attribute => attribute.G is not null || attribute.Graphs.Count > 0))
        {
            return $"operator {name} has a graph of its own";
        }

        return node.Domain is "" or "ai.onnx"
            && (Products.Contains(node.OpType) || Arithmetic.Contains(node.OpType) || Others.Contains(node.OpType))
            ? null : $"operator {name} is not known";
    }

    /// <summary>Whether an input has the type of the node's floating-point numbers. Others are settings, of single precision whatever the rest
    /// is.</summary>
    public static bool IsNumber(NodeProto node, int input) => (node.OpType, input) switch
    {
        ("Resize", 1 or 2) or ("Upsample", 1) or ("Dropout", 1) => false,
        _ => true,
    };

    /// <summary>Whether an output depends on its inputs' sizes only.</summary>
    public static bool ReadsShapeOnly(NodeProto node) => node.OpType is "Shape" or "Size";

    /// <summary>Type of a known node's output.</summary>
    public static OrtElementType TypeOf(NodeProto node, int output, Func<string, OrtElementType> typeOf)
    {
        switch (node.OpType)
        {
            case "Shape" or "Size" or "ArgMax" or "ArgMin" or "NonZero" or "NonMaxSuppression":
            case "TopK" or "MaxPool" when output == 1:
                return OrtElementType.Int64;
            case "Equal" or "Greater" or "GreaterOrEqual" or "Less" or "LessOrEqual" or "And" or "Or" or "Not" or "Xor":
            case "Dropout" when output == 1:
                return OrtElementType.Bool;
            case "Cast":
                return (OrtElementType)(Attribute(node, "to")?.I ?? 0);
            case "Constant" when Attribute(node, "value") is { T: TensorProto value }:
                return (OrtElementType)value.DataType;
            case "Constant":
                return Attribute(node, "value_int") is not null || Attribute(node, "value_ints") is not null ? OrtElementType.Int64
                    : Attribute(node, "value_float") is not null || Attribute(node, "value_floats") is not null ? OrtElementType.Float
                    : OrtElementType.String;
            case "ConstantOfShape":
                return Attribute(node, "value") is { T: TensorProto filling } ? (OrtElementType)filling.DataType : OrtElementType.Float;
            case "Where":
                return node.Input.Count > 1 ? typeOf(node.Input[1]) : OrtElementType.Undefined;
            default:
                return node.Input.Count > 0 ? typeOf(node.Input[0]) : OrtElementType.Undefined;
        }
    }

    /// <summary>An attribute of a node, or null.</summary>
    public static AttributeProto? Attribute(NodeProto node, string name) => node.Attribute.FirstOrDefault(attribute => attribute.Name == name);
}
