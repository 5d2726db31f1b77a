using System.Collections.Immutable;

namespace YoloZeroCopy.Tests;

/// <summary>Grids and limits; what the kernels themselves do is in <see cref="KernelGoldenTests"/>.</summary>
public sealed class LayerKernelsTests
{
    private static readonly LayerView View = new(4096, 128, 512, 20, 20);

    [Fact]
    public void A_thread_moves_one_vector_of_one_picture()
    {
        // 400 pixels of 16 vectors.
        Assert.Equal(new KernelGrid(25, 8, 1, 256), LayerKernels.Copy(View, View with { Address = 0 }, 8).Grid);
        Assert.Equal(new KernelGrid(25, 1, 1, 256), LayerKernels.Add(View, View, View, 1).Grid);
        LayerView doubled = new(0, 128, 384, 40, 40);
        Assert.Equal(new KernelGrid(25, 8, 1, 256), LayerKernels.Upsample(View, doubled, 8).Grid);

        // A tile of 20 by 20, and a block for each vector.
        Assert.Equal(new KernelGrid(1, 8, 16, 256), LayerKernels.MaxPoolChain(View, View, View, View, 8).Grid);
        LayerView large = new(0, 8, 8, 41, 60);
        Assert.Equal(new KernelGrid(9, 3, 1, 256), LayerKernels.MaxPoolChain(large, large, large, large, 3).Grid);
    }

    [Fact]
    public void A_grid_holds_as_many_pictures_as_its_second_dimension()
    {
        Assert.Equal(65_535, LayerKernels.Copy(View, View, 65_535).Grid.Y);
        Assert.Equal(65_535, LayerKernels.MaxPoolChain(View, View, View, View, 65_535).Grid.Y);
        Assert.Throws<ArgumentOutOfRangeException>(() => LayerKernels.Copy(View, View, 65_536));
        Assert.Throws<ArgumentOutOfRangeException>(() => LayerKernels.Copy(View, View, 0));

        // More vectors than 32 bits count.
        LayerView huge = new(0, 1 << 16, 1 << 16, 8192, 8192);
        Assert.Throws<ArgumentOutOfRangeException>(() => LayerKernels.Copy(huge, huge, 1));
    }

    [Fact]
    public void Views_that_no_vector_fits_are_refused()
    {
        foreach (LayerView wrong in (LayerView[])
        [
            View with { Address = 8 }, View with { Step = 132 }, View with { Channels = 520 }, View with { Channels = 0 },
            View with { Height = 0 }, View with { Height = 21 }, View with { Width = 10 }, View with { Channels = 64 },
        ])
        {
            _ = Assert.Throws<ArgumentException>(() => LayerKernels.Copy(View, wrong, 1));
            _ = Assert.Throws<ArgumentException>(() => LayerKernels.Upsample(View, wrong, 1));
            _ = Assert.Throws<ArgumentException>(() => LayerKernels.MaxPool(wrong, View, 5, 1));
            _ = Assert.Throws<ArgumentException>(() => LayerKernels.Add(View, wrong, View, 1));
        }

        _ = Assert.Throws<ArgumentOutOfRangeException>(() => LayerKernels.MaxPool(View, View, 4, 1));
        _ = Assert.Throws<ArgumentException>(() => LayerKernels.MaxPoolChain(View, View, View with { Step = 1024 }, View, 1));
    }

    [Fact]
    public void The_first_layer_takes_pictures_where_it_alone_reads_the_input_and_the_kernel_fits()
    {
        LayerTensor input = new(0, 0, 3);
        LayerTensor output = new(1, 16, 32);
        ConvolutionLayer first = new(input, output, (3, 3), (2, 2), (1, 1), 256, 8192, LayerActivation.Silu, null);
        MaxPoolLayer second = new(output, new LayerTensor(2, 0, 32), 5);
        Assert.Same(first, StemOf(first, second));
        LayerLaunch launch = LayerKernels.Stem(
            first, tensor => LayerView.Of(tensor, tensor.Buffer == 0 ? new LayerBuffer(4, 50, 131) : new LayerBuffer(64, 25, 66), 4096), 7, 1 << 20);

        // Tiles of 32 by 8 cells.
        Assert.Equal(("yzc_stem_f16", new KernelGrid(3, 4, 7, 288)), (launch.Kernel, launch.Grid));
        Assert.Equal(
            new LayerParameters
            {
                Output = 4096 + 32,
                Weights = (1 << 20) + 256,
                Bias = (1 << 20) + 8192,
                OutputStep = 8,
                Vectors = 4,
                Height = 50,
                Width = 131,
                OutputHeight = 25,
                OutputWidth = 66,
                Options = LayerOptions.Silu,
            },
            launch.Parameters);
        Layer[] others =
        [
            first with { Kernel = (6, 6), Padding = (2, 2) }, first with { Stride = (1, 1) }, first with { Stride = (2, 1) },
            first with { Padding = (0, 0) }, first with { Added = output }, first with { Output = output with { Channels = 24 } },
            first with { Input = output },
        ];
        Assert.All(others, other => Assert.Null(StemOf(other, second)));
        Assert.Null(StemOf(second, first));
        Assert.Null(StemOf(first, new CopyLayer(input, output)));

        static ConvolutionLayer? StemOf(params Layer[] layers)
        {
            using LayerNetwork network = new() { Buffers = [], Layers = [.. layers], Outputs = [], Weights = ModelBytes.Allocate(1) };
            return LayerKernels.StemOf(network);
        }
    }

    [Fact]
    public void Best_logits_take_the_place_of_layers_whose_scores_nobody_else_reads()
    {
        DetectionHead head = CudnnEngine.HalfHead(DetectionHeadTests.ForInput(64, 32, bins: 16, classCount: 83));
        List<Layer> layers = [];
        List<LayerTensor> outputs = [];
        foreach (HeadMap map in head.Maps)
        {
            LayerTensor output = new(10 + outputs.Count, 0, map.Channels);
            layers.Add(new ConvolutionLayer(
                new LayerTensor(outputs.Count, 8, 24), output, (1, 1), (1, 1), (0, 0), 256 * outputs.Count, 64, LayerActivation.None, null));
            outputs.Add(output);
        }

        ConvolutionLayer[] scores = [.. layers.OfType<ConvolutionLayer>().Where(static layer => layer.Output.Channels == 83)];
        Assert.Equal(head.Levels.Length, scores.Length);
        Assert.Equal(scores, BestLogitsOf(head, layers));
        LayerLaunch launch = LayerKernels.BestLogits(
            scores[1],
            tensor => LayerView.Of(tensor, new LayerBuffer(tensor.Channels == 83 ? 88 : 40, 20, 13), (ulong)tensor.Buffer << 12),
            7,
            1 << 20);

        // 260 cells.
        Assert.Equal(("yzc_best_logits_f16", new KernelGrid(5, 7, 1, 128)), (launch.Kernel, launch.Grid));
        Assert.Equal(
            new LayerParameters
            {
                Input = (3 << 12) + 16,
                Output = 13 << 12,
                Weights = (1 << 20) + (256 * 3),
                Bias = (1 << 20) + 64,
                InputStep = 5,
                OutputStep = 11,
                Vectors = 3,
                Height = 20,
                Width = 13,
                Classes = 83,
            },
            launch.Parameters);

        int last = layers.IndexOf(scores[^1]);
        Layer[] others =
        [
            scores[^1] with { Kernel = (3, 3), Padding = (1, 1) }, scores[^1] with { Stride = (2, 2) },
            scores[^1] with { Activation = LayerActivation.Silu },
            scores[^1] with { Added = scores[0].Input }, new CopyLayer(scores[^1].Input, scores[^1].Output),
        ];
        Assert.All(others, other => Assert.Empty(BestLogitsOf(head, [.. layers.Take(last), other, .. layers.Skip(last + 1)])));
        Assert.Empty(BestLogitsOf(head, [.. layers, new CopyLayer(scores[0].Output, new LayerTensor(30, 0, 83))]));
        Assert.Empty(BestLogitsOf(head with { Layout = OutputLayout.EndToEnd, Kept = 10 }, layers));

        ImmutableArray<ConvolutionLayer> BestLogitsOf(DetectionHead of, IEnumerable<Layer> all)
        {
            using LayerNetwork network = new() { Buffers = [], Layers = [.. all], Outputs = [.. outputs], Weights = ModelBytes.Allocate(1) };
            return LayerKernels.BestLogitsOf(network, of);
        }
    }

    [Fact]
    public void A_tensor_lies_where_its_channels_begin()
    {
        LayerView view = LayerView.Of(new LayerTensor(3, 64, 30), new LayerBuffer(128, 20, 10), 4096);
        Assert.Equal(new LayerView(4096 + 128, 30, 128, 20, 10), view);
        Assert.Equal((4, 16), (view.Vectors, view.StepVectors));
    }

    [Fact]
    public void Every_layer_but_a_convolution_has_its_kernel()
    {
        LayerTensor first = new(0, 0, 16);
        LayerTensor second = new(1, 8, 16);
        LayerView ViewOf(LayerTensor tensor) => LayerView.Of(tensor, new LayerBuffer(32, 4, 4), (ulong)tensor.Buffer * 4096);
        Assert.Equal("yzc_copy_f16", LayerKernels.Of(new CopyLayer(first, second), ViewOf, 1, 0).Kernel);
        Assert.Equal(LayerKernels.MaxPool(ViewOf(first), ViewOf(second), 7, 2), LayerKernels.Of(new MaxPoolLayer(first, second, 7), ViewOf, 2, 0));
        Assert.Equal(
            LayerKernels.Add(ViewOf(first), ViewOf(second), ViewOf(first), 2), LayerKernels.Of(new AddLayer(first, second, first), ViewOf, 2, 0));
        LayerView doubled = LayerView.Of(second, new LayerBuffer(32, 8, 8), 4096);
        Assert.Equal(
            LayerKernels.Upsample(ViewOf(first), doubled, 2),
            LayerKernels.Of(new UpsampleLayer(first, second), tensor => tensor == second ? doubled : ViewOf(tensor), 2, 0));
        ConvolutionLayer convolution = new(first, second, (1, 1), (1, 1), (0, 0), 0, 0, LayerActivation.None, null);
        Assert.Throws<ArgumentException>(() => LayerKernels.Of(convolution, ViewOf, 1, 0));
    }

    [Theory]
    [InlineData(3, 1, "yzc_depthwise_3x3_f16", 4)]
    [InlineData(5, 1, "yzc_depthwise_5x5_f16", 2)]
    [InlineData(7, 2, "yzc_depthwise_7x7_stride_2_f16", 2)]
    [InlineData(9, 1, "yzc_depthwise_f16", 1)]
    public void A_thread_of_a_depthwise_convolution_has_pixels_side_by_side(int side, int stride, string kernel, int pixels)
    {
        LayerTensor from = new(0, 0, 64);
        LayerTensor to = new(1, 64, 64);
        DepthwiseLayer layer = new(from, to, (side, side), (stride, stride), (side / 2, side / 2), 256, 4096, LayerActivation.Silu, from);
        Assert.True(LayerKernels.Has(layer));
        LayerView ViewOf(LayerTensor tensor) => new(tensor.Buffer == 0 ? 0UL : 1 << 20, 64, 128, 40, 42);
        LayerLaunch launch = LayerKernels.Of(layer, ViewOf, 3, 1 << 30);
        Assert.Equal(kernel, launch.Kernel);
        Assert.Equal(new KernelGrid(((40 * ((42 + pixels - 1) / pixels) * 8) + 255) / 256, 3, 1, 256), launch.Grid);
        Assert.Equal(((1UL << 30) + 256, (1UL << 30) + 4096), (launch.Parameters.Weights, launch.Parameters.Bias));
        Assert.Equal(LayerOptions.Silu | LayerOptions.Add, launch.Parameters.Options);
    }

    [Fact]
    public void Attention_has_a_block_for_64_cells_of_a_head()
    {
        LayerTensor T(int channels) => new(0, 0, channels);
        AttentionLayer Layer(int keys, int values, int heads, int areas = 1) => new(T(keys), T(keys), T(values), T(values), heads, areas, 0.5f);
        Assert.Equal(
            new KernelGrid(7, 8, 2, 128), LayerKernels.Of(Layer(64, 128, 2), tensor => new LayerView(0, tensor.Channels, 256, 20, 20), 8, 0).Grid);
        Assert.Equal(
            new KernelGrid(28, 8, 4, 128),
            LayerKernels.Of(Layer(128, 128, 4, 4), tensor => new LayerView(0, tensor.Channels, 256, 40, 40), 8, 0).Grid);
        Assert.True(LayerKernels.Has(Layer(64, 64, 1)));
        Assert.False(LayerKernels.Has(Layer(72, 64, 1)));
        Assert.False(LayerKernels.Has(Layer(24, 24, 2)));
        Assert.Throws<ArgumentException>(
            () => LayerKernels.Of(Layer(72, 64, 1), tensor => new LayerView(0, tensor.Channels, 256, 20, 20), 8, 0));
        Assert.Throws<ArgumentException>(
            () => LayerKernels.Of(Layer(64, 64, 1, 3), tensor => new LayerView(0, tensor.Channels, 256, 20, 20), 8, 0));
    }

    [Fact]
    public void A_chain_is_three_windows_of_five_each_over_the_one_before_in_one_buffer()
    {
        LayerTensor T(int place, int buffer = 0) => new(buffer, 64 * place, 64);
        MaxPoolLayer Pool(LayerTensor from, LayerTensor to, int window = 5) => new(from, to, window);
        ImmutableArray<Layer> layers = [new CopyLayer(T(0), T(0, 1)), Pool(T(0), T(1)), Pool(T(1), T(2)), Pool(T(2), T(3))];
        Assert.True(LayerKernels.IsMaxPoolChain(layers, 1));
        Assert.False(LayerKernels.IsMaxPoolChain(layers, 0));
        Assert.False(LayerKernels.IsMaxPoolChain(layers, 2));
        Assert.False(LayerKernels.IsMaxPoolChain(layers.SetItem(2, Pool(T(1), T(2), window: 3)), 1));
        Assert.False(LayerKernels.IsMaxPoolChain(layers.SetItem(3, Pool(T(1), T(3))), 1));
        Assert.False(LayerKernels.IsMaxPoolChain(layers.SetItem(3, Pool(T(2), T(3, 1))), 1));
    }
}
