namespace YoloZeroCopy.Tests;

/// <summary>An engine that queues nothing and counts. What it does instead of running, a test may say.</summary>
internal sealed class FakeCudaEngine : InferenceEngine
{
    public Action? OnEnqueue { get; set; }

    /// <summary>What contexts say of graphs: null when the lane may capture them.</summary>
    public string? GraphFallbackReason { get; init; }

    public List<int> Batches { get; } = [];

    /// <summary>Where its contexts read and write.</summary>
    public HashSet<(nint Input, nint Output)> Tensors { get; } = [];

    public int Enqueued { get; private set; }

    public int LiveContexts { get; private set; }

    /// <summary>The same engine at smaller sizes, by rising area.</summary>
    public FakeCudaEngine[] Smaller
    {
        init => AtSizes = [.. value, this];
    }

    public override ModelInfo Model => Described;

    /// <summary>What <see cref="Model"/> says.</summary>
    public ModelInfo Described { get; init; } = ModelInfo.OfClasses("part") with
    {
        Path = "fake.onnx",
        Layout = OutputLayout.ChannelsFirst,
        InputWidth = 64,
        InputHeight = 32,
        OutputShape = (5, 42),
    };

    public override string Description => "fake";

    public override DetectionHead? Head => HeadOfMaps;

    public override InputLayout InputLayout => HeadOfMaps is null ? InputLayout.ChannelsFirst : InputLayout.ChannelsLast4;

    /// <summary>What it gives instead of the model's output; its input then has its channels last.</summary>
    public DetectionHead? HeadOfMaps { get; init; }

    public override bool TakesPictures => ReadsPictures;

    /// <summary>Whether its contexts read pictures, and have no input.</summary>
    public bool ReadsPictures { get; init; }

    /// <summary>Where the pictures of its runs were.</summary>
    public HashSet<ulong> Pictures { get; } = [];

    public override EngineContext CreateContext(int batch, nint input, nint output, nint stream)
    {
        Assert.Equal(ReadsPictures, input == 0);
        Assert.NotEqual(0, output);
        Assert.NotEqual(0, stream);
        Assert.NotEqual(input, output);
        Batches.Add(batch);
        Tensors.Add((input, output));
        LiveContexts++;
        return new Context(this);
    }

    public override void Dispose()
    {
    }

    private sealed class Context(FakeCudaEngine engine) : EngineContext
    {
        public override string? GraphFallbackReason => engine.GraphFallbackReason;

        public override bool CanCapture => engine.GraphFallbackReason is null;

        public override void Enqueue(ulong pictures)
        {
            Assert.True(engine.ReadsPictures);
            engine.Pictures.Add(pictures);
            engine.Enqueued++;
        }

        public override void Enqueue()
        {
            Assert.False(engine.ReadsPictures);
            engine.Enqueued++;
            engine.OnEnqueue?.Invoke();
        }

        public override void Dispose() => engine.LiveContexts--;
    }
}
