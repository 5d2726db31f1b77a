using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Builds tiny ONNX models in memory. Field numbers are those of onnx.proto.</summary>
/// <example>
/// <c>new OnnxModelBuilder().Input("x", OnnxType.Float, "batch", 3).Node("Identity", ["x"], ["y"]).Output("y", OnnxType.Float, "batch",
/// 3).Build()</c>
/// </example>
public sealed class OnnxModelBuilder
{
    private readonly ProtobufWriter graph = new ProtobufWriter().Text(2, "graph");
    private readonly List<(string Key, string Value)> metadata = [];

    /// <summary>Version of the default operator set; 12 still has axes as attributes.</summary>
    public long Opset { get; set; } = 12;

    /// <summary>Adds a graph input. A dimension is a number, a name (symbolic), or null (free without a name).</summary>
    public OnnxModelBuilder Input(string name, OnnxType type, params object?[] dimensions)
    {
        graph.Message(11, value => ValueInfo(value, name, type, dimensions));
        return this;
    }

    /// <summary>Adds a graph output; dimensions as for <see cref="Input"/>.</summary>
    public OnnxModelBuilder Output(string name, OnnxType type, params object?[] dimensions)
    {
        graph.Message(12, value => ValueInfo(value, name, type, dimensions));
        return this;
    }

    /// <summary>Adds a constant of floats.</summary>
    public OnnxModelBuilder Constant(string name, float[] values, params long[] dimensions) =>
        Constant(name, OnnxType.Float, MemoryMarshal.AsBytes<float>(values), dimensions);

    /// <summary>Adds a constant of 64-bit integers, as shapes and axes are.</summary>
    public OnnxModelBuilder Constant(string name, long[] values) =>
        Constant(name, OnnxType.Int64, MemoryMarshal.AsBytes<long>(values), values.Length);

    /// <summary>Adds a constant whose data lies in another file.</summary>
    public OnnxModelBuilder ExternalConstant(string name, string location, params long[] dimensions)
    {
        graph.Message(5, tensor =>
        {
            Tensor(tensor, name, OnnxType.Float, dimensions);
            tensor.Message(13, entry => entry.Text(1, "location").Text(2, location)).Integer(14, 1);
        });
        return this;
    }

    /// <summary>Adds a node. An attribute is a long, a float, a string, or an array of long.</summary>
    public OnnxModelBuilder Node(string operation, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes)
    {
        graph.Message(1, node =>
        {
            foreach (string input in inputs)
            {
                node.Text(1, input);
            }

            foreach (string output in outputs)
            {
                node.Text(2, output);
            }

            node.Text(3, $"{operation}_{outputs[0]}").Text(4, operation);
            foreach ((string name, object value) in attributes)
            {
                node.Message(5, attribute => Attribute(attribute.Text(1, name), value));
            }
        });
        return this;
    }

    /// <summary>Adds a metadata entry.</summary>
    public OnnxModelBuilder Metadata(string key, string value)
    {
        metadata.Add((key, value));
        return this;
    }

    /// <summary>The graph alone, as a branch of another model holds it.</summary>
    public byte[] BuildGraph() => graph.ToArray();

    /// <summary>The model as the bytes of an ONNX file.</summary>
    public byte[] Build()
    {
        ProtobufWriter model = new ProtobufWriter().Integer(1, 7).Text(2, "yolozerocopy-tests").Bytes(7, graph.ToArray())
            .Message(8, opset => opset.Text(1, string.Empty).Integer(2, Opset));
        foreach ((string key, string value) in metadata)
        {
            model.Message(14, entry => entry.Text(1, key).Text(2, value));
        }

        return model.ToArray();
    }

    /// <summary>Writes the model to a file and returns its path.</summary>
    public string Save(string directory, string name = "model.onnx")
    {
        string path = Path.Combine(directory, name);
        File.WriteAllBytes(path, Build());
        return path;
    }

    /// <summary>
    /// Starts a working fake detector: for each picture the output is <see cref="FakeDetector.Output"/>, and the score of every object in it is
    /// raised by <see cref="FakeDetector.Sensitivity"/> times the mean of the picture's input values (0 to 1), so that the pictures of a batch
    /// differ.
    /// </summary>
    public static OnnxModelBuilder Detector(FakeDetector detector)
    {
        OnnxType type = detector.Type;
        object? batch = detector.Batch == 0 ? "batch" : detector.Batch;
        (object? height, object? width) = detector.Dynamic ? ((object?)"height", (object?)"width") : (detector.Height, detector.Width);
        (int rows, int columns) = detector.Shape;
        OnnxModelBuilder builder = new OnnxModelBuilder().Input("images", type, batch, 3, height, width)
            .Constant("objects", detector.Output(), 1, rows, columns)
            .Constant("raise", detector.Raise(), 1, rows, columns)
            .Node("Cast", ["images"], ["picture"], ("to", (long)OnnxType.Float))
            .Node("ReduceMean", ["picture"], ["mean4"], ("axes", new long[] { 1, 2, 3 }), ("keepdims", 1L))
            .Node("Squeeze", ["mean4"], ["mean"], ("axes", new long[] { 3 }))
            .Node("Mul", ["mean", "raise"], ["raised"])
            .Node("Add", ["objects", "raised"], ["result"]);
        OnnxType outputType = type == OnnxType.Float16 ? OnnxType.Float16 : OnnxType.Float;
        builder.Node("Cast", ["result"], ["output0"], ("to", (long)outputType)).Output("output0", outputType, batch, rows, columns);
        return detector.WithMetadata ? detector.AddMetadata(builder) : builder;
    }

    /// <summary>
    /// Starts a small real network with dynamic anchors: means over 8, 16 and 32 pixel cells, mixed by a 1x1 convolution into 4 + classes rows. Names
    /// of free dimensions may be null, so that the runtime cannot know the output's shape before it runs.
    /// </summary>
    public static OnnxModelBuilder Network(int classes, string? batch = "batch", string? height = "height", string? width = "width")
    {
        int rows = 4 + classes;
        Random random = new(7);
        float[] weights = [.. Enumerable.Range(0, rows * 3).Select(_ => random.NextSingle())];
        OnnxModelBuilder builder = new OnnxModelBuilder().Input("images", OnnxType.Float, batch, 3, height, width)
            .Constant("weights", weights, rows, 3, 1, 1)
            .Constant("flat", [0, rows, -1]);
        foreach (long stride in (long[])[8, 16, 32])
        {
            builder.Node(
                "AveragePool", ["images"], [$"pool{stride}"], ("kernel_shape", new[] { stride, stride }), ("strides", new[] { stride, stride }))
                .Node("Conv", [$"pool{stride}", "weights"], [$"conv{stride}"])
                .Node("Reshape", [$"conv{stride}", "flat"], [$"flat{stride}"]);
        }

        return builder.Node("Concat", ["flat8", "flat16", "flat32"], ["output0"], ("axis", 2L)).Output(
            "output0", OnnxType.Float, batch, rows, "anchors");
    }

    private OnnxModelBuilder Constant(string name, OnnxType type, ReadOnlySpan<byte> raw, params long[] dimensions)
    {
        byte[] data = raw.ToArray();
        graph.Message(5, tensor =>
        {
            Tensor(tensor, name, type, dimensions);
            tensor.Bytes(9, data);
        });
        return this;
    }

    private static void Tensor(ProtobufWriter tensor, string name, OnnxType type, long[] dimensions)
    {
        foreach (long dimension in dimensions)
        {
            tensor.Integer(1, dimension);
        }

        tensor.Integer(2, (int)type).Text(8, name);
    }

    private static void ValueInfo(ProtobufWriter value, string name, OnnxType type, object?[] dimensions) =>
        value.Text(1, name).Message(2, any => any.Message(1, tensor => tensor.Integer(1, (int)type).Message(2, shape =>
        {
            foreach (object? dimension in dimensions)
            {
                shape.Message(1, one =>
                {
                    if (dimension is string symbol)
                    {
                        one.Text(2, symbol);
                    }
                    else if (dimension is not null)
                    {
                        one.Integer(1, Convert.ToInt64(dimension, System.Globalization.CultureInfo.InvariantCulture));
                    }
                });
            }
        })));

    private static void Attribute(ProtobufWriter attribute, object value)
    {
        switch (value)
        {
            case long integer:
                attribute.Integer(3, integer).Integer(20, 2);
                break;
            case float single:
                attribute.Single(2, single).Integer(20, 1);
                break;
            case string text:
                attribute.Text(4, text).Integer(20, 3);
                break;
            case long[] integers:
                foreach (long one in integers)
                {
                    attribute.Integer(8, one);
                }

                attribute.Integer(20, 7);
                break;
            default:
                throw new ArgumentException($"No attribute of type {value.GetType()}.", nameof(value));
        }
    }
}
