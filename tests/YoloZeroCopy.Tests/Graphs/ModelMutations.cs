using System.Buffers.Binary;
using Google.Protobuf;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>Damages models: as a bad disk or transfer does, and as somebody does who means harm.</summary>
internal static class ModelMutations
{
    private static readonly long[] NastyNumbers =
    [
        0, 1, -1, 2, 3, 7, 8, 255, -8, 4096, 65535, 65536, 65537, int.MaxValue, int.MaxValue + 1L, int.MinValue, uint.MaxValue, long.MaxValue,
        long.MinValue, 1L << 40, -(1L << 40), 3037000500, 0x4000_0000,
    ];

    private static readonly string[] Operators =
    [
        "Conv", "Sigmoid", "Mul", "Add", "Concat", "Split", "Slice", "MaxPool", "AveragePool", "Resize", "Upsample", "BatchNormalization", "Identity",
        "Cast", "Constant", "Reshape", "Transpose", "MatMul", "Softmax", "Shape",
        "Gather", "If", "Loop", "Relu", "Unsqueeze", "Div", "Flatten", string.Empty,
    ];

    /// <summary>A model, damaged one to four times.</summary>
    public static byte[] Mutate(ReadOnlySpan<byte> model, Random random)
    {
        byte[] bytes = model.ToArray();
        for (int time = random.Next(1, 5); time > 0; time--)
        {
            bytes = random.Next(5) == 0 ? MutateBytes(bytes, random) : MutateGraph(bytes, random);
        }

        return bytes;
    }

    private static byte[] MutateBytes(byte[] bytes, Random random)
    {
        if (bytes.Length < 16)
        {
            return bytes;
        }

        int at = random.Next(bytes.Length - 10);
        int length = random.Next(1, Math.Min(bytes.Length - at, random.Next(2) == 0 ? 16 : 4096));
        switch (random.Next(6))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                random.NextBytes(bytes.AsSpan(at, Math.Min(8, length)));
                return bytes;
            case 2:
                return bytes[..at];
            case 3:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            case 4:
                return [.. bytes[..(at + length)], .. bytes[at..]];
            default:
                // A length that is far too large, as protobuf writes it: ten bytes of seven bits.
                byte[] huge = new byte[10];
                CodedOutputStream stream = new(huge);
                stream.WriteUInt64((ulong)Pick(NastyNumbers, random));
                huge.AsSpan(0, (int)stream.Position).CopyTo(bytes.AsSpan(at));
                return bytes;
        }
    }

    private static byte[] MutateGraph(byte[] bytes, Random random)
    {
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return MutateBytes(bytes, random);
        }

        if (model.Graph is not { Node.Count: > 0, Initializer.Count: > 0 } graph)
        {
            return MutateBytes(bytes, random);
        }

        string[] tensors =
            [.. graph.Node.SelectMany(static node => node.Output), .. graph.Initializer.Select(static tensor => tensor.Name), "images", string.Empty];
        NodeProto node = graph.Node[random.Next(graph.Node.Count)];
        TensorProto tensor = graph.Initializer[random.Next(graph.Initializer.Count)];
        switch (random.Next(24))
        {
            case 0 when node.Input.Count > 0:
                node.Input[random.Next(node.Input.Count)] = Pick(tensors, random);
                break;
            case 1 when node.Input.Count > 0 && node.Output.Count > 0:
                node.Input[random.Next(node.Input.Count)] = node.Output[0];
                break;
            case 2:
                node.Output.Add(random.Next(2) == 0 ? Pick(tensors, random) : "more");
                break;
            case 3:
                node.Input.Add(Pick(tensors, random));
                break;
            case 4 when node.Input.Count > 0:
                node.Input.RemoveAt(random.Next(node.Input.Count));
                break;
            case 5:
                _ = graph.Node.Remove(node);
                break;
            case 6:
                graph.Node.Insert(random.Next(graph.Node.Count), node.Clone());
                break;
            case 7:
                _ = graph.Node.Remove(node);
                graph.Node.Insert(random.Next(graph.Node.Count), node);
                break;
            case 8:
                node.OpType = Pick(Operators, random);
                break;
            case 9 when node.Attribute.Count > 0:
                AttributeProto attribute = node.Attribute[random.Next(node.Attribute.Count)];
                attribute.I = Pick(NastyNumbers, random);
                for (int i = 0; i < attribute.Ints.Count; i++)
                {
                    attribute.Ints[i] = random.Next(2) == 0 ? attribute.Ints[i] : Pick(NastyNumbers, random);
                }

                break;
            case 10 when node.Attribute.Count > 0:
                node.Attribute.RemoveAt(random.Next(node.Attribute.Count));
                break;
            case 11:
                string name = Pick(
                    ["axis", "pads", "strides", "dilations", "group", "auto_pad", "axes", "starts", "split", "perm", "to", "scales"], random);
                node.Attribute.Insert(0, new AttributeProto { Name = name, I = Pick(NastyNumbers, random) });
                node.Attribute[0].Ints.AddRange(Enumerable.Range(0, random.Next(5)).Select(_ => Pick(NastyNumbers, random)));
                break;
            case 12:
                node.Attribute.Add(new AttributeProto { Name = "body", G = Nested(random.Next(1, 120), tensors, random) });
                break;
            case 13 when tensor.Dims.Count > 0:
                tensor.Dims[random.Next(tensor.Dims.Count)] = Pick(NastyNumbers, random);
                break;
            case 14:
                tensor.Dims.Add(Pick(NastyNumbers, random));
                break;
            case 15:
                _ = graph.Initializer.Remove(tensor);
                break;
            case 16:
                tensor.DataType = random.Next(20);
                break;
            case 17:
                tensor.RawData = tensor.RawData.Length > 0 && random.Next(2) == 0 ? ByteString.CopyFrom(tensor.RawData.Span[1..]) : ByteString.Empty;
                break;
            case 18:
                tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "../../etc/passwd" });
                break;
            case 19:
                tensor.Name = Pick(tensors, random);
                break;
            case 20 when graph.Input.Count > 0 && graph.Input[0].Type?.TensorType?.Shape?.Dim.Count > 0:
                TypeProto.Types.Tensor type = graph.Input[0].Type.TensorType;
                type.Shape.Dim[random.Next(type.Shape.Dim.Count)].DimValue = Pick(NastyNumbers, random);
                break;
            case 21 when tensor.DataType == (int)OrtElementType.Int64 && tensor.RawData.Length >= sizeof(long):
                byte[] numbers = tensor.RawData.ToByteArray();
                BinaryPrimitives.WriteInt64LittleEndian(
                    numbers.AsSpan(random.Next(numbers.Length / sizeof(long)) * sizeof(long)), Pick(NastyNumbers, random));
                tensor.RawData = ByteString.CopyFrom(numbers);
                break;
            case 22 when node.Output.Count > 0:
                Grow(graph, node.Output[0], Pick(["Concat", "Add", "Identity", "Resize", "Split"], random), random.Next(1, 40));
                break;
            case 23:
                node.Domain = "hostile";
                break;
            default:
                graph.Output.Clear();
                break;
        }

        return model.ToByteArray();
    }

    // Each doubles the one before, between a node's result and those that read it.
    private static void Grow(GraphProto graph, string tensor, string type, int times)
    {
        int place = graph.Node.IndexOf(graph.Node.First(node => node.Output.Contains(tensor)));
        NodeProto first = graph.Node[place];
        string from = $"grown{graph.Node.Count}_";
        first.Output[first.Output.IndexOf(tensor)] = $"{from}0";
        for (int i = 0; i < times; i++)
        {
            string output = i + 1 == times ? tensor : $"{from}{i + 1}";
            NodeProto node = new() { OpType = type, Name = $"grow{i}", Input = { $"{from}{i}" }, Output = { output } };
            node.Attribute.Add(new AttributeProto { Name = "axis", I = 1 });
            if (type is "Concat" or "Add")
            {
                node.Input.Add($"{from}{i}");
            }

            graph.Node.Insert(place + 1 + i, node);
        }
    }

    private static GraphProto Nested(int depth, string[] tensors, Random random)
    {
        GraphProto graph = new();
        graph.Node.Add(new NodeProto { OpType = "If", Name = "deep", Input = { Pick(tensors, random) }, Output = { "body" } });
        if (depth > 1)
        {
            graph.Node[0].Attribute.Add(new AttributeProto { Name = "then_branch", G = Nested(depth - 1, tensors, random) });
        }

        return graph;
    }

    private static T Pick<T>(T[] values, Random random) => values[random.Next(values.Length)];
}
