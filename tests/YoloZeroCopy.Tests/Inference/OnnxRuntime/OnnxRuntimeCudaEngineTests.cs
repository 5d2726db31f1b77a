namespace YoloZeroCopy.Tests;

/// <summary>
/// The CUDA engine against a stand-in runtime that plays a CUDA provider, so without a GPU: what it asks for, and what it does when that fails.
/// </summary>
public sealed class OnnxRuntimeCudaEngineTests : IClassFixture<OnnxRuntimeDoubles>, IDisposable
{
    // Words of ONNX Runtime 1.31 on an H200.
    private const string Refusal =
        "This session cannot use the graph capture feature as requested by the user  as all compute graph nodes have not been "
        + "partitioned to the CUDAExecutionProvider";

    private const string BrokenCapture =
        "/onnxruntime_src/cuda_call.cc:146 CUDA failure 901: operation failed due to a previous error during capture ; "
        + "GPU=0 ; hostname=vm ; expr=cudaStreamEndCapture(stream_, &graph);";

    private const string ArenaFull = "Non-zero status code returned while running Softmax node. Name:'/Softmax' Status Message: bfc_arena.cc:360 "
        + "Failed to allocate memory for requested buffer of size 34406400";

    private const string CublasFull = "Exception during initialization: CUBLAS failure 3: the resource allocation failed ; GPU=0 ; "
        + "expr=cublasCreate(&cublas_handle_);";

    private const nint Input = 0x1000;
    private const nint Output = 0x2000;
    private const nint Stream = 77;

    private readonly ModelFolder folder = new();
    private readonly OnnxRuntimeDoubles doubles;

    public OnnxRuntimeCudaEngineTests(OnnxRuntimeDoubles doubles) => this.doubles = doubles;

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_context_asks_for_our_stream_fixed_dimensions_a_graph_and_no_waits()
    {
        (OnnxRuntimeDouble runtime, OnnxRuntimeCudaEngine engine) = Open(new() { DeviceOrdinal = 3 });
        using (engine)
        {
            runtime.FailAt(0);
            using EngineContext context = engine.CreateContext(2, Input, Output, Stream);
            string[] warmUp = ["run option gpu_graph_id=-1", "run", "run", "run", "run"];
            string[] wanted =
            [
                "override batch=2", "override height=64", "override width=64",
                "device_id=3", "do_copy_in_default_stream=1", "prefer_nhwc=1", "enable_cuda_graph=1", "cudnn_conv_algo_search=HEURISTIC",
                "fuse_conv_bias=1", "arena_extend_strategy=kSameAsRequested", "user_compute_stream=77", "session", "memory Cuda 0 3 0",
                .. warmUp, "run option disable_synchronize_execution_providers=1",
            ];
            Assert.Equal(wanted, runtime.Said);
            Assert.Null(context.GraphFallbackReason);
            Assert.True(context.CanCapture);
            context.Enqueue();
            Assert.Equal(wanted.Length + 1, runtime.Said.Length);
            Assert.EndsWith($"on CUDA device 3 ({doubles.Library("counting")})", engine.Description, StringComparison.Ordinal);
        }

        Assert.Equal(0, runtime.Live);
    }

    [Fact]
    public void A_model_that_cannot_be_captured_runs_without_a_graph_and_waits()
    {
        (OnnxRuntimeDouble runtime, OnnxRuntimeCudaEngine engine) = Open(new());
        using (engine)
        {
            runtime.FailAt(0);
            runtime.FailStep("graph session", Refusal);
            using EngineContext first = engine.CreateContext(1, Input, Output, Stream);
            Assert.Contains(Refusal, first.GraphFallbackReason, StringComparison.Ordinal);
            Assert.False(first.CanCapture);
            Assert.DoesNotContain("run option disable_synchronize_execution_providers=1", runtime.Said);
            Assert.Equal(2, runtime.Said.Count(static line => line == "session"));

            // What was refused once is not asked for again.
            using EngineContext second = engine.CreateContext(2, Input, Output, Stream);
            Assert.Equal(first.GraphFallbackReason, second.GraphFallbackReason);
            Assert.Equal(3, runtime.Said.Count(static line => line == "session"));
        }

        Assert.Equal(0, runtime.Live);
    }

    [Fact]
    public void A_broken_capture_is_tried_again_and_then_given_up_for_this_context()
    {
        (OnnxRuntimeDouble runtime, OnnxRuntimeCudaEngine engine) = Open(new());
        using (engine)
        {
            runtime.FailAt(0);
            runtime.FailStep("graph run", BrokenCapture, times: 1);
            using (EngineContext context = engine.CreateContext(1, Input, Output, Stream))
            {
                Assert.Null(context.GraphFallbackReason);
            }

            runtime.FailStep("graph run", BrokenCapture, times: 2);
            using (EngineContext context = engine.CreateContext(1, Input, Output, Stream))
            {
                Assert.Equal("CUDA failure 901: operation failed due to a previous error during capture", context.GraphFallbackReason);
                context.Enqueue();
            }

            using (EngineContext context = engine.CreateContext(1, Input, Output, Stream))
            {
                Assert.Null(context.GraphFallbackReason);
            }
        }

        Assert.Equal(0, runtime.Live);
    }

    [Theory]
    [InlineData("graph session", CublasFull)]
    [InlineData("graph run", ArenaFull)]
    [InlineData("graph run", "CUDA failure 2: out of memory ; GPU=0")]
    public void Too_little_device_memory_is_told_apart(string step, string message)
    {
        (OnnxRuntimeDouble runtime, OnnxRuntimeCudaEngine engine) = Open(new());
        using (engine)
        {
            runtime.FailAt(0);
            runtime.FailStep(step, message);
            InsufficientMemoryException error = Assert.Throws<InsufficientMemoryException>(() => engine.CreateContext(8, Input, Output, Stream));
            Assert.Contains("CUDA device 0 has too little free memory for a context of batch 8", error.Message, StringComparison.Ordinal);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            Assert.Single(runtime.Said, static line => line == "session");
        }

        Assert.Equal(0, runtime.Live);
    }

    [Theory]
    [InlineData("captures", "Load model from {0} failed: This is an invalid model.")]
    [InlineData("out of memory", "Load model from {0} failed: This is an invalid model.")]
    [InlineData("CUDA failure 900: x", "Load model from {0} failed: This is an invalid model.")]
    [InlineData("models", "This is an invalid model. In Node, (/captured/cudaGraph/Conv, Conv): no such operator.")]
    public void What_a_model_is_called_changes_nothing(string folderName, string message)
    {
        string library = doubles.Library("counting");
        OnnxRuntimeDouble runtime = new(library);
        string model = Path.Combine(Directory.CreateDirectory(folder.File(folderName)).FullName, "model.onnx");
        File.WriteAllText(model, "the stand-in does not read it");
        using OnnxRuntimeCudaEngine engine = OnnxRuntimeCudaEngine.Open(model, new() { LibraryPath = library });
        runtime.FailAt(0);
        runtime.FailStep("graph session", string.Format(null, message, model));
        ModelException error = Assert.Throws<ModelException>(() => engine.CreateContext(1, Input, Output, Stream));
        Assert.Contains("ONNX Runtime", error.Message, StringComparison.Ordinal);
        Assert.Single(runtime.Said, static line => line == "session");
    }

    [Theory]
    [InlineData("Non-zero status code returned while running Conv node. Name:'/captured/CUDA failure 2: x/Conv' Status Message: no plan", 0)]
    [InlineData("CUBLAS failure 3: the resource allocation failed ; GPU=0 ; hostname=h", 1)]
    [InlineData("CUBLAS failure 13: the function failed to launch on the GPU ; GPU=0 ; hostname=captures", 0)]
    [InlineData("CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=h", 1)]
    [InlineData("CUDNN failure 4004: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0 ; hostname=h", 1)]
    [InlineData("CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; expr=cudaGraphLaunch(captured);", 0)]
    [InlineData("CUDA failure 900: operation not permitted when stream is capturing ; GPU=0", 2)]
    [InlineData("Status Message: bfc_arena.cc:376 Available memory of 0 is smaller than requested bytes of 97517568", 1)]
    public void A_failure_is_told_by_its_number_or_by_the_runtimes_own_words(string message, int wanted) =>
        Assert.Equal((OnnxRuntimeFailure)wanted, OnnxRuntimeFailures.Of(message));

    [Theory]
    [InlineData("options", "CUDA execution provider is not enabled in this build. ")]
    [InlineData("append", "provider_bridge_ort.cc:2043 [ONNXRuntimeError] : 1 : FAIL : Failed to load library libonnxruntime_providers_shared.so\n")]
    public void A_runtime_without_CUDA_names_what_is_missing_and_what_to_install(string step, string message)
    {
        (OnnxRuntimeDouble runtime, OnnxRuntimeCudaEngine engine) = Open(new());
        using (engine)
        {
            runtime.FailAt(0);
            runtime.FailStep(step, message);
            NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => engine.CreateContext(1, Input, Output, Stream));
            string missing = Path.Combine(Path.GetDirectoryName(doubles.Library("counting"))!, "libonnxruntime_providers_shared.so");
            Assert.Contains($"'{missing}' is missing. Install the package Microsoft.ML.OnnxRuntime.Gpu", error.Message, StringComparison.Ordinal);
            Assert.Contains(message[(message.LastIndexOf(": ", StringComparison.Ordinal) + 1)..].Trim(), error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("provider_bridge", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, runtime.Live);
    }

    [Fact]
    public void Every_library_that_the_provider_misses_is_named_at_once()
    {
        string own = Directory.CreateDirectory(folder.File("runtime")).FullName;
        string library = Path.Combine(own, "libonnxruntime.so");
        File.Copy(doubles.Library("counting"), library);
        File.Copy(library, Path.Combine(own, "libonnxruntime_providers_shared.so"));
        OnnxRuntimeDoubles.MakeNeedy(Path.Combine(own, "libonnxruntime_providers_cuda.so"), "libyzcabsentLt.so.13", "libyzcabsent.so.13");
        OnnxRuntimeDouble runtime = new(library);
        using OnnxRuntimeCudaEngine engine = OnnxRuntimeCudaEngine.Open(Model(), new() { LibraryPath = own });
        runtime.FailAt(0);
        runtime.FailStep("append", "1 : FAIL : Failed to load library x with error: libyzcabsentLt.so.13: cannot open shared object file");

        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => engine.CreateContext(1, Input, Output, Stream));

        Assert.Matches(@"cannot load: libyzcabsentLt\.so\.13, libyzcabsent\.so\.13(, libcudnn\.so\.9)?\. ", error.Message);
        Assert.Contains("docs/installing.md", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("graph session")]
    [InlineData("graph run")]
    public void A_provider_that_finds_no_cuDNN_says_what_to_install(string step)
    {
        (OnnxRuntimeDouble runtime, OnnxRuntimeCudaEngine engine) = Open(new());
        using (engine)
        {
            runtime.FailAt(0);
            runtime.FailStep(step, "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: cuda_call.cc:1 "
                + "cuDNN is not available. Install cuDNN, update the system library search path, or set enable_cudnn=0");
            NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => engine.CreateContext(1, Input, Output, Stream));
            Assert.Contains("It says: cuDNN is not available.", error.Message, StringComparison.Ordinal);
            Assert.Contains("docs/installing.md", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, runtime.Live);
    }

    [Fact]
    public void The_real_runtime_without_its_provider_says_which_file_is_missing()
    {
        string path = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        using OnnxRuntimeCudaEngine engine = OnnxRuntimeCudaEngine.Open(path, new());
        Assert.Equal(new FakeDetector().Shape, engine.Model.OutputShape);
        bool hasProvider = File.Exists(Path.Combine(Path.GetDirectoryName(OnnxRuntimeLibrary.Load().Path)!, "libonnxruntime_providers_cuda.so"));
        Assert.SkipWhen(hasProvider, "The runtime that is used here has its CUDA provider beside it.");
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => engine.CreateContext(1, Input, Output, Stream));
        Assert.Contains("Microsoft.ML.OnnxRuntime.Gpu", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("batch", "height", "width", "batch=4 height=64 width=96")]
    [InlineData("n", "size", "size", "n=4 size=64")]
    [InlineData("any", "any", "width", "width=96")]
    [InlineData("", "", "", "")]
    public void A_dimension_is_fixed_by_its_name_unless_the_batch_shares_it(string batch, string height, string width, string wanted)
    {
        OnnxTensor tensor = new("images", Interop.OrtElementType.Float, [-1, 3, -1, -1], [batch, "", height, width]);
        PictureInput input = new(tensor, TensorElementType.Float32, 0, 96, 64);
        Assert.Equal(wanted, string.Join(' ', input.Overrides(4).Select(static item => $"{item.Name}={item.Value}")));
    }

    [Fact]
    public void Nothing_leaks_whichever_call_fails()
    {
        (OnnxRuntimeDouble runtime, OnnxRuntimeCudaEngine unused) = Open(new());
        unused.Dispose();
        runtime.FailAt(0);
        Use();
        long all = runtime.Calls;
        Assert.InRange(all, 80, 300);
        for (long call = 1; call <= all; call++)
        {
            runtime.FailAt(call);
            try
            {
                Use();
            }
            catch (YoloZeroCopyException error)
            {
                Assert.Contains("told to fail", error.Message, StringComparison.Ordinal);
            }

            Assert.True(runtime.Live == 0, $"{runtime.Live} objects leaked when call {call} of {all} failed.");
        }

        Assert.Equal(0, runtime.BadFrees);

        void Use()
        {
            using OnnxRuntimeCudaEngine engine = OnnxRuntimeCudaEngine.Open(Model(), new() { LibraryPath = doubles.Library("counting") });
            using EngineContext context = engine.CreateContext(1, Input, Output, Stream);
            context.Enqueue();
        }
    }

    [Fact]
    public void A_context_runs_on_its_own_thread_outlives_its_engine_and_allocates_nothing()
    {
        (OnnxRuntimeDouble runtime, OnnxRuntimeCudaEngine engine) = Open(new());
        EngineContext context = engine.CreateContext(1, Input, Output, Stream);
        engine.Dispose();
        context.Enqueue();
        Assert.Equal(0, AllocationSlices.LeastHere(() =>
        {
            for (int i = 0; i < 100; i++)
            {
                context.Enqueue();
            }
        }));
        Exception? wrong = null;
        Thread other = new(() => wrong = Record.Exception(context.Enqueue));
        other.Start();
        other.Join();
        Assert.IsType<InvalidOperationException>(wrong);
        runtime.FailStep("graph run", "CUDA failure 700: an illegal memory access was encountered", times: 1);
        InferenceException error = Assert.Throws<InferenceException>(context.Enqueue);
        Assert.Contains("CUDA failure 700", error.Message, StringComparison.Ordinal);
        context.Dispose();
        Assert.Equal(0, runtime.Live);
        Assert.Throws<ObjectDisposedException>(context.Enqueue);
        Assert.Throws<ObjectDisposedException>(() => engine.CreateContext(1, Input, Output, Stream));
    }

    [Fact]
    public void A_runtime_that_does_not_take_our_operators_runs_without()
    {
        string library = doubles.Library("operators");
        OnnxRuntimeDouble runtime = new(library);
        using OnnxRuntimeCudaEngine engine = OnnxRuntimeCudaEngine.Open(Model(), new() { LibraryPath = library });
        using (OnnxRuntimeOperators operators = OnnxRuntimeOperators.ForCpu(engine.Library, static _ => { })!)
        {
            engine.Operators = operators;
            engine.CreateContext(1, Input, Output, Stream).Dispose();
            Assert.Contains("operators", runtime.Said);

            runtime.FailAt(0);
            runtime.FailStep("operators", "no domain of that name", times: 1);
            using (EngineContext context = engine.CreateContext(1, Input, Output, Stream))
            {
                context.Enqueue();
                Assert.Null(context.GraphFallbackReason);
            }

            // Refused once, they are not offered again.
            Assert.Single(runtime.Said, static word => word == "operators");
            runtime.FailAt(0);
            engine.CreateContext(1, Input, Output, Stream).Dispose();
            Assert.DoesNotContain("operators", runtime.Said);
        }

        Assert.Equal(0, runtime.Live);
    }

    [Fact]
    public void What_cannot_be_is_refused()
    {
        (_, OnnxRuntimeCudaEngine engine) = Open(new());
        using (engine)
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(0, Input, Output, Stream));
            Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(1, 0, Output, Stream));
            Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(1, Input, 0, Stream));
            Assert.Throws<ArgumentOutOfRangeException>(() => engine.CreateContext(1, Input, Output, 0));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxRuntimeCudaEngine.Open(Model(), new() { DeviceOrdinal = -1 }));
    }

    private string Model()
    {
        string model = folder.File("model.onnx");
        File.WriteAllText(model, "the stand-in does not read it");
        return model;
    }

    private (OnnxRuntimeDouble Runtime, OnnxRuntimeCudaEngine Engine) Open(OnnxRuntimeCudaOptions options)
    {
        string library = doubles.Library("counting");
        OnnxRuntimeDouble runtime = new(library);
        return (runtime, OnnxRuntimeCudaEngine.Open(Model(), options with { LibraryPath = library }));
    }
}
