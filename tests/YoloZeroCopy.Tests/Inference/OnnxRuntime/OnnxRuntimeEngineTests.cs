namespace YoloZeroCopy.Tests;

public sealed class OnnxRuntimeEngineTests : IDisposable
{
    // The model means over up to 18,432 values in single precision.
    private const float Tolerance = 1e-5f;

    private static readonly OnnxRuntimeOptions OneThread = new() { Threads = 1 };

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(OutputLayout.ChannelsFirst)]
    [InlineData(OutputLayout.AnchorsFirst)]
    [InlineData(OutputLayout.EndToEnd)]
    public void Opens_a_dynamic_export_of_each_layout_and_runs_batches(OutputLayout layout)
    {
        FakeDetector detector = new() { Layout = layout, Width = 96, Height = 64 };
        string path = OnnxModelBuilder.Detector(detector).Save(folder.Path);
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, OneThread);

        ModelInfo model = engine.Model;
        Assert.Equal(layout, model.Layout);
        Assert.Equal(["part0", "part1", "part2"], model.Names.AsEnumerable());
        Assert.Equal((96, 64), (model.InputWidth, model.InputHeight));
        Assert.Equal(0, model.FixedBatch);
        Assert.Equal(32, model.Stride);
        Assert.Equal(detector.Shape, model.OutputShape);
        Assert.Equal("images float[-1,3,-1,-1]", model.Inputs.Single().ToString());
        Assert.Equal("detect", model.Metadata["task"]);
        Assert.StartsWith("ONNX Runtime 1.", engine.Description, StringComparison.Ordinal);

        foreach (int batch in (int[])[1, 4])
        {
            CheckBatch(engine, detector, batch);
        }
    }

    [Fact]
    public void Opens_a_static_export_and_refuses_another_batch()
    {
        FakeDetector detector = new() { Dynamic = false, Batch = 2 };
        string path = OnnxModelBuilder.Detector(detector).Save(folder.Path);
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, OneThread);
        Assert.Equal(2, engine.Model.FixedBatch);
        Assert.Equal((64, 64), (engine.Model.InputWidth, engine.Model.InputHeight));
        CheckBatch(engine, detector, 2);
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(1, 64, 64, 0));
        Assert.Contains("batches of 2 only", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Runs_float16_input_and_output()
    {
        FakeDetector detector = new() { Type = OnnxType.Float16 };
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(OnnxModelBuilder.Detector(detector).Save(folder.Path), OneThread);
        Assert.Equal((TensorElementType.Float16, TensorElementType.Float16), (engine.Model.InputType, engine.Model.OutputType));
        using AlignedBuffer<Half> input = new(3 * 64 * 64);
        using AlignedBuffer<Half> output = new(detector.Shape.Rows * detector.Shape.Columns);
        input.Span.Fill((Half)1);
        using EngineContext context = engine.CreateContext(1, input.Address, output.Address, 0);
        context.Enqueue();
        float[] wanted = Wanted(detector, 1);
        for (int i = 0; i < wanted.Length; i++)
        {
            // Half has 11 bits: 2^-11 relative, and values go to 64.
            Assert.Equal(wanted[i], (float)output.Span[i], 0.032f);
        }
    }

    [Fact]
    public void A_context_is_bound_and_not_run_before_it_is_asked_to()
    {
        FakeDetector detector = new();
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(OnnxModelBuilder.Detector(detector).Save(folder.Path), OneThread);
        using AlignedBuffer<float> input = new(3 * 64 * 64);
        using AlignedBuffer<float> output = new(detector.Shape.Rows * detector.Shape.Columns);
        output.Span.Fill(-7);
        using EngineContext context = engine.CreateContext(1, input.Address, output.Address, 0);
        Assert.Equal(-1, output.Span.IndexOfAnyExcept(-7));
        context.Enqueue();
        AssertClose(Wanted(detector, 0), output.Span);
    }

    [Fact]
    public void What_a_run_takes_is_planned_for_a_model_that_tells_its_shapes_as_well()
    {
        // A model of unknown output shape is run on opening anyway, and so hides whether the plan comes of a run.
        FakeDetector detector = new();
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(OnnxModelBuilder.Detector(detector).Save(folder.Path), OneThread);
        long planned = engine.Plan([1], streams: 1)[1].Bytes;
        using AlignedBuffer<float> input = new(3 * 64 * 64);
        using AlignedBuffer<float> output = new(detector.Shape.Rows * detector.Shape.Columns);
        using EngineContext context = engine.CreateContext(1, input.Address, output.Address, 0);
        context.Enqueue();
        Assert.Equal(engine.Plan([1], streams: 1)[1].Bytes, planned);
        Assert.True(planned > 0);
    }

    [Fact]
    public void Runs_uint8_input()
    {
        FakeDetector detector = new() { Type = OnnxType.UInt8, Sensitivity = 0.001f };
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(OnnxModelBuilder.Detector(detector).Save(folder.Path), OneThread);
        Assert.Equal((TensorElementType.UInt8, TensorElementType.Float32), (engine.Model.InputType, engine.Model.OutputType));
        using AlignedBuffer<byte> input = new(3 * 64 * 64);
        using AlignedBuffer<float> output = new(detector.Shape.Rows * detector.Shape.Columns);
        input.Span.Fill(100);
        using EngineContext context = engine.CreateContext(1, input.Address, output.Address, 0);
        context.Enqueue();
        AssertClose(Wanted(detector, 100), output.Span);
    }

    [Theory]
    [InlineData("batch", "height", "width")]
    [InlineData(null, null, null)]
    [InlineData("n", "size", "size")]
    [InlineData("any", "any", "any")]
    public void Learns_the_anchors_of_a_dynamic_network_at_the_size_asked(string? batch, string? height, string? width)
    {
        string path = OnnxModelBuilder.Network(classes: 2, batch, height, width).Save(folder.Path);
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, OneThread with { Sizes = InputSizes.Of((128, 128)) });
        Assert.Equal(OutputLayout.ChannelsFirst, engine.Model.Layout);
        Assert.Equal((6, 256 + 64 + 16), engine.Model.OutputShape);
        Assert.Equal(["class0", "class1"], engine.Model.Names.AsEnumerable());
        using AlignedBuffer<float> input = new(3 * 3 * 128 * 128);
        using AlignedBuffer<float> output = new(3 * 6 * 336);
        using EngineContext context = engine.CreateContext(3, input.Address, output.Address, 0);
        input.Span.Fill(0.5f);
        context.Enqueue();
        Assert.True(output.Span[0] > 0);
        Assert.Equal(output.Span[0], output.Span[2 * 6 * 336]);
    }

    [Fact]
    public void Takes_640_when_nothing_says_the_size()
    {
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(OnnxModelBuilder.Network(classes: 1).Save(folder.Path), new OnnxRuntimeOptions());
        Assert.Equal((640, 640), (engine.Model.InputWidth, engine.Model.InputHeight));
        Assert.Equal((5, 8400), engine.Model.OutputShape);
    }

    [Fact]
    public void Takes_the_metadata_size_as_height_then_width()
    {
        string path = OnnxModelBuilder.Network(classes: 1).Metadata("imgsz", "[64, 96]").Save(folder.Path);
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, OneThread);
        Assert.Equal((96, 64), (engine.Model.InputWidth, engine.Model.InputHeight));
    }

    [Fact]
    public void Names_nothing_when_finished_detections_come_without_metadata()
    {
        string path = OnnxModelBuilder.Detector(new FakeDetector { Layout = OutputLayout.EndToEnd, WithMetadata = false }).Save(folder.Path);
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, OneThread with { Sizes = InputSizes.Of((64, 64)) });
        Assert.Equal(OutputLayout.EndToEnd, engine.Model.Layout);
        Assert.Empty(engine.Model.Names);
    }

    [Fact]
    public void Opens_a_path_that_is_not_ascii()
    {
        string path = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path, "Förderband 検査.onnx");
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, OneThread);
        Assert.Equal(path, engine.Model.Path);
    }

    [Fact]
    public void Ignores_other_outputs()
    {
        FakeDetector detector = new();
        string path = OnnxModelBuilder.Detector(detector).Node("Identity", ["mean4"], ["feature"]).Output(
            "feature", OnnxType.Float, "batch", 1, 1, 1).Save(folder.Path);
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, OneThread);
        Assert.Equal(2, engine.Model.Outputs.Length);
        CheckBatch(engine, detector, 2);
    }

    [Fact]
    public void Enqueue_allocates_no_managed_memory()
    {
        FakeDetector detector = new();
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(OnnxModelBuilder.Detector(detector).Save(folder.Path), OneThread);
        using AlignedBuffer<float> input = new(3 * 64 * 64);
        using AlignedBuffer<float> output = new(detector.Shape.Rows * detector.Shape.Columns);
        using EngineContext context = engine.CreateContext(1, input.Address, output.Address, 0);
        context.Enqueue();
        Assert.Equal(0, AllocationSlices.LeastHere(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                context.Enqueue();
            }
        }));
    }

    [Fact]
    public void A_context_outlives_its_engine()
    {
        FakeDetector detector = new();
        OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(OnnxModelBuilder.Detector(detector).Save(folder.Path), OneThread);
        using AlignedBuffer<float> input = new(3 * 64 * 64);
        using AlignedBuffer<float> output = new(detector.Shape.Rows * detector.Shape.Columns);
        EngineContext context = engine.CreateContext(1, input.Address, output.Address, 0);
        engine.Dispose();
        engine.Dispose();
        input.Span.Fill(1);
        context.Enqueue();
        AssertClose(Wanted(detector, 1), output.Span);
        Assert.Throws<ObjectDisposedException>(() => engine.CreateContext(1, input.Address, output.Address, 0));
        context.Dispose();
        context.Dispose();
        Assert.Throws<ObjectDisposedException>(() => context.Enqueue());
    }

    [Fact]
    public async Task Contexts_of_one_engine_run_on_two_threads_at_once()
    {
        FakeDetector detector = new();
        using OnnxRuntimeEngine engine =
            OnnxRuntimeEngine.Open(OnnxModelBuilder.Detector(detector).Save(folder.Path), new OnnxRuntimeOptions { Threads = 2 });
        await Task.WhenAll(Run(0.25f), Run(0.75f));

        Task Run(float value) => Task.Run(() =>
        {
            using AlignedBuffer<float> input = new(3 * 64 * 64);
            using AlignedBuffer<float> output = new(detector.Shape.Rows * detector.Shape.Columns);
            using EngineContext context = engine.CreateContext(1, input.Address, output.Address, 0);
            input.Span.Fill(value);
            for (int i = 0; i < 100; i++)
            {
                output.Span.Clear();
                context.Enqueue();
                AssertClose(Wanted(detector, value), output.Span);
            }
        });
    }

    [Fact]
    public void Refuses_addresses_and_batches_that_cannot_be()
    {
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path), OneThread);
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(0, 64, 64, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(int.MaxValue, 64, 64, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(1, 0, 64, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(1, 64, 0, 0));
    }

    [Fact]
    public void A_run_that_fails_gives_the_runtimes_own_words()
    {
        // The second output takes the second picture of the batch, so a batch of one fails; and it is run although nothing is bound to it.
        string path = OnnxModelBuilder.Detector(new FakeDetector()).Constant("index", [1]).Node("Gather", ["mean", "index"], ["second"], ("axis", 0L))
            .Output("second", OnnxType.Float, 1, 1, 1).Save(folder.Path);
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(path, OneThread);
        using AlignedBuffer<float> input = new(2 * 3 * 64 * 64);
        using AlignedBuffer<float> output = new(2 * 7 * 84);
        engine.CreateContext(2, input.Address, output.Address, 0).Dispose();
        using EngineContext one = engine.CreateContext(1, input.Address, output.Address, 0);
        InferenceException error = Assert.Throws<InferenceException>(one.Enqueue);
        Assert.Contains("ONNX Runtime: ", error.Message, StringComparison.Ordinal);
        Assert.Contains("Gather", error.Message, StringComparison.Ordinal);
    }

    private static void CheckBatch(OnnxRuntimeEngine engine, FakeDetector detector, int batch)
    {
        int picture = 3 * detector.Width * detector.Height;
        int result = detector.Shape.Rows * detector.Shape.Columns;
        using AlignedBuffer<float> input = new(batch * picture);
        using AlignedBuffer<float> output = new(batch * result);
        using EngineContext context = engine.CreateContext(batch, input.Address, output.Address, 0);
        for (int i = 0; i < batch; i++)
        {
            input.Span.Slice(i * picture, picture).Fill(0.2f * i);
        }

        context.Enqueue();
        for (int i = 0; i < batch; i++)
        {
            AssertClose(Wanted(detector, 0.2f * i), output.Span.Slice(i * result, result));
        }
    }

    private static float[] Wanted(FakeDetector detector, float mean) =>
        [.. detector.Output().Zip(detector.Raise(), (value, raise) => value + (raise * mean))];

    private static void AssertClose(float[] wanted, ReadOnlySpan<float> actual)
    {
        Assert.Equal(wanted.Length, actual.Length);
        for (int i = 0; i < wanted.Length; i++)
        {
            if (MathF.Abs(wanted[i] - actual[i]) > Tolerance)
            {
                Assert.Fail($"At {i}: {actual[i]} is not {wanted[i]}.");
            }
        }
    }
}
