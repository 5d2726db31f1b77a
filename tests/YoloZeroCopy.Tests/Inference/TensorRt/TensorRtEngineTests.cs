using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>The engine over the double of TensorRT, which runs the plan's ONNX model on the processor: every call that a real engine gets, for both
/// majors.</summary>
public sealed unsafe class TensorRtEngineTests : IDisposable
{
    private const int Size = 64;
    private static readonly nint Stream = 1;

    private readonly ModelFolder folder = new();
    private readonly List<nint> memory = [];

    public static TheoryData<int> Majors => [10, 11];

    public void Dispose()
    {
        memory.ForEach(static block => NativeMemory.AlignedFree((void*)block));
        folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void Gives_what_the_onnx_model_gives_for_every_batch(int major)
    {
        NvinferDouble library = new(major);
        string model = OnnxModelBuilder.Network(3).Metadata("names", "{0: 'a', 1: 'b', 2: 'c'}").Metadata("stride", "32").Save(folder.Path);
        TensorRtHostDevice device = new();
        using (OnnxRuntimeEngine reference = OnnxRuntimeEngine.Open(model, new OnnxRuntimeOptions { Sizes = InputSizes.Of((Size, Size)) }))
        using (TensorRtEngine engine = Open(library, device, Plan(library, model, "--profile", Range(Size, 1, 4), "--metadata", Metadata())))
        {
            Assert.Equal((1, 4, 0), (engine.MinBatch, engine.MaxBatch, engine.Model.FixedBatch));
            Assert.Equal((reference.Model.Layout, reference.Model.OutputShape, Size, Size),
                (engine.Model.Layout, engine.Model.OutputShape, engine.Model.InputWidth, engine.Model.InputHeight));
            Assert.Equal(["bolt", "nut", "washer"], engine.Model.Names.AsEnumerable());
            Assert.Contains($" {major}.", engine.Description, StringComparison.Ordinal);
            Assert.Contains("profile 1 of 1 (64x64, batch 1 to 4)", engine.Description, StringComparison.Ordinal);
            foreach (int batch in (int[])[1, 3, 4])
            {
                CheckSame(Run(reference, batch, 0), Run(engine, batch, Stream));
            }
        }

        Assert.Equal((0, true), (device.Live, device.IsDisposed));
        library.CheckClean();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void An_engine_in_memory_gives_what_its_file_gives(int major)
    {
        NvinferDouble library = new(major);
        string plan = NetworkPlan(library, "--profile", Range(Size, 1, 4), "--metadata", Metadata());
        byte[] bytes = File.ReadAllBytes(plan);
        using (TensorRtEngine fromFile = Open(library, new TensorRtHostDevice(), plan))
        using (TensorRtEngine fromBytes = Open(library, new TensorRtHostDevice(), ModelSource.InMemory(bytes, "a resource")))
        {
            Assert.Equal("a resource", fromBytes.Model.Path);
            Assert.Equal(fromFile.Model.Names.AsEnumerable(), fromBytes.Model.Names.AsEnumerable());

            // The engine keeps nothing of them.
            bytes.AsSpan().Clear();
            CheckSame(Run(fromFile, 3, Stream), Run(fromBytes, 3, Stream));
        }

        library.CheckClean();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void Where_both_majors_are_installed_an_engine_runs_on_the_one_that_built_it(int major)
    {
        NvinferDouble library = new(major);
        string folderOfBoth = Path.GetDirectoryName(library.File)!;
        Assert.SkipUnless(TensorRtSearch.Majors.All(known => File.Exists(Path.Combine(folderOfBoth, $"libnvinfer.so.{known}"))),
            "The double is built for one major only.");
        TensorRtEngineOptions options = new()
        {
            Search = new TensorRtSearch
            {
                ShimPath = TensorRtAssets.Shims,
                LibraryPath = folderOfBoth,
                ApplicationDirectory = AppContext.BaseDirectory,
            },
        };
        using (TensorRtEngine engine = TensorRtEngine.Open(NetworkPlan(library, "--profile", Range(Size, 1, 1)), new TensorRtHostDevice(), options))
        {
            Assert.Contains($"TensorRT {major}.", engine.Description, StringComparison.Ordinal);
        }

        library.CheckClean();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void Finds_what_the_model_was_built_to_find(int major)
    {
        NvinferDouble library = new(major);
        FakeDetector detector = new() { Type = OnnxType.Float16, Layout = OutputLayout.EndToEnd, Batch = 2 };
        string model = OnnxModelBuilder.Detector(detector).Save(folder.Path);
        File.WriteAllText(folder.File("meta.json"), """{"end2end": true, "names": {"0": "a", "1": "b", "2": "c"}}""");
        using (TensorRtEngine engine = Open(
            library, new TensorRtHostDevice(),
            Plan(library, model, "--profile", "images=2x3x64x64:2x3x64x64:2x3x64x64", "--metadata", folder.File("meta.json"))))
        {
            Assert.Equal(
                (2, OutputLayout.EndToEnd, TensorElementType.Float16), (engine.Model.FixedBatch, engine.Model.Layout, engine.Model.InputType));
            Assert.Equal((2, 2), (engine.MinBatch, engine.MaxBatch));
            _ = Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(1, 256, 256, Stream));
        }

        library.CheckClean();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void Contexts_of_a_stream_share_the_memory_that_was_planned(int major)
    {
        NvinferDouble library = new(major);
        TensorRtHostDevice device = new();
        using (TensorRtEngine engine = Open(library, device, NetworkPlan(library, "--profile", Range(Size, 1, 8))))
        {
            MemoryPlanEntry[] plan = [.. engine.Plan([1, 4, 8], streams: 2)];
            Assert.All(plan, static entry => Assert.True(entry.Place == MemoryPlace.Device && entry.Bytes > 0, entry.Name));
            Assert.Empty(device.Allocated);
            List<EngineContext> contexts = [];
            foreach (int batch in (int[])[1, 4, 8])
            {
                contexts.Add(Create(engine, batch, Stream));
            }

            contexts.Add(Create(engine, 8, 2));
            Assert.Equal([plan[1].Bytes / 2, plan[1].Bytes / 2], device.Allocated);
            engine.Dispose();
            contexts[0].Enqueue();
            Assert.True(device.IsDisposed && device.Live == 2 && library.Live > 0);
            contexts.ForEach(static context => context.Dispose());
            contexts[0].Dispose();
            Assert.Equal(0, device.Live);
            _ = Assert.Throws<ObjectDisposedException>(() => engine.CreateContext(1, 256, 512, Stream));
        }

        library.CheckClean();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void A_run_allocates_no_managed_memory(int major)
    {
        NvinferDouble library = new(major);
        using (TensorRtEngine engine = Open(library, new TensorRtHostDevice(), NetworkPlan(library, "--profile", Range(Size, 1, 1))))
        using (EngineContext context = Create(engine, 1, Stream))
        {
            Assert.True(context.CanCapture);
            Assert.Null(context.GraphFallbackReason);
            context.Enqueue();
            Assert.Equal(0, AllocationSlices.LeastHere(() =>
            {
                for (int run = 0; run < 20; run++)
                {
                    context.Enqueue();
                }
            }));
        }

        library.CheckClean();
    }

    [Theory]
    [InlineData(10, 32, 32, 32, 1)]
    [InlineData(11, 33, 32, 64, 2)]
    [InlineData(11, 65, 65, 128, 3)]
    public void Of_several_profiles_the_smallest_that_fits_runs(int major, int width, int height, int wanted, int number)
    {
        NvinferDouble library = new(major);
        string model = OnnxModelBuilder.Network(3).Save(folder.Path);
        string plan = Plan(library, model, "--profile", Range(32, 1, 2), "--profile", Range(64, 1, 4), "--profile", Range(128, 1, 2));
        TensorRtHostDevice device = new();
        using (OnnxRuntimeEngine reference = OnnxRuntimeEngine.Open(model, new OnnxRuntimeOptions { Sizes = InputSizes.Of((wanted, wanted)) }))
        using (TensorRtEngine engine = Open(library, device, plan, (width, height)))
        {
            // The execution that was made to ask is gone again; a change of profile that it queued must have ended before.
            Assert.Equal(number == 1 ? 0 : 1, device.Waits);
            Assert.Equal((wanted, wanted), (engine.Model.InputWidth, engine.Model.InputHeight));
            Assert.Contains($"profile {number} of 3 ({wanted}x{wanted}", engine.Description, StringComparison.Ordinal);
            Assert.Contains("idle profiles", engine.Description, StringComparison.Ordinal);
            CheckSame(Run(reference, 2, 0), Run(engine, 2, Stream));
        }

        ModelException error = Assert.Throws<ModelException>(() => Open(library, new TensorRtHostDevice(), plan, (256, 256)));
        Assert.Contains("256x256", error.Message, StringComparison.Ordinal);
        library.CheckClean();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void Outputs_that_nobody_reads_have_a_place(int major)
    {
        NvinferDouble library = new(major);
        string model =
            OnnxModelBuilder.Network(3).Node("Relu", ["output0"], ["other"]).Output("other", OnnxType.Float, "batch", 7, "anchors").Save(folder.Path);
        using (OnnxRuntimeEngine reference = OnnxRuntimeEngine.Open(model, new OnnxRuntimeOptions { Sizes = InputSizes.Of((Size, Size)) }))
        using (TensorRtEngine engine = Open(library, new TensorRtHostDevice(), Plan(library, model, "--profile", Range(Size, 1, 2))))
        {
            Assert.Equal(2, engine.Model.Outputs.Length);
            CheckSame(Run(reference, 2, 0), Run(engine, 2, Stream));
        }

        library.CheckClean();
    }

    [Theory]
    [InlineData(10, "deserializeCudaEngine")]
    [InlineData(10, "createExecutionContext")]
    [InlineData(11, "deserializeCudaEngine")]
    [InlineData(11, "createExecutionContext")]
    [InlineData(11, "setInputShape")]
    [InlineData(11, "setOptimizationProfileAsync")]
    [InlineData(11, "getTensorShape")]
    [InlineData(11, "getProfileShape")]
    [InlineData(11, "getIOTensorName")]
    public void A_call_that_fails_as_it_opens_is_an_error_of_the_model(int major, string call)
    {
        NvinferDouble library = new(major);
        string plan = NetworkPlan(library, "--profile", Range(32, 1, 4), "--profile", Range(64, 1, 4));
        library.FailAt(call, 1);
        TensorRtHostDevice device = new();
        ModelException error = Assert.Throws<ModelException>(() => Open(library, device, plan, (64, 64)));
        Assert.Contains(plan, error.Message, StringComparison.Ordinal);
        Assert.True(device.IsDisposed);
        library.CheckClean();
        using (Open(library, new TensorRtHostDevice(), plan, (64, 64)))
        {
            // What failed once works the next time.
        }

        library.CheckClean();
    }

    [Theory]
    [InlineData(10, "enqueueV3")]
    [InlineData(10, "updateDeviceMemorySizeForShapes")]
    [InlineData(11, "enqueueV3")]
    [InlineData(11, "createExecutionContext")]
    [InlineData(11, "setInputShape")]
    [InlineData(11, "updateDeviceMemorySizeForShapes")]
    [InlineData(11, "setDeviceMemoryV2")]
    [InlineData(11, "setTensorAddress")]
    public void A_call_that_fails_in_a_context_leaves_nothing_behind(int major, string call)
    {
        NvinferDouble library = new(major);
        TensorRtHostDevice device = new();
        using (TensorRtEngine engine = Open(library, device, NetworkPlan(library, "--profile", Range(Size, 1, 4))))
        {
            (nint input, nint output) = Tensors(engine, 2);
            library.FailAt(call, 1);
            int waits = device.Waits;
            InferenceException error = Assert.Throws<InferenceException>(() => engine.CreateContext(2, input, output, Stream));

            // What was queued must have ended before its memory goes; what failed before there was a context queued nothing.
            Assert.Equal(call is "createExecutionContext" or "setInputShape" ? 0 : 1, device.Waits - waits);
            Assert.Contains("TensorRT", error.Message, StringComparison.Ordinal);
            Assert.Equal(0, device.Live);
            using EngineContext context = engine.CreateContext(2, input, output, Stream);
            library.FailAt("enqueueV3", 1);
            _ = Assert.Throws<InferenceException>(context.Enqueue);
            context.Enqueue();
        }

        library.CheckClean();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void Too_little_memory_and_wrong_tensors_are_told(int major)
    {
        NvinferDouble library = new(major);
        TensorRtHostDevice device = new();
        using (TensorRtEngine engine = Open(library, device, NetworkPlan(library, "--profile", Range(Size, 1, 4))))
        {
            (nint input, nint output) = Tensors(engine, 4);
            device.IsFull = true;
            _ = Assert.Throws<InsufficientMemoryException>(() => engine.CreateContext(4, input, output, Stream));
            device.IsFull = false;
            _ = Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(5, input, output, Stream));
            _ = Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(0, input, output, Stream));
            _ = Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(1, 0, output, Stream));
            InferenceException error = Assert.Throws<InferenceException>(() => engine.CreateContext(1, input + 16, output, Stream));
            Assert.Contains("256", error.Message, StringComparison.Ordinal);
            Assert.Equal(0, device.Live);
        }

        library.CheckClean();
    }

    [Theory]
    [InlineData(10, "another version of TensorRT", "--version", "10.0.0.1")]
    [InlineData(11, "another version of TensorRT", "--version", "10.16.0.72")]
    [InlineData(11, "does not run on this GPU", "--arch", "75")]
    public void A_plan_of_another_version_or_gpu_says_so(int major, string reason, string option, string value)
    {
        NvinferDouble library = new(major);
        string plan = NetworkPlan(library, "--profile", Range(Size, 1, 4), option, value);
        ModelException error = Assert.Throws<ModelException>(() => Open(library, new TensorRtHostDevice(), plan));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("yzc build", error.Message, StringComparison.Ordinal);
        library.CheckClean();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void A_damaged_plan_is_refused_wherever_it_is_cut(int major)
    {
        NvinferDouble library = new(major);
        byte[] whole = File.ReadAllBytes(NetworkPlan(library, "--profile", Range(Size, 1, 4)));
        string path = folder.File("cut.engine");
        foreach (int length in (int[])[1, 4, 28, 63, 64, 200, whole.Length / 2, whole.Length - 1])
        {
            File.WriteAllBytes(path, whole[..length]);
            ModelException error = Assert.Throws<ModelException>(() => Open(library, new TensorRtHostDevice(), path));
            Assert.Contains("damaged", error.Message, StringComparison.Ordinal);
        }

        library.CheckClean();
    }

    [Fact]
    public void Weight_streaming_is_refused()
    {
        NvinferDouble library = new(11);
        string plan = NetworkPlan(library, "--profile", Range(Size, 1, 4), "--flags", "8");
        ModelException error = Assert.Throws<ModelException>(() => Open(library, new TensorRtHostDevice(), plan));
        Assert.Contains("stream", error.Message, StringComparison.Ordinal);
        library.CheckClean();
    }

    [Theory]
    [MemberData(nameof(Majors))]
    public void Several_sizes_are_profiles_of_one_engine_with_one_memory(int major)
    {
        NvinferDouble library = new(major);
        string model = OnnxModelBuilder.Network(3).Metadata("names", "{0: 'a', 1: 'b', 2: 'c'}").Metadata("stride", "32").Save(folder.Path);
        string plan = Plan(
            library, model, "--profile", Range(32, 1, 4), "--profile", Range(64, 1, 4), "--profile", Range(96, 1, 2), "--metadata", Metadata());
        TensorRtHostDevice device = new();
        using (TensorRtEngine engine = Open(library, device, plan, InputSizes.Of(96, 32)))
        {
            Assert.Equal([32, 96], engine.AtSizes.Select(static sized => sized.Model.InputWidth));
            Assert.Same(engine, engine.AtSizes[1]);
            Assert.Equal([4, 2], engine.AtSizes.Select(static sized => sized.MaxBatch));
            Assert.Contains("profile 1 of 3", engine.Description, StringComparison.Ordinal);
            Assert.Contains("profile 3 of 3", engine.Description, StringComparison.Ordinal);
            long planned = engine.Plan([1, 2], streams: 1).Single(static entry => entry.Item == MemoryItem.Activations).Bytes;
            Assert.Equal(planned, engine.ActivationBytes(2));
            Assert.InRange(engine.AtSizes[0].ActivationBytes(2), 0, planned);
            int live = device.Live;
            using EngineContext large = Create(engine, 2, Stream);
            using EngineContext small = Create((TensorRtEngine)engine.AtSizes[0], 2, Stream);

            // A block of activations that both work in.
            Assert.Equal(live + 1, device.Live);
            foreach (InferenceEngine sized in engine.AtSizes)
            {
                OnnxRuntimeOptions options = new() { Sizes = InputSizes.Of((sized.Model.InputWidth, sized.Model.InputHeight)) };
                using OnnxRuntimeEngine reference = OnnxRuntimeEngine.Open(model, options);
                CheckSame(Run(reference, 2, 0), Run(sized, 2, Stream));
            }

            engine.AtSizes[0].Dispose();
            _ = Run(engine, 1, Stream);
        }

        Assert.Equal((0, true), (device.Live, device.IsDisposed));
        ModelException error = Assert.Throws<ModelException>(() => Open(library, new TensorRtHostDevice(), plan, InputSizes.Of(32, 80)));
        Assert.Contains("it has no profile that runs at 80x80", error.Message, StringComparison.Ordinal);
        library.CheckClean();
    }

    // Sums over the same values in another order, as ONNX Runtime chose them for other settings: some units in the last place.
    private static void CheckSame(float[] wanted, float[] given)
    {
        const float Tolerance = 1e-5f;
        Assert.Equal(wanted.Length, given.Length);
        for (int index = 0; index < wanted.Length; index++)
        {
            Assert.True(Math.Abs(wanted[index] - given[index]) <= Tolerance, $"value {index} is {given[index]}; {wanted[index]} is wanted.");
        }

        Assert.Contains(wanted, static value => value > 0.1f);
    }

    private static string Range(int size, int min, int max) => $"images={min}x3x{size}x{size}:{max}x3x{size}x{size}:{max}x3x{size}x{size}";

    private static TensorRtEngine Open(NvinferDouble library, TensorRtHostDevice device, ModelSource plan, (int Width, int Height)? size = null) =>
        Open(library, device, plan, size is (int, int) one ? InputSizes.Of(one) : null);

    private static TensorRtEngine Open(NvinferDouble library, TensorRtHostDevice device, ModelSource plan, InputSizes? sizes) =>
        TensorRtEngine.Open(
        plan,
        device,
        new TensorRtEngineOptions
        {
            Search = new TensorRtSearch
            {
                ShimPath = TensorRtAssets.Shim(library.Major),
                LibraryPath = library.File,
                ApplicationDirectory = AppContext.BaseDirectory,
            },
            Sizes = sizes,
        });

    private string Metadata()
    {
        File.WriteAllText(folder.File("meta.json"), """{"task": "detect", "stride": 32, "names": {"0": "bolt", "1": "nut", "2": "washer"}}""");
        return folder.File("meta.json");
    }

    private string NetworkPlan(NvinferDouble library, params string[] options) =>
        Plan(library, OnnxModelBuilder.Network(3).Save(folder.Path), options);

    private string Plan(NvinferDouble library, string model, params string[] options) =>
        TensorRtAssets.DoublePlan(library.Major, model, folder.File("model.engine"), options);

    private float[] Run(InferenceEngine engine, int batch, nint stream)
    {
        (nint input, nint output) = Tensors(engine, batch);
        using EngineContext context = engine.CreateContext(batch, input, output, stream);
        context.Enqueue();
        return new Span<float>((void*)output, batch * engine.Model.OutputShape.Rows * engine.Model.OutputShape.Columns).ToArray();
    }

    private EngineContext Create(TensorRtEngine engine, int batch, nint stream)
    {
        (nint input, nint output) = Tensors(engine, batch);
        return engine.CreateContext(batch, input, output, stream);
    }

    private (nint Input, nint Output) Tensors(InferenceEngine engine, int batch)
    {
        (int inputBytes, int outputBytes) = (engine.Model.InputBytes, engine.Model.OutputBytes);
        nint input = (nint)NativeMemory.AlignedAlloc((nuint)(batch * inputBytes), 256);
        nint output = (nint)NativeMemory.AlignedAlloc((nuint)(batch * outputBytes), 256);
        memory.AddRange([input, output]);
        Random random = new(5);
        foreach (ref float value in new Span<float>((void*)input, batch * inputBytes / sizeof(float)))
        {
            value = random.NextSingle();
        }

        return (input, output);
    }
}
