using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Reads attributes of nodes.</summary>
internal static class OnnxNode
{
    public static AttributeProto? Find(this NodeProto node, string attribute) => node.Attribute.FirstOrDefault(one => one.Name == attribute);

    public static long Integer(this NodeProto node, string attribute, long otherwise) =>
        node.Find(attribute) is { HasI: true } found ? found.I : otherwise;

    public static float Number(this NodeProto node, string attribute, float otherwise) =>
        node.Find(attribute) is { HasF: true } found ? found.F : otherwise;

    public static string Text(this NodeProto node, string attribute, string otherwise) =>
        node.Find(attribute) is { HasS: true } found ? found.S.ToStringUtf8() : otherwise;

    /// <summary>A list of integers, or null where it is absent.</summary>
    public static long[]? Integers(this NodeProto node, string attribute) => node.Find(attribute) is { } found ? [.. found.Ints] : null;

    /// <summary>The tensor at a place of the inputs; empty where the node has none there.</summary>
    public static string InputAt(this NodeProto node, int index) => index < node.Input.Count ? node.Input[index] : string.Empty;
}
