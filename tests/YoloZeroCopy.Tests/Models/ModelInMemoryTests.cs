namespace YoloZeroCopy.Tests;

/// <summary>A model as bytes in memory: the same detections, the same refusals, and no file looked for.</summary>
public sealed class ModelInMemoryTests(OnnxRuntimeDoubles doubles) : IClassFixture<OnnxRuntimeDoubles>, IDisposable
{
    private static readonly DetectorOptions OnCpu = new() { Device = Device.Cpu, MaxBatch = 1 };

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Bytes_give_the_detections_that_their_file_gives()
    {
        OnnxModelBuilder model = OnnxModelBuilder.Detector(new FakeDetector());
        await using YoloDetector fromFile = YoloDetector.Open(model.Save(folder.Path), OnCpu);
        await using YoloDetector fromBytes = YoloDetector.Open(model.Build(), "a resource", OnCpu);
        await using YoloDetector beside = await YoloDetector.OpenAsync(model.Build(), "a resource", OnCpu);
        Assert.Equal("a resource", fromBytes.Model.Path);
        Assert.Equal(fromFile.Memory.ToString(), fromBytes.Memory.ToString());
        Detection[] wanted = await Detect(fromFile);
        Assert.NotEmpty(wanted);
        Assert.Equal(wanted, await Detect(fromBytes));
        Assert.Equal(wanted, await Detect(beside));
    }

    [Fact]
    public void Wrong_bytes_are_refused_by_their_name()
    {
        (byte[] Bytes, string Reason)[] wrong =
        [
            ([], "no bytes were given"),
            ([.. "this is no model"u8], "not an ONNX model"),
            (OnnxModelBuilder.Detector(new FakeDetector()).Build()[..100], "cut short"),
            ([.. "ftrt"u8, .. new byte[60]], "runs on a CUDA device only"),
        ];
        Assert.All(wrong, static item =>
        {
            ModelException error = Assert.Throws<ModelException>(() => YoloDetector.Open(item.Bytes, "a resource", OnCpu));
            Assert.Equal("a resource", error.Path);
            Assert.StartsWith("Model 'a resource': ", error.Message, StringComparison.Ordinal);
            Assert.Contains(item.Reason, error.Message, StringComparison.Ordinal);
        });
        Assert.Throws<ArgumentException>(() => YoloDetector.Open(new byte[4], " ", OnCpu));
    }

    [Fact]
    public void Weights_beside_the_model_are_refused_in_memory_wherever_they_stand()
    {
        byte[] constant = new OnnxModelBuilder().Input("x", OnnxType.Float, 1).ExternalConstant("w", "weights.bin", 1)
            .Node("Add", ["x", "w"], ["y"]).Output("y", OnnxType.Float, 1).Build();
        ModelException error = Assert.Throws<ModelException>(() => YoloDetector.Open(constant, "a resource", OnCpu));
        Assert.Contains("'weights.bin'", error.Message, StringComparison.Ordinal);
        Assert.Contains("in memory", error.Message, StringComparison.Ordinal);

        // In the attribute of a node of a branch: graph (7) . node (1) . attribute (5) . g (6) . node (1) . attribute (5) . t (5) . external_data
        // (13).
        ProtobufWriter tensor = new ProtobufWriter().Message(13, static entry => entry.Text(1, "location").Text(2, "branch.bin"));
        byte[] nested =
            Model(Graph(new ProtobufWriter().Message(1, node => node.Message(5, attribute => attribute.Bytes(5, tensor.ToArray()))).ToArray()));
        error = Assert.Throws<ModelException>(() => YoloDetector.Open(nested, "a resource", OnCpu));
        Assert.Contains("'branch.bin'", error.Message, StringComparison.Ordinal);
        Assert.Equal(["branch.bin"], OnnxFile.Read(ModelSource.InMemory(nested, "nested")).DataLocations);
    }

    [Fact]
    public void Graphs_within_graphs_without_end_are_no_model_and_no_stack_overflow()
    {
        byte[] graph = new ProtobufWriter().Text(2, "innermost").ToArray();
        for (int depth = 0; depth < 1000; depth++)
        {
            graph = Graph(graph);
        }

        Assert.Null(OnnxFile.TryRead(ModelSource.InMemory(Model(graph), "endless")));
    }

    [Fact]
    public void A_runtime_is_given_the_bytes_and_no_path()
    {
        OnnxRuntimeDouble runtime = new(doubles.Library("counting"));
        using (OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(
            ModelSource.InMemory(new byte[1000], "a resource"), new OnnxRuntimeOptions { LibraryPath = doubles.Library("counting"), Threads = 1 }))
        {
            Assert.Equal("a resource", engine.Model.Path);
        }

        Assert.Equal(0, runtime.Live);
    }

    [Fact]
    public unsafe void An_engines_plan_is_read_from_memory_behind_its_metadata()
    {
        byte[] metadata = "{\"task\": \"detect\"}"u8.ToArray();
        byte[] plan = [.. "ftrt"u8, .. Enumerable.Range(0, 60).Select(static number => (byte)number)];
        byte[] bytes = [.. BitConverter.GetBytes(metadata.Length), .. metadata, .. plan];
        ModelSource source = ModelSource.InMemory(bytes, "an engine");
        Assert.True(ModelFile.IsTensorRt(source));
        TensorRtPlanFile file = TensorRtPlanFile.Read(source);
        Assert.Equal(("an engine", plan.Length, "detect"), (file.Path, (int)file.PlanBytes, file.Metadata["task"]));
        byte[] read = new byte[plan.Length];
        fixed (byte* target = read)
        {
            file.ReadPlan(target);
        }

        Assert.Equal(plan, read);
        ModelException error = Assert.Throws<ModelException>(() => TensorRtPlanFile.Read(ModelSource.InMemory(bytes.AsMemory(0, 10), "an engine")));
        Assert.Contains("of a file of 10", error.Message, StringComparison.Ordinal);
    }

    private static byte[] Graph(byte[] inner) =>
        new ProtobufWriter().Message(1, node => node.Message(5, attribute => attribute.Bytes(6, inner))).ToArray();

    private static byte[] Model(byte[] graph) => new ProtobufWriter().Integer(1, 7).Bytes(7, graph).ToArray();

    private static async Task<Detection[]> Detect(YoloDetector detector)
    {
        using FrameSlot slot = await detector.RentAsync(new FrameFormat(PixelFormat.Gray8, 64, 64));
        slot.Span.Fill(100);
        using DetectionResult result = await detector.SubmitAsync(slot);
        return result.Detections.ToArray();
    }
}
