using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Google.Protobuf;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>Models as layers.</summary>
public sealed class LayerLoweringTests
{
    private const float Tolerance = 2e-4f;

    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");
    private static readonly string Picture = Path.Combine(AppContext.BaseDirectory, "pictures", "0.jpg");

    [Theory]
    [InlineData(640, 640)]
    [InlineData(320, 96)]
    public void The_sample_model_is_convolutions_and_little_else(int width, int height)
    {
        using LayerNetwork network = Lower(Sample, width, height);
        Assert.Equal(63, network.Layers.OfType<ConvolutionLayer>().Count());
        Assert.Equal(3, network.Layers.OfType<MaxPoolLayer>().Count());
        Assert.Equal(2, network.Layers.OfType<UpsampleLayer>().Count());

        // No copy and no sum is left: concatenations are filled in place, sums are part of convolutions.
        Assert.Equal(68, network.Layers.Length);
        Assert.Equal(6, network.Layers.OfType<ConvolutionLayer>().Count(static layer => layer.Added is not null));
        Assert.Equal(57, network.Layers.OfType<ConvolutionLayer>().Count(static layer => layer.Activation == LayerActivation.Silu));
        Assert.Equal(new LayerBuffer(4, height, width), network.Buffers[0]);
        Assert.Equal([8, 8, 8, 64, 64, 64], network.Outputs.Select(static output => output.Channels).Order());
        CheckPlaces(network);
    }

    [Fact]
    public void Weights_are_halves_and_lie_the_same_each_time()
    {
        using LayerNetwork network = Lower(Sample, 640, 640);
        using LayerNetwork again = Lower(Sample, 640, 640);
        Assert.Equal(SHA256.HashData(network.Weights.Span), SHA256.HashData(again.Weights.Span));
        Assert.Equal(network.Layers, again.Layers);
        Assert.Equal(network.Buffers, again.Buffers);
        Assert.Equal(network.Outputs, again.Outputs);

        // Half of what the model file has in weights, and some for the fourth channel of the input and for places on 256 bytes.
        long weights = network.Layers.OfType<ConvolutionLayer>().Sum(layer => (long)sizeof(ushort) * layer.Output.Channels
            * (1 + (layer.Kernel.Height * layer.Kernel.Width * (layer.Input.Buffer == 0 ? 4 : layer.Input.Channels))));
        Assert.InRange(network.Weights.Span.Length, weights, weights + (63 * 2 * 256));
    }

    [Theory]
    [InlineData(320, 320)]
    [InlineData(416, 160)]
    public void Layers_give_the_maps_that_ONNX_Runtime_gives(int width, int height)
    {
        using OnnxModel model = OnnxModel.Read(Sample);
        Assert.True(OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out _));
        using ModelBytes cut = HeadCut.TryCut(graph, "output0", out _)!.Network(model);
        ModelProto proto = ModelProto.Parser.ParseFrom(cut.Span);
        foreach (TensorProto tensor in proto.Graph.Initializer)
        {
            float[] values = Array.ConvertAll(OnnxTensorData.Floats(tensor)!, static value => (float)(Half)value);
            tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values));
        }

        byte[] pixels = PictureFile.Read(Picture, out FrameFormat format);
        CpuPreprocessor preprocessor = new(width, height, TensorElementType.Float32);
        float[] picture = new float[3 * width * height];
        preprocessor.Run(pixels, format, MemoryMarshal.AsBytes(picture.AsSpan()));
        (LayerNetwork network, float difference) = LayerModel.Compare(proto, (width, height), picture);
        network.Dispose();
        TestContext.Current.SendDiagnosticMessage($"{width}x{height}: largest difference {difference}");
        Assert.InRange(difference, 0, 1e-3f);
    }

    [Fact]
    public void A_block_of_two_paths_needs_no_copy()
    {
        LayerModel model = new(64, 48);
        string enter = model.Block(model.Block("images", 3, 16, 3, 2), 16, 32);
        string[] halves = model.Split(enter, 16, 16);
        string first = model.Node("Add", [halves[1], model.Block(model.Block(halves[1], 16, 16, 3), 16, 16, 3)]);
        string second = model.Node("Add", [model.Block(model.Block(first, 16, 16, 3), 16, 16, 3), first]);
        string all = model.Concatenation(halves[0], halves[1], first, second);
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(all, 64, 8)));
        Assert.All(network.Layers, static layer => Assert.IsType<ConvolutionLayer>(layer));
    }

    [Fact]
    public void Chained_pools_write_into_their_concatenation()
    {
        LayerModel model = new(96, 64);
        string enter = model.Block(model.Block("images", 3, 16, 3, 2), 16, 16);
        string[] pools = [enter, model.MaxPool(enter, 5), string.Empty, string.Empty];
        pools[2] = model.MaxPool(pools[1], 5);
        pools[3] = model.MaxPool(pools[2], 13);
        using LayerNetwork network = AssertSame(model.Output(model.Block(model.Concatenation(pools), 64, 24)));
        Assert.DoesNotContain(network.Layers, static layer => layer is CopyLayer);
    }

    [Fact]
    public void Nested_concatenations_and_slices_of_them_are_views()
    {
        LayerModel model = new(64, 64);
        string[] parts = [.. Enumerable.Range(0, 3).Select(_ => model.Block("images", 3, 16, 3, 4))];
        string inner = model.Concatenation(parts[0], parts[1]);
        string outer = model.Concatenation(inner, parts[2]);
        string across = model.Slice(outer, 8, 40);
        string end = model.Slice(outer, -16, long.MaxValue);
        using LayerNetwork network = AssertSame(model.Output(
            model.Convolution(inner, 32, 8), model.Convolution(outer, 48, 8), model.Convolution(across, 32, 8), model.Convolution(end, 16, 8)));
        Assert.All(network.Layers, static layer => Assert.IsType<ConvolutionLayer>(layer));
    }

    [Fact]
    public void A_tensor_of_two_concatenations_is_copied_once_into_the_smaller()
    {
        LayerModel model = new(64, 64);
        string shared = model.Block("images", 3, 16, 3, 4);
        string large = model.Concatenation(shared, model.Block("images", 3, 32, 3, 4));
        string small = model.Concatenation(model.Block("images", 3, 8, 3, 4), shared);
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(small, 24, 8), model.Convolution(large, 48, 8)));
        CopyLayer copy = Assert.Single(network.Layers.OfType<CopyLayer>());
        Assert.Equal((16, 8), (copy.Output.Channels, copy.Output.FirstChannel));
    }

    [Fact]
    public void Parts_in_another_order_and_twice_are_copied()
    {
        LayerModel model = new(64, 64);
        string[] halves = model.Split(model.Block("images", 3, 32, 3, 4), 8, 24);
        string turned = model.Concatenation(halves[1], halves[0]);
        string[] others = model.Split(model.Block("images", 3, 32, 3, 4), 8, 24);
        string twice = model.Concatenation(others[1], others[0], others[1]);
        string[] pools = model.Split(model.MaxPool(model.Block("images", 3, 24, 3, 4), 3), 8, 16);
        string pooled = model.Concatenation(pools[1], pools[0]);
        using LayerNetwork network = AssertSame(
            model.Output(model.Convolution(turned, 32, 8), model.Convolution(twice, 56, 8), model.Convolution(pooled, 24, 8)));

        // A convolution makes its channels in the order that is wanted; a part at an end lets all of its step lie there.
        Assert.Equal([32, 8], network.Layers.OfType<CopyLayer>().Select(static copy => copy.Input.Channels));
    }

    [Fact]
    public void Maps_that_others_read_have_buffers_of_their_own()
    {
        LayerModel model = new(64, 64);
        string map = model.Convolution("images", 3, 12, 3, 4);
        string other = model.Convolution(map, 12, 16);
        string both = model.Concatenation(other, map);
        using LayerNetwork network = AssertSame(model.Output(map, other, model.Convolution(both, 28, 5)));
        Assert.Equal([16, 16, 8], network.Outputs.Select(tensor => network.Buffers[tensor.Buffer].Channels));
        Assert.Equal(3, network.Outputs.Select(static tensor => tensor.Buffer).Distinct().Count());
    }

    [Fact]
    public void Sums_join_the_convolution_that_comes_last_where_one_is_free()
    {
        LayerModel model = new(64, 64);
        string stem = model.Block("images", 3, 16, 3, 4);
        string early = model.Block(stem, 16, 16, 3);
        string late = model.Block(stem, 16, 16, 3);
        string sum = model.Node("Add", [early, late]);
        string pooled = model.MaxPool(stem, 5);
        string moved = model.Node("Add", [model.Block(stem, 16, 16), model.MaxPool(pooled, 3)]);
        string free = model.Node("Add", [pooled, stem]);
        string same = model.Node("Add", [late, late]);
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(model.Concatenation(sum, moved, free, same), 64, 8)));
        Assert.Equal(2, network.Layers.OfType<AddLayer>().Count());
        Assert.Equal(2, network.Layers.OfType<ConvolutionLayer>().Count(static layer => layer.Added is not null));
    }

    [Fact]
    public void Nothing_joins_a_convolution_that_others_read_under_another_name()
    {
        LayerModel model = new(64, 64);
        string stem = model.Block("images", 3, 16, 3, 4);
        string[] halves = model.Split(model.Block(stem, 16, 16), 8, 8);
        string sum = model.Node("Add", [stem, model.Concatenation(halves[0], halves[1])]);
        string plain = model.Convolution(stem, 16, 16);
        string other = model.Node("Add", [stem, model.Slice(plain, 0, 16)]);
        string both = model.Concatenation(sum, halves[1], plain, other);
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(both, 56, 8)));
        Assert.Equal(2, network.Layers.OfType<AddLayer>().Count());

        LayerModel activated = new(64, 64);
        plain = activated.Convolution("images", 3, 16, 3, 4);
        both = activated.Concatenation(activated.Silu(activated.Slice(plain, 0, 16)), plain);
        Assert.Null(activated.Output(activated.Convolution(both, 32, 8)).TryLower(out string? reason));
        Assert.Contains("not its only use", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_may_come_through_identities_and_casts()
    {
        LayerModel model = new(64, 64);
        string stem = model.Block("images", 3, 16, 3, 4);
        string first = model.Convolution(stem, 16, 16, 3);
        NodeProto node = model.Proto.Graph.Node[^1];
        string shared = model.Node("Identity", [node.Input[1]]);
        string cast = model.Node("Cast", [model.Node("Cast", [node.Input[2]], LayerModel.Integer("to", 10))], LayerModel.Integer("to", 1));
        string second = model.Node("Conv", [first, shared, cast], LayerModel.Integers("pads", 1, 1, 1, 1));
        AssertSame(model.Output(second)).Dispose();
    }

    [Fact]
    public void Batch_normalizations_become_part_of_their_convolution()
    {
        LayerModel model = new(64, 64);
        string stem = Normalized("images", 3, bias: true);
        string next = Normalized(stem, 16, bias: false);
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(next, 16, 8)), 0.02f);
        Assert.Equal(3, network.Layers.Length);

        string Normalized(string input, int inputs, bool bias) => model.Silu(model.Node(
            "BatchNormalization",
            [model.Convolution(input, inputs, 16, 3, 2, bias: bias), model.Random([16], 1, 1), model.Random([16], 1), model.Random([16], 1),
                model.Random([16], 1, 2)],
            LayerModel.Number("epsilon", 1e-3f)));
    }

    [Theory]
    [InlineData(6, 2, "2 2 2 2")]
    [InlineData(3, 2, "0 1 2 1")]
    [InlineData(3, 3, "1 0 0 2")]
    [InlineData(1, 2, "0 0 0 0")]
    [InlineData(5, 1, "4 4 4 4")]
    public void Kernels_strides_and_pads_are_as_the_model_has_them(int kernel, int stride, string pads)
    {
        LayerModel model = new(61, 47);
        string first = model.Silu(model.Convolution("images", 3, 20, kernel, stride, [.. pads.Split(' ').Select(long.Parse)]), swapped: true);
        AssertSame(model.Output(model.Convolution(first, 20, 9, kernel, stride, [.. pads.Split(' ').Select(long.Parse)]))).Dispose();
    }

    [Theory]
    [InlineData("SAME_UPPER", 2)]
    [InlineData("SAME_LOWER", 2)]
    [InlineData("SAME_UPPER", 3)]
    [InlineData("VALID", 2)]
    public void Automatic_pads_are_reckoned(string mode, int stride)
    {
        LayerModel model = new(62, 47);
        string weights = model.Random([16, 3, 4, 4], 0.3f);
        AssertSame(model.Output(model.Node(
            "Conv", ["images", weights], LayerModel.Integers("strides", stride, stride), LayerModel.Text("auto_pad", mode)))).Dispose();
    }

    [Theory]
    [InlineData("asymmetric", "floor", true)]
    [InlineData("asymmetric", "round_prefer_floor", true)]
    [InlineData("half_pixel", "round_prefer_floor", true)]
    [InlineData("half_pixel", "round_prefer_ceil", true)]
    [InlineData("pytorch_half_pixel", "round_prefer_floor", true)]
    [InlineData("tf_half_pixel_for_nn", "floor", true)]
    [InlineData("asymmetric", "ceil", false)]
    [InlineData("asymmetric", "round_prefer_ceil", false)]
    [InlineData("half_pixel", "floor", false)]
    [InlineData("align_corners", "floor", false)]
    public void Upsampling_is_taken_where_it_repeats_cells(string coordinates, string nearest, bool isTaken)
    {
        LayerModel model = new(64, 32, opset: 11);
        string small = model.Block("images", 3, 16, 3, 4);
        _ = model.Output(model.Convolution(model.Upsample(small, coordinates, nearest), 16, 8, 3));
        if (isTaken)
        {
            AssertSame(model).Dispose();
            return;
        }

        Assert.Null(model.TryLower(out string? reason));
        Assert.Contains("does not repeat its cells", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Sizes_of_upsampling_may_be_sizes_or_stand_where_old_operator_sets_have_them()
    {
        LayerModel bySizes = new(64, 32);
        string small = bySizes.Block("images", 3, 16, 3, 4);
        string grown = bySizes.Node(
            "Resize", [small, string.Empty, string.Empty, bySizes.Constant(1, 16, 16, 32)],
            LayerModel.Text("coordinate_transformation_mode", "asymmetric"), LayerModel.Text("nearest_mode", "floor"));
        AssertSame(bySizes.Output(bySizes.Convolution(grown, 16, 8))).Dispose();

        LayerModel old = new(64, 32, opset: 10);
        grown = old.Node("Resize", [old.Block("images", 3, 16, 3, 4), old.Floats([4], 1, 1, 2, 2)], LayerModel.Text("mode", "nearest"));
        AssertSame(old.Output(old.Convolution(grown, 16, 8))).Dispose();

        LayerModel older = new(64, 32, opset: 9);
        grown = older.Node("Upsample", [older.Block("images", 3, 16, 3, 4), older.Floats([4], 1, 1, 2, 2)], LayerModel.Text("mode", "nearest"));
        AssertSame(older.Output(older.Convolution(grown, 16, 8))).Dispose();

        LayerModel oldest = new(64, 32, opset: 8);
        grown = oldest.Node(
            "Upsample", [oldest.Block("images", 3, 16, 3, 4)], LayerModel.Text("mode", "nearest"),
            new AttributeProto { Name = "scales", Floats = { 1, 1, 2, 2 }, Type = AttributeProto.Types.AttributeType.Floats });
        AssertSame(oldest.Output(oldest.Convolution(grown, 16, 8))).Dispose();
    }

    [Fact]
    public void Splits_are_taken_in_every_form()
    {
        LayerModel equal = new(64, 32, opset: 18);
        string[] parts = equal.Nodes(
            "Split", [equal.Block("images", 3, 40, 3, 4)], 3, LayerModel.Integer("axis", -3), LayerModel.Integer("num_outputs", 3));
        Assert.Null(equal.Output(equal.Convolution(parts[1], 14, 8)).TryLower(out string? reason));
        Assert.Contains("multiples of 8", reason, StringComparison.Ordinal);

        LayerModel old = new(64, 32, opset: 12);
        parts = old.Nodes("Split", [old.Block("images", 3, 40, 3, 4)], 2, LayerModel.Integer("axis", 1), LayerModel.Integers("split", 24, 16));
        AssertSame(old.Output(old.Convolution(parts[0], 24, 8), old.Convolution(parts[1], 16, 8))).Dispose();

        LayerModel halves = new(64, 32, opset: 12);
        parts = halves.Nodes("Split", [halves.Block("images", 3, 48, 3, 4)], 2, LayerModel.Integer("axis", 1));
        AssertSame(halves.Output(halves.Convolution(parts[1], 24, 8))).Dispose();

        LayerModel slices = new(64, 32, opset: 9);
        string from = slices.Block("images", 3, 48, 3, 4);
        string one = slices.Node(
            "Slice", [from], LayerModel.Integers("starts", 0, -24), LayerModel.Integers("ends", 8, 48), LayerModel.Integers("axes", 2, 1));
        AssertSame(slices.Output(slices.Convolution(one, 24, 8))).Dispose();
    }

    [Fact]
    public void Half_precision_and_casts_change_nothing()
    {
        LayerModel half = new(64, 32, type: OrtElementType.Float16);
        string stem = half.Block("images", 3, 16, 3, 2);
        string there = half.Node("Cast", [stem], LayerModel.Integer("to", (int)OrtElementType.Float));
        string back = half.Node("Cast", [half.Node("Identity", [there])], LayerModel.Integer("to", (int)OrtElementType.Float16));
        AssertSame(half.Output(half.Convolution(back, 16, 8, 3)), 0.01f).Dispose();
    }

    [Theory]
    [InlineData(3, 1)]
    [InlineData(3, 2)]
    [InlineData(7, 1)]
    public void Depthwise_convolutions_take_what_others_take(int kernel, int stride)
    {
        LayerModel model = new(64, 48);
        string stem = model.Block("images", 3, 20, 3, 2);
        string normalized = model.Silu(model.Node(
            "BatchNormalization",
            [model.Convolution(stem, 20, 20, kernel, stride, groups: 20), model.Random([20], 1, 1), model.Random([20], 1), model.Random([20], 1),
                model.Random([20], 1, 2)]));
        string sum = model.Node("Add", [normalized, model.Silu(model.Convolution(normalized, 20, 20, 3, groups: 20, bias: false))]);
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(sum, 20, 8)), 0.02f);
        Assert.Equal([false, true], network.Layers.OfType<DepthwiseLayer>().Select(static layer => layer.Added is not null));
        Assert.Equal(4, network.Layers.Length);
    }

    [Fact]
    public void Pools_that_move_take_the_largest_or_the_mean()
    {
        LayerModel model = new(64, 48);
        string stem = model.Block("images", 3, 32, 3, 2);
        string blurred = model.Node("AveragePool", [stem], LayerModel.Integers("kernel_shape", 2, 2), LayerModel.Integer("count_include_pad", 1));
        string[] halves = model.Split(blurred, 16, 16);
        string largest = model.Node(
            "MaxPool", [halves[1]], LayerModel.Integers("kernel_shape", 3, 3), LayerModel.Integers("strides", 2, 2),
            LayerModel.Integers("pads", 1, 1, 1, 1));
        string mean = model.Node(
            "AveragePool", [halves[0]], LayerModel.Integers("kernel_shape", 3, 3), LayerModel.Integers("strides", 2, 2),
            LayerModel.Integers("pads", 1, 1, 1, 1));
        string both = model.Concatenation(largest, mean);
        string even = model.Node("MaxPool", [both], LayerModel.Integers("kernel_shape", 2, 2), LayerModel.Integers("pads", 1, 1, 0, 0));
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(model.Concatenation(both, even), 64, 8)));
        Assert.Equal(4, network.Layers.OfType<PoolLayer>().Count());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Attention_of_interleaved_heads_is_one_layer_without_copies(bool weightsFirst)
    {
        // As YOLOv10 and YOLO11 write it: each head has its query, key and value side by side.
        LayerModel model = new(64, 48);
        string stem = model.Block("images", 3, 32, 3, 4);
        string rows = model.Reshape(model.Convolution(stem, 32, 64), 1, 2, 32, 192);
        string[] parts = model.Nodes("Split", [rows, model.Constant(8, 8, 16)], 3, LayerModel.Integer("axis", 2));
        string seen = model.Reshape(model.Attention(parts[0], parts[1], parts[2], 0.35f, weightsFirst), 1, 32, 12, 16);
        string place = model.Convolution(model.Reshape(parts[2], 1, 32, 12, 16), 32, 32, 3, groups: 32);
        string sum = model.Node("Add", [stem, model.Convolution(model.Node("Add", [seen, place]), 32, 32)]);
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(sum, 32, 8)));
        Assert.Equal(
            [typeof(ConvolutionLayer), typeof(ConvolutionLayer), typeof(AttentionLayer), typeof(DepthwiseLayer), typeof(ConvolutionLayer),
                typeof(ConvolutionLayer)],
            network.Layers.Select(static layer => layer.GetType()));
        AttentionLayer attention = network.Layers.OfType<AttentionLayer>().Single();
        Assert.Equal((2, 1, 0.35f), (attention.Heads, attention.Areas, attention.Scale));
        Assert.Equal([16, 16, 32], attention.Inputs.Select(static tensor => tensor.Channels));
        Assert.Single(attention.Inputs.Select(static tensor => tensor.Buffer).Distinct());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Attention_within_areas_is_one_layer_without_copies(int areas)
    {
        // As YOLO12 writes it: cells before channels, and areas are pictures.
        LayerModel model = new(64, 48);
        string stem = model.Block("images", 3, 32, 3, 4);
        string cells = model.Reshape(model.Reshape(model.Convolution(stem, 32, 96), 1, 96, -1), 0, 96, 192);
        string strips = model.Reshape(model.Transpose(cells, 0, 2, 1), areas, 192 / areas, 96);
        string rows = model.Transpose(model.Reshape(strips, areas, 192 / areas, 2, 48), 0, 2, 3, 1);
        string[] parts = model.Nodes("Split", [rows], 3, LayerModel.Integer("axis", 2));
        string seen = Picture(model.Attention(parts[0], parts[1], parts[2], 0.25f));
        string sum = model.Node("Add", [seen, model.Convolution(Picture(parts[2]), 32, 32, 7, groups: 32)]);
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(sum, 32, 8)));
        Assert.Equal(areas, network.Layers.OfType<AttentionLayer>().Single().Areas);
        Assert.DoesNotContain(network.Layers, static layer => layer is CopyLayer or AddLayer);

        string Picture(string part) =>
            model.Transpose(model.Reshape(model.Reshape(model.Transpose(part, 0, 3, 1, 2), 1, 192, 32), 1, 12, 16, 32), 0, 3, 1, 2);
    }

    [Fact]
    public void Half_a_split_that_joins_a_concatenation_is_made_where_it_joins()
    {
        LayerModel model = new(64, 48);
        string[] before = model.Split(model.Block("images", 3, 32, 3, 4), 16, 16);
        string front = model.Concatenation(before[0], model.Block(before[1], 16, 24, 3));
        string[] behind = model.Split(model.Block("images", 3, 32, 3, 4), 8, 24);
        string back = model.Concatenation(model.Block(behind[0], 8, 24, 3), behind[1]);
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(front, 40, 8), model.Convolution(back, 48, 8)));
        Assert.All(network.Layers, static layer => Assert.IsType<ConvolutionLayer>(layer));
    }

    [Fact]
    public void Shapes_that_are_reckoned_from_shapes_are_known()
    {
        LayerModel model = new(64, 48);
        string stem = model.Block("images", 3, 32, 3, 4);
        string shape = model.Node("Shape", [stem]);
        string[] sizes =
            [.. Enumerable.Range(0, 4).Select(axis => model.Node("Gather", [shape, model.Constant(axis)], LayerModel.Integer("axis", 0)))];
        string half = model.Node("Div", [sizes[1], model.Constant(2)]);
        string first = model.Node("Slice", [stem, model.Constant(0), half, model.Constant(1)]);
        string rows = model.Node("Mul", [sizes[2], sizes[3]]);
        string wanted = model.Node(
            "Concat", [sizes[0], model.Constant(2), model.Node("Sub", [half, model.Constant(8)]), rows], LayerModel.Integer("axis", 0));
        string back = model.Node("Concat", [sizes[0], half, sizes[2], model.Constant(-1)], LayerModel.Integer("axis", 0));
        string turned = model.Node("Reshape", [model.Node("Reshape", [first, wanted]), back]);
        string ends = model.Node("Slice", [shape, model.Constant(2), model.Constant(long.MaxValue), model.Constant(0)]);
        string doubled = model.Node("Mul", [model.Node("Cast", [ends], LayerModel.Integer("to", 1)), model.Floats([1], 2)]);
        string twice = model.Node("Cast", [doubled], LayerModel.Integer("to", 7));
        string grown = model.Node(
            "Resize", [turned, string.Empty, string.Empty, model.Node("Concat", [sizes[0], half, twice], LayerModel.Integer("axis", 0))],
            LayerModel.Text("coordinate_transformation_mode", "asymmetric"), LayerModel.Text("nearest_mode", "floor"));
        using LayerNetwork network = AssertSame(model.Output(model.Convolution(grown, 16, 8, 3)));
        Assert.Equal(3, network.Layers.Length);
    }

    [Theory]
    [InlineData("layers", "more than 4096 layers")]
    [InlineData("parts", "too many parts")]
    [InlineData("channels", "more than 65536 channels")]
    [InlineData("gigabyte", "more than a gigabyte")]
    [InlineData("weights", "not as many as declared")]
    public void Networks_beyond_all_measure_have_a_reason(string what, string reason)
    {
        LayerModel model = new(64, 64);
        string end = model.Block("images", 3, 16, 3);
        switch (what)
        {
            case "layers":
                for (int i = 0; i <= LayerLowering.MaxLayers; i++)
                {
                    end = model.MaxPool(end, 3);
                }

                break;
            case "parts":
                string[] halves = model.Split(model.MaxPool(end, 3), 8, 8);
                for (int i = 0; i < 20; i++)
                {
                    halves = [model.Concatenation(halves), model.Concatenation(halves[1], halves[0])];
                }

                end = halves[0];
                break;
            case "channels":
                for (int i = 0; i < 14; i++)
                {
                    end = model.Concatenation(end, end);
                    end = model.MaxPool(end, 3);
                }

                break;
            case "gigabyte":
                for (int i = 0; i < 9; i++)
                {
                    end = model.Upsample(end);
                }

                break;
            default:
                // Weights of a gigabyte, says the model.
                TensorProto weights = model.Proto.Graph.Initializer.Single(tensor => tensor.Name == model.Proto.Graph.Node[0].Input[1]);
                weights.Dims[0] = 65536;
                weights.Dims[2] = 51;
                weights.Dims[3] = 50;
                model.Proto.Graph.Node[0].Attribute.Clear();
                model.Proto.Graph.Node[0].Input.RemoveAt(2);
                break;
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(model.Output(end).TryLower(out string? given));
        Assert.Contains(reason, given, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    [Fact]
    public void Channels_of_a_sum_stay_in_the_order_of_what_is_added()
    {
        LayerModel model = new(64, 48);
        string stem = model.Block("images", 3, 24, 3, 4);
        string[] parts = model.Split(model.Node("Add", [stem, model.Block(stem, 24, 24, 3)]), 8, 16);
        AssertSame(model.Output(model.Convolution(model.Concatenation(parts[1], parts[0]), 24, 8))).Dispose();
    }

    [Fact]
    public void Random_networks_give_what_ONNX_Runtime_gives()
    {
        for (int seed = 0; seed < 150; seed++)
        {
            LayerModel model = RandomModel(new Random(seed));
            (LayerNetwork network, float difference) = model.Compare();
            using (network)
            {
                CheckPlaces(network);
                Assert.True(difference < 2e-3f, $"Seed {seed}: a map differs by {difference}.");
            }
        }
    }

    private static LayerModel RandomModel(Random random)
    {
        LayerModel model = new(48, 32, seed: random.Next());
        List<(string Name, int Channels, int Level)> tensors =
            [(model.Block("images", 3, 16, 3, 2), 16, 1), (model.Block("images", 3, 32, 3, 4), 32, 2)];
        for (int step = random.Next(4, 24); step > 0; step--)
        {
            // Mostly what was made lately, so that chains become long.
            (string from, int channels, int level) = tensors[random.Next(random.Next(tensors.Count), tensors.Count)];
            (string Name, int Channels, int Level)[] equal = [.. tensors.Where(tensor => tensor.Level == level)];
            int outputs = 8 * random.Next(1, 5);
            switch (random.Next(10))
            {
                case 0:
                    tensors.Add((model.Convolution(from, channels, outputs, 1 + (2 * random.Next(2))), outputs, level));
                    break;
                case 1 or 2:
                    tensors.Add((model.Silu(model.Convolution(from, channels, outputs, 3), random.Next(2) == 0), outputs, level));
                    break;
                case 3:
                    tensors.Add((model.Silu(model.Convolution(from, channels, channels, 3, groups: channels)), channels, level));
                    break;
                case 4 when channels > 8:
                    int first = 8 * random.Next(1, channels / 8);
                    string[] parts = model.Split(from, first, channels - first);
                    tensors.AddRange([(parts[0], first, level), (parts[1], channels - first, level)]);
                    break;
                case 5 or 6:
                    (string Name, int Channels, int Level)[] some =
                        [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => equal[random.Next(equal.Length)])];
                    string all = model.Concatenation([from, .. some.Select(static part => part.Name)]);
                    tensors.Add((all, channels + some.Sum(static part => part.Channels), level));
                    break;
                case 7 when equal.Where(tensor => tensor.Channels == channels).ToArray() is { Length: > 0 } like:
                    string[] summands = [from, like[random.Next(like.Length)].Name];
                    random.Shuffle(summands);
                    tensors.Add((model.Node("Add", summands), channels, level));
                    break;
                case 8:
                    tensors.Add((model.MaxPool(from, 3 + (2 * random.Next(2))), channels, level));
                    break;
                case 9 when level > 1:
                    tensors.Add((model.Upsample(from), channels, level - 1));
                    break;
                default:
                    int start = 8 * random.Next(channels / 8);
                    tensors.Add((model.Slice(from, start, start + 8), 8, level));
                    break;
            }
        }

        // Maps of what nobody read.
        HashSet<string> read = [.. model.Proto.Graph.Node.SelectMany(static node => node.Input)];
        return model.Output([.. tensors.Where(tensor => !read.Contains(tensor.Name)).ToArray()
            .Select(tensor => model.Convolution(tensor.Name, tensor.Channels, random.Next(1, 20)))]);
    }

    [Fact]
    public void Free_sizes_may_be_numbers_below_one()
    {
        LayerModel model = new(64, 32);
        _ = model.Output(model.Convolution("images", 3, 8, 3));
        model.Proto.Graph.Input[0] = LayerModel.Declare("images", OrtElementType.Float, -1, 3, 0, -1);
        using LayerNetwork? network = model.TryLower(out string? reason);
        Assert.Null(reason);
        Assert.Equal(new LayerBuffer(4, 32, 64), network!.Buffers[0]);
    }

    [Theory]
    [InlineData("relu", "operator Relu ('Relu")]
    [InlineData("group", "in 2 groups")]
    [InlineData("dilation", "dilations [2, 2]")]
    [InlineData("weights", "no constant as input 1")]
    [InlineData("external", "another file")]
    [InlineData("large", "too large for half precision")]
    [InlineData("short", "not as many as declared")]
    [InlineData("bias", "a bias of [8]")]
    [InlineData("axis", "something other than channels")]
    [InlineData("odd", "multiples of 8")]
    [InlineData("input", "part of a concatenation")]
    [InlineData("pool", "other than a convolution reads the model's input")]
    [InlineData("sizes", "different sizes")]
    [InlineData("activation", "not its only use")]
    [InlineData("shape", "not of shape [batch, 3, 64, 64]")]
    [InlineData("type", "not of single or half precision")]
    [InlineData("domain", "operator set 'other'")]
    [InlineData("kernel", "kernel [3, 3], strides [1, 1], dilations [1, 1] and pads [3, 3, 3, 3]")]
    public void What_no_layer_can_do_has_a_reason(string what, string reason)
    {
        LayerModel model = new(64, 64);
        string stem = model.Convolution("images", 3, 16, 3, 2);
        string end = what switch
        {
            "relu" => model.Node("Relu", [stem]),
            "group" => model.Node("Conv", [stem, model.Random([16, 8, 3, 3], 1)], LayerModel.Integer("group", 2)),
            "dilation" => model.Node("Conv", [stem, model.Random([16, 16, 3, 3], 1)], LayerModel.Integers("dilations", 2, 2)),
            "weights" => model.Node("Conv", [stem, stem]),
            "large" => model.Node("Conv", [stem, model.Random([16, 16, 1, 1], 1, 1e5f)]),
            "bias" => model.Node("Conv", [stem, model.Random([16, 16, 1, 1], 1), model.Random([8], 1)]),
            "axis" => model.Node("Concat", [stem, stem], LayerModel.Integer("axis", 2)),
            "odd" => model.Concatenation(model.Convolution(stem, 16, 12), stem),
            "input" => model.Concatenation("images", model.Convolution("images", 3, 8)),
            "pool" => model.MaxPool("images", 3),
            "sizes" => model.Concatenation(stem, model.Convolution(stem, 16, 16, 3, 2)),
            "activation" => model.Node("Add", [stem, model.Silu(stem)]),
            "kernel" => model.Convolution(stem, 16, 16, 3, 1, [3, 3, 3, 3]),
            _ => stem,
        };
        TensorProto weights = model.Proto.Graph.Initializer[0];
        switch (what)
        {
            case "external":
                weights.ClearRawData();
                weights.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "weights.bin" });
                break;
            case "short":
                weights.RawData = ByteString.CopyFrom(weights.RawData.Span[4..]);
                break;
            case "shape":
                model.Proto.Graph.Input[0] = LayerModel.Declare("images", OrtElementType.Float, 1, 3, 32, 64);
                break;
            case "type":
                model.Proto.Graph.Input[0].Type.TensorType.ElemType = (int)OrtElementType.UInt8;
                break;
            case "domain":
                model.Proto.Graph.Node[0].Domain = "other";
                break;
        }

        Assert.Null(model.Output(end).TryLower(out string? given));
        Assert.Contains(reason, given, StringComparison.Ordinal);
    }

    private static LayerNetwork AssertSame(LayerModel model, float tolerance = Tolerance)
    {
        (LayerNetwork network, float difference) = model.Compare();
        CheckPlaces(network);
        Assert.InRange(difference, 0, tolerance);
        return network;
    }

    internal static void CheckPlaces(LayerNetwork network)
    {
        foreach (LayerTensor tensor in network.Layers.SelectMany(static layer => layer.Inputs.Append(layer.Output)).Concat(network.Outputs))
        {
            LayerBuffer buffer = network.Buffers[tensor.Buffer];
            Assert.Equal(0, tensor.FirstChannel % LayerNetwork.ChannelMultiple);
            Assert.InRange(tensor.FirstChannel + tensor.Channels, 1, buffer.Channels);
        }
    }

    internal static LayerNetwork Lower(string path, int width, int height)
    {
        using OnnxModel model = OnnxModel.Read(path);
        Assert.True(OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out string? reason), reason);
        HeadCut? cut = HeadCut.TryCut(graph, "output0", out reason);
        Assert.Null(reason);
        LayerNetwork? network = LayerLowering.TryLower(model, graph, "images", (width, height), cut!.Maps.Select(static map => map.Name), out reason);
        Assert.Null(reason);
        return network!;
    }
}
