using System.Runtime.InteropServices;
using Google.Protobuf;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>Builds networks of random weights, lowers them, and runs them in ONNX Runtime and as layers.</summary>
/// <remarks>Every method that adds an operator gives the name of its result. Weights are numbers that half precision has.</remarks>
internal sealed class LayerModel
{
    private readonly Random random;
    private int names;

    public LayerModel(int width, int height, long opset = 17, int seed = 1, OrtElementType type = OrtElementType.Float)
    {
        (Width, Height, Type) = (width, height, type);
        random = new Random(seed);
        Proto.IrVersion = 8;
        Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = string.Empty, Version = opset });
        Proto.Graph = new GraphProto { Name = "graph" };
        Proto.Graph.Input.Add(Declare("images", type, 1, 3, height, width));
    }

    public ModelProto Proto { get; } = new();

    public int Width { get; }

    public int Height { get; }

    public OrtElementType Type { get; }

    public static ValueInfoProto Declare(string name, OrtElementType type, params long[] shape)
    {
        TypeProto.Types.Tensor tensor = new() { ElemType = (int)type };
        if (shape.Length > 0)
        {
            tensor.Shape = new TensorShapeProto();
            tensor.Shape.Dim.AddRange(shape.Select(static size => new TensorShapeProto.Types.Dimension { DimValue = size }));
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }

    public static AttributeProto Integers(string name, params long[] values) =>
        new() { Name = name, Ints = { values }, Type = AttributeProto.Types.AttributeType.Ints };

    public static AttributeProto Integer(string name, long value) => new() { Name = name, I = value, Type = AttributeProto.Types.AttributeType.Int };

    public static AttributeProto Number(string name, float value) =>
        new() { Name = name, F = value, Type = AttributeProto.Types.AttributeType.Float };

    public static AttributeProto Text(string name, string value) =>
        new() { Name = name, S = ByteString.CopyFromUtf8(value), Type = AttributeProto.Types.AttributeType.String };

    /// <summary>Adds a node with one result.</summary>
    public string Node(string type, string[] inputs, params AttributeProto[] attributes) => Nodes(type, inputs, 1, attributes)[0];

    /// <summary>Adds a node with several results.</summary>
    public string[] Nodes(string type, string[] inputs, int outputs, params AttributeProto[] attributes)
    {
        NodeProto node = new() { OpType = type, Name = $"{type}{++names}" };
        node.Input.AddRange(inputs);
        node.Output.AddRange(Enumerable.Range(0, outputs).Select(index => $"{node.Name}_{index}"));
        node.Attribute.AddRange(attributes);
        Proto.Graph.Node.Add(node);
        return [.. node.Output];
    }

    public string Convolution(
        string input, int inputs, int outputs, int kernel = 1, int stride = 1, long[]? pads = null, bool bias = true, int groups = 1)
    {
        long pad = kernel / 2;
        List<string> from = [input, Random([outputs, inputs / groups, kernel, kernel], 4 / MathF.Sqrt(inputs / groups * kernel * kernel))];
        if (bias)
        {
            from.Add(Random([outputs], 1));
        }

        return Node(
            "Conv", [.. from], Integers("kernel_shape", kernel, kernel), Integers("strides", stride, stride),
            Integers("pads", pads ?? [pad, pad, pad, pad]), Integer("group", groups));
    }

    public string Silu(string input, bool swapped = false)
    {
        string sigmoid = Node("Sigmoid", [input]);
        return Node("Mul", swapped ? [sigmoid, input] : [input, sigmoid]);
    }

    /// <summary>Convolution and activation.</summary>
    public string Block(string input, int inputs, int outputs, int kernel = 1, int stride = 1) =>
        Silu(Convolution(input, inputs, outputs, kernel, stride));

    public string Concatenation(params string[] parts) => Node("Concat", parts, Integer("axis", 1));

    public string[] Split(string input, params long[] sizes) => Nodes("Split", [input, Constant(sizes)], sizes.Length, Integer("axis", 1));

    public string Slice(string input, long start, long end, long axis = 1) =>
        Node("Slice", [input, Constant(start), Constant(end), Constant(axis), Constant(1)]);

    public string MaxPool(string input, int kernel) => Node(
        "MaxPool", [input], Integers("kernel_shape", kernel, kernel), Integers("strides", 1, 1),
        Integers("pads", kernel / 2, kernel / 2, kernel / 2, kernel / 2));

    public string Reshape(string input, params long[] shape) => Node("Reshape", [input, Constant(shape)]);

    public string Transpose(string input, params long[] order) => Node("Transpose", [input], Integers("perm", order));

    /// <summary>Attention as exports write it; the inputs are <c>[pictures, heads, channels, cells]</c>.</summary>
    public string Attention(string query, string key, string value, float scale, bool weightsFirst = false)
    {
        string products = Node("MatMul", [Transpose(query, 0, 1, 3, 2), key]);
        string weights = Node("Softmax", [Node("Mul", [products, Floats([], scale)])], Integer("axis", -1));
        return weightsFirst ? Transpose(Node("MatMul", [weights, Transpose(value, 0, 1, 3, 2)]), 0, 1, 3, 2)
            : Node("MatMul", [value, Transpose(weights, 0, 1, 3, 2)]);
    }

    public string Upsample(string input, string coordinates = "asymmetric", string nearest = "floor") => Node(
        "Resize", [input, Floats([0]), Floats([4], 1, 1, 2, 2)], Text("mode", "nearest"), Text("coordinate_transformation_mode", coordinates),
        Text("nearest_mode", nearest));

    public string Constant(params long[] values)
    {
        TensorProto tensor = new()
        {
            Name = $"numbers{++names}",
            Dims = { values.Length },
            DataType = (int)OrtElementType.Int64,
            RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<long>(values)),
        };
        Proto.Graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    /// <summary>Adds a constant of single precision.</summary>
    public string Floats(long[] shape, params float[] values)
    {
        TensorProto tensor = new()
        {
            Name = $"numbers{++names}",
            Dims = { shape },
            DataType = (int)OrtElementType.Float,
            RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)),
        };
        Proto.Graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    /// <summary>Adds random weights of the model's type.</summary>
    public string Random(long[] shape, float spread, float mean = 0)
    {
        float[] values = new float[shape.Aggregate(1L, static (product, size) => product * size)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)(Half)(mean + ((random.NextSingle() - 0.5f) * spread));
        }

        string name = Floats(shape, values);
        if (Type == OrtElementType.Float16)
        {
            TensorProto tensor = Proto.Graph.Initializer[^1];
            tensor.DataType = (int)Type;
            tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<Half>(Array.ConvertAll(values, static value => (Half)value)));
        }

        return name;
    }

    /// <summary>Makes tensors the model's outputs.</summary>
    public LayerModel Output(params string[] tensors)
    {
        Proto.Graph.Output.AddRange(tensors.Select(name => Declare(name, Type)));
        return this;
    }

    /// <summary>The model as layers.</summary>
    public LayerNetwork? TryLower(out string? reason) => TryLower(Proto, (Width, Height), out reason);

    /// <summary>A model as layers that give its outputs.</summary>
    public static LayerNetwork? TryLower(ModelProto proto, (int Width, int Height) size, out string? reason)
    {
        using OnnxModel model = OnnxModel.Read(ModelSource.InMemory(proto.ToByteArray(), "test"));
        return OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out reason)
            ? LayerLowering.TryLower(model, graph, proto.Graph.Input[0].Name, size, proto.Graph.Output.Select(static value => value.Name), out reason)
            : null;
    }

    /// <summary>Lowers the model, runs it both ways, and gives the network and the largest difference of the maps.</summary>
    public (LayerNetwork Network, float Difference) Compare()
    {
        float[] picture = [.. Enumerable.Range(0, 3 * Width * Height).Select(_ => (float)(Half)random.NextSingle())];
        return Compare(Proto, (Width, Height), picture);
    }

    /// <summary>Lowers a model, runs it both ways, and gives the network and the largest difference of the maps.</summary>
    public static (LayerNetwork Network, float Difference) Compare(ModelProto proto, (int Width, int Height) size, float[] picture)
    {
        LayerNetwork? network = TryLower(proto, size, out string? reason);
        Assert.Null(reason);
        float[][] given = LayerInterpreter.Run(network!, picture, rounds: false);
        float[][] wanted = RunInOnnxRuntime(proto, network!, size, picture);
        float difference = 0;
        foreach ((float[] one, float[] other) in given.Zip(wanted))
        {
            Assert.Equal(other.Length, one.Length);
            difference = MathF.Max(difference, one.Zip(other, static (a, b) => MathF.Abs(a - b)).Max());
            Assert.False(float.IsNaN(difference), "A map has a value that is no number.");
            Assert.True(other.Max() - other.Min() > 1e-3f, "A map that is everywhere the same compares nothing.");
        }

        return (network!, difference);
    }

    /// <summary>The outputs of a model, in shapes that a network of it has.</summary>
    public static unsafe float[][] RunInOnnxRuntime(ModelProto proto, LayerNetwork network, (int Width, int Height) size, float[] picture)
    {
        OnnxRuntimeLibrary library = OnnxRuntimeLibrary.Load();
        using OrtHandle options = OnnxRuntimeSession.CreateOptions(library, "test", OrtGraphOptimizationLevel.EnableBasic, threads: 1);
        using OrtHandle session = OnnxRuntimeSession.Open(library, ModelSource.InMemory(proto.ToByteArray(), "test"), options);
        using OnnxRuntimeBinding binding = OnnxRuntimeBinding.OnCpu(library, session);
        bool isHalf = proto.Graph.Input[0].Type.TensorType.ElemType == (int)OrtElementType.Float16;
        TensorElementType type = isHalf ? TensorElementType.Float16 : TensorElementType.Float32;

        // A model for a fixed number of pictures gets the picture that often; the first one's maps are given.
        long pictures = Math.Clamp(proto.Graph.Input[0].Type.TensorType.Shape.Dim[0].DimValue, 1, 16);
        picture = [.. Enumerable.Repeat(picture, (int)pictures).SelectMany(static values => values)];
        byte[] input = isHalf ? MemoryMarshal.AsBytes<Half>(Array.ConvertAll(picture, static value => (Half)value)).ToArray()
            : MemoryMarshal.AsBytes<float>(picture).ToArray();
        long[][] shapes = [.. network.Outputs.Select(
            tensor => new[] { pictures, tensor.Channels, network.Buffers[tensor.Buffer].Height, network.Buffers[tensor.Buffer].Width })];
        byte[][] outputs = [.. shapes.Select(shape => GC.AllocateArray<byte>((int)OnnxRuntimeBinding.ByteCount(type, shape), pinned: true))];
        fixed (byte* from = input)
        {
            binding.BindInput(proto.Graph.Input[0].Name, type, [pictures, 3, size.Height, size.Width], (nint)from);
            for (int i = 0; i < outputs.Length; i++)
            {
                binding.BindOutput(proto.Graph.Output[i].Name, type, shapes[i], Marshal.UnsafeAddrOfPinnedArrayElement(outputs[i], 0));
            }

            binding.Run();
        }

        return [.. outputs.Select(bytes => bytes[..(int)(bytes.Length / pictures)]).Select(bytes => isHalf
            ? Array.ConvertAll(MemoryMarshal.Cast<byte, Half>(bytes).ToArray(), static value => (float)value)
            : MemoryMarshal.Cast<byte, float>(bytes).ToArray())];
    }
}
