using System.Runtime.InteropServices;
using YoloZeroCopy.Server.Protocol;
using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Server.Tests;

/// <summary>A server over loopback whose models are functions, each a file of the folder.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TempFolder folder;

    private TestServer(TempFolder folder, DetectionServer server, GrpcClient grpc, HttpClient http)
    {
        this.folder = folder;
        Server = server;
        Grpc = grpc;
        Http = http;
    }

    public DetectionServer Server { get; }

    public GrpcClient Grpc { get; }

    public HttpClient Http { get; }

    public string Folder => folder.Path;

    /// <summary>Detectors that were opened, in that order.</summary>
    public List<YoloDetector> Detectors { get; private init; } = [];

    /// <summary>One object in every frame: its class is the frame's first byte, its box is as large as the frame.</summary>
    public static IReadOnlyList<Detection> Echo(ReadOnlySpan<byte> pixels, FrameFormat format) =>
        [new Detection(pixels[0] % 3, 0.5f, 0, 0, format.Width, format.Height)];

    public static Task<TestServer> StartAsync(Action<DetectionServerOptions>? configure = null, bool waits = true) =>
        StartAsync(new Dictionary<string, DetectFunction> { ["echo"] = Echo }, configure, waits);

    public static async Task<TestServer> StartAsync(
        Dictionary<string, DetectFunction> models, Action<DetectionServerOptions>? configure = null, bool waits = true)
    {
        TempFolder folder = new();
        foreach (string name in models.Keys)
        {
            await File.WriteAllBytesAsync(folder.File($"{name}.onnx"), []);
        }

        List<YoloDetector> detectors = [];
        DetectionServerOptions options = new()
        {
            ModelFolder = folder.Path,
            HttpPort = 0,
            GrpcPort = 0,
            MaxQueueAge = TimeSpan.FromSeconds(30),
            Detector = new DetectorOptions { Device = Device.Cpu, SlotBytes = 1 << 20, Slots = 8, MaxDetections = 10 },
            Open = (path, options, _) =>
            {
                YoloDetector detector =
                    YoloDetector.FromFunction(ModelInfo.OfClasses("bolt", "nut", "washer"), models[Path.GetFileNameWithoutExtension(path)], options);
                lock (detectors)
                {
                    detectors.Add(detector);
                }

                return Task.FromResult(detector);
            },
        };
        configure?.Invoke(options);
        DetectionServer server = await DetectionServer.StartAsync(options);
        if (waits)
        {
            await server.Opened.WaitAsync(Patience);
        }

        HttpClient http = new() { BaseAddress = server.HttpAddress, Timeout = Patience };
        if (options.Token is not null)
        {
            http.DefaultRequestHeaders.Authorization = new("Bearer", options.Token);
        }

        return new TestServer(folder, server, new GrpcClient(server.GrpcAddress, options.Token), http) { Detectors = detectors };
    }

    /// <summary>What the tensors say was found in one of the request's frames.</summary>
    public static Detection[] Found(ModelInferResponse response, int frame = 0)
    {
        int most = (int)response.Outputs[1].Shape[1];
        Assert.Equal(["boxes", "scores", "classes", "counts"], response.Outputs.Select(output => output.Name));
        ReadOnlySpan<float> boxes = MemoryMarshal.Cast<byte, float>(response.RawOutputContents[0].Span)[(frame * most * 4)..];
        ReadOnlySpan<float> scores = MemoryMarshal.Cast<byte, float>(response.RawOutputContents[1].Span)[(frame * most)..];
        ReadOnlySpan<int> classes = MemoryMarshal.Cast<byte, int>(response.RawOutputContents[2].Span)[(frame * most)..];
        int count = MemoryMarshal.Cast<byte, int>(response.RawOutputContents[3].Span)[frame];
        Detection[] found = new Detection[count];
        for (int i = 0; i < count; i++)
        {
            found[i] = new Detection(classes[i], scores[i], boxes[4 * i], boxes[(4 * i) + 1], boxes[(4 * i) + 2], boxes[(4 * i) + 3]);
        }

        for (int i = count; i < most; i++)
        {
            Assert.Equal((-1, 0f), (classes[i], scores[i]));
        }

        return found;
    }

    /// <summary>Waits until something is so.</summary>
    public static async Task UntilAsync(Func<bool> isSo)
    {
        using CancellationTokenSource patience = new(Patience);
        while (!isSo())
        {
            await Task.Delay(5, patience.Token);
        }
    }

    /// <summary>Nothing is left of the requests: every slot and every result is back.</summary>
    public Task UntilQuietAsync() => UntilAsync(() => Detectors.All(detector =>
    {
        DetectorStatistics statistics = detector.Statistics;
        return (statistics.SlotsInUse, statistics.ResultsHeld, statistics.FramesWaiting) == (0, 0, 0);
    }));

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Grpc.Dispose();
        await Server.DisposeAsync();
        folder.Dispose();
    }
}

/// <summary>A function that finds nothing, and not before it is let.</summary>
internal sealed class Gate : IDisposable
{
    private readonly SemaphoreSlim passes = new(0);
    private int entered;

    /// <summary>Frames that came to the function.</summary>
    public int Entered => Volatile.Read(ref entered);

    public void Let(int frames) => passes.Release(frames);

    public IReadOnlyList<Detection> Detect(ReadOnlySpan<byte> pixels, FrameFormat format)
    {
        _ = Interlocked.Increment(ref entered);
        Assert.True(passes.Wait(TestServer.Patience));
        return TestServer.Echo(pixels, format);
    }

    public void Dispose() => passes.Dispose();
}
