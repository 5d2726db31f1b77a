using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server.Tests;

/// <summary>Health, metadata, models that come and go, faults, the end.</summary>
public sealed class ServingTests
{
    [Fact]
    public async Task It_is_live_at_once_and_ready_when_its_models_are_open_and_not_when_it_ends()
    {
        TaskCompletionSource opens = new();
        using Gate gate = new();
        TestServer server = await TestServer.StartAsync(
            new Dictionary<string, DetectFunction> { ["gate"] = gate.Detect },
            options =>
            {
                Func<string, DetectorOptions, CancellationToken, Task<YoloDetector>> open = options.Open;
                options.Open = async (path, detector, cancellationToken) =>
                {
                    await opens.Task.WaitAsync(cancellationToken);
                    return await open(path, detector, cancellationToken);
                };
            },
            waits: false);
        await using (server)
        {
            Assert.Equal((true, false, false), await HealthAsync(server));
            Assert.Equal(
                "LOADING", (await server.Grpc.CallAsync<RepositoryIndexRequest, RepositoryIndexResponse>("RepositoryIndex", new())).Models[0].State);
            Assert.Equal(StatusCode.Unavailable, (await server.Grpc.RefusedAsync(GrpcClient.Frame("gate"))).StatusCode);
            opens.SetResult();
            await server.Server.Opened;
            Assert.Equal((true, true, true), await HealthAsync(server));

            // What is open when it ends is answered; what comes then is not taken.
            Task<ModelInferResponse> open = server.Grpc.InferAsync(GrpcClient.Frame("gate"));
            await TestServer.UntilAsync(() => gate.Entered == 1);
            Task stop = server.Server.StopAsync();
            Assert.Equal((true, false, false), await HealthAsync(server));
            RpcException refused = await server.Grpc.RefusedAsync(GrpcClient.Frame("gate"));
            Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
            using HttpResponseMessage rest = await server.Http.PostAsync("/v2/models/gate/detect", new ByteArrayContent([1]));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, rest.StatusCode);
            Assert.False(stop.IsCompleted);
            gate.Let(1);
            Assert.Single(TestServer.Found(await open));
            await stop.WaitAsync(TestServer.Patience);
            Assert.Same(stop, server.Server.StopAsync());
        }
    }

    [Fact]
    public async Task What_has_begun_when_it_ends_is_answered_also_where_its_bytes_still_come()
    {
        const string Json = """{"inputs":[{"name":"image","datatype":"UINT8","shape":[360,640,3],"parameters":{"binary_data_size":691200}}]}""";
        await using TestServer server = await TestServer.StartAsync(
            static options => options.DrainTimeout = options.ReceiveTimeout = TestServer.Patience);
        // Half of so many bytes is enough for the least rate of any time that the other half may take.
        ModelInferRequest frame = GrpcClient.Frame("echo", width: 640, height: 360);
        TaskCompletionSource rest = new();
        using HttpClient client = new() { Timeout = TestServer.Patience };
        using HttpRequestMessage first = new(HttpMethod.Post, new Uri(server.Server.HttpAddress, "/v2/models/echo/infer"))
        {
            Content = new TwoParts([.. Encoding.UTF8.GetBytes(Json), .. frame.RawInputContents[0]], rest.Task),
        };
        first.Headers.Add("Inference-Header-Content-Length", $"{Json.Length}");
        byte[] message = frame.ToByteArray();
        using HttpRequestMessage second = new(HttpMethod.Post, new Uri(server.Server.GrpcAddress, "/inference.GRPCInferenceService/ModelInfer"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new TwoParts([0, 0, (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message], rest.Task),
        };
        second.Content.Headers.ContentType = new("application/grpc");
        second.Headers.Add("TE", "trailers");
        Task<HttpResponseMessage>[] begun = [client.SendAsync(first), client.SendAsync(second)];
        while (!(await server.Http.GetStringAsync("/metrics")).Contains("yzc_server_requests_open 2\n", StringComparison.Ordinal))
        {
            Assert.DoesNotContain(begun, static request => request.IsCompleted);
            await Task.Delay(5);
        }

        Task stop = server.Server.StopAsync();
        Assert.Equal(StatusCode.Unavailable, (await server.Grpc.RefusedAsync(frame)).StatusCode);
        using HttpResponseMessage late = await server.Http.PostAsync("/v2/models/echo/detect", new ByteArrayContent([1]));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, late.StatusCode);
        Assert.False(stop.IsCompleted);

        rest.SetResult();
        using HttpResponseMessage answer = await begun[0];
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        using HttpResponseMessage grpc = await begun[1];
        byte[] body = await grpc.Content.ReadAsByteArrayAsync();
        Assert.Equal("0", Assert.Single(grpc.TrailingHeaders.GetValues("grpc-status")));
        Assert.Single(TestServer.Found(ModelInferResponse.Parser.ParseFrom(body.AsSpan(5))));
        await stop.WaitAsync(TestServer.Patience);
    }

    [Fact]
    public async Task It_ends_while_it_is_still_opening_models()
    {
        int opened = 0;
        await using TestServer server = await TestServer.StartAsync(
            new Dictionary<string, DetectFunction> { ["one"] = TestServer.Echo, ["two"] = TestServer.Echo },
            options => options.Open = async (path, detector, cancellationToken) =>
            {
                _ = Interlocked.Increment(ref opened);
                await Task.Delay(Timeout.Infinite, cancellationToken);
                throw new InvalidOperationException(path);
            },
            waits: false);
        await TestServer.UntilAsync(() => Volatile.Read(ref opened) == 1);
        await server.Server.StopAsync().WaitAsync(TestServer.Patience);
        Assert.Equal(1, opened);
    }

    [Fact]
    public async Task What_is_open_for_longer_than_the_end_may_take_is_broken_off()
    {
        using Gate gate = new();
        await using TestServer server = await TestServer.StartAsync(
            new Dictionary<string, DetectFunction> { ["gate"] = gate.Detect }, static options =>
                options.DrainTimeout = TimeSpan.FromMilliseconds(200));
        Task<RpcException> open = server.Grpc.RefusedAsync(GrpcClient.Frame("gate"));
        using AsyncDuplexStreamingCall<ModelInferRequest, ModelStreamInferResponse> stream = server.Grpc.Stream();
        await stream.RequestStream.WriteAsync(GrpcClient.Frame("gate"));
        await TestServer.UntilAsync(() => gate.Entered == 1);
        Task stop = server.Server.StopAsync();
        _ = await open;
        _ = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await stream.ResponseStream.MoveNext(CancellationToken.None))
            {
            }
        });
        gate.Let(10);
        await stop.WaitAsync(TestServer.Patience);
    }

    [Fact]
    public async Task It_says_what_it_is_and_what_it_has_both_ways()
    {
        await using TestServer server = await TestServer.StartAsync();
        ServerMetadataResponse metadata = await server.Grpc.CallAsync<ServerMetadataRequest, ServerMetadataResponse>("ServerMetadata", new());
        Assert.Equal(["binary_tensor_data", "statistics"], metadata.Extensions);
        ModelMetadataResponse model = await server.Grpc.CallAsync<ModelMetadataRequest,
            ModelMetadataResponse>("ModelMetadata", new() { Name = "echo" });
        Assert.Equal(
            ["picture BYTES -1", "image UINT8 -1,-1,-1,3"], model.Inputs.Select(one => $"{one.Name} {one.Datatype} {string.Join(',', one.Shape)}"));
        Assert.Equal("boxes FP32 -1,10,4", $"{model.Outputs[0].Name} {model.Outputs[0].Datatype} {string.Join(',', model.Outputs[0].Shape)}");
        JsonElement rest = await server.Http.GetFromJsonAsync<JsonElement>("/v2/models/echo");
        Assert.Equal("onnxruntime_onnx", rest.GetProperty("platform").GetString());
        Assert.Equal(model.Outputs.Count, rest.GetProperty("outputs").GetArrayLength());
        Assert.Equal(metadata.Version, (await server.Http.GetFromJsonAsync<JsonElement>("/v2")).GetProperty("version").GetString());

        _ = await server.Grpc.InferAsync(GrpcClient.Frame("echo"));
        _ = await server.Grpc.RefusedAsync(new ModelInferRequest { ModelName = "echo" });
        ModelStatistics statistics =
            (await server.Grpc.CallAsync<ModelStatisticsRequest, ModelStatisticsResponse>("ModelStatistics", new())).ModelStats.Single();
        Assert.Equal(
            (1u, 1u, 1u), (statistics.InferenceStats.Success.Count, statistics.InferenceStats.Fail.Count, statistics.BatchStats.Single().BatchSize));
        Assert.True(statistics.InferenceStats.Success.Ns > 0);
        rest = await server.Http.GetFromJsonAsync<JsonElement>("/v2/models/echo/stats");
        Assert.Equal(1, rest.GetProperty("model_stats")[0].GetProperty("inference_count").GetInt32());
        foreach (string path in (string[])["/v2/models/nobody", "/v2/models/echo/versions/2", "/v2/nothing"])
        {
            Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync(path)).StatusCode);
        }

        Assert.Equal(StatusCode.NotFound, (await server.Grpc.RefusedAsync(GrpcClient.Frame("nobody"))).StatusCode);
        string metrics = await server.Http.GetStringAsync("/metrics");
        Assert.Contains("yzc_server_requests_total{model=\"echo\",protocol=\"grpc\",outcome=\"ok\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("yzc_server_requests_total{model=\"echo\",protocol=\"grpc\",outcome=\"invalid\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("yzc_frames_completed_total{detector=\"echo\",device=\"cpu\"} ", metrics, StringComparison.Ordinal);
        Assert.Contains("yzc_server_queue_wait_seconds{model=\"echo\"} ", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Models_come_and_go_while_requests_run_and_only_while_a_model_is_away_are_they_refused()
    {
        Dictionary<string, DetectFunction> functions = new() { ["one"] = TestServer.Echo, ["two"] = TestServer.Echo };
        await using TestServer server = await TestServer.StartAsync(functions, static options => options.ModelControl = true);
        using CancellationTokenSource ending = new();
        Task<int>[] clients = [.. Enumerable.Range(0, 4).Select(number => Task.Run(async () =>
        {
            int answered = 0;
            while (!ending.IsCancellationRequested || answered == 0)
            {
                try
                {
                    Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame(number < 2 ? "one" : "two"))));
                    answered++;
                }
                catch (RpcException error) when (number >= 2 && error.StatusCode == StatusCode.Unavailable)
                {
                    // It is away, which its clients are told.
                }
            }

            return answered;
        }))];
        for (int round = 0; round < 10; round++)
        {
            // Opened anew beside the one that runs, a model is never away.
            await ControlAsync(server, "one", "Load");
            await ControlAsync(server, "two", "Unload");
            Assert.Equal("UNAVAILABLE unloaded", await StateAsync(server, "two"));
            await ControlAsync(server, "two", "Load");
            Assert.Equal("READY ", await StateAsync(server, "two"));
            Assert.Equal((true, true, true), await HealthAsync(server));
        }

        // A file that was not there at the start.
        await File.WriteAllBytesAsync(Path.Combine(server.Folder, "three.onnx"), []);
        functions["three"] = TestServer.Echo;
        await ControlAsync(server, "three", "Load");
        Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame("three"))));
        using HttpResponseMessage unloaded = await server.Http.PostAsync("/v2/repository/models/three/unload", null);
        Assert.Equal(HttpStatusCode.OK, unloaded.StatusCode);
        JsonElement index = await InferTests.JsonAsync(await server.Http.PostAsync("/v2/repository/index", InferTests.Text("""{"ready":true}""")));
        Assert.Equal(["one", "two"], index.EnumerateArray().Select(model => model.GetProperty("name").GetString()));
        using HttpResponseMessage unknown = await server.Http.PostAsync("/v2/repository/models/..%2Fone/load", null);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);

        // Each has answers, and none of another kind than these.
        ending.Cancel();
        _ = await Task.WhenAll(clients);
    }

    [Fact]
    public async Task Models_are_not_loaded_by_clients_where_that_is_not_allowed()
    {
        await using TestServer server = await TestServer.StartAsync();
        Assert.Equal(HttpStatusCode.Forbidden, (await server.Http.PostAsync("/v2/repository/models/echo/unload", null)).StatusCode);
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => ControlAsync(server, "echo", "Load"));
        Assert.Equal(StatusCode.PermissionDenied, error.StatusCode);
    }

    [Fact]
    public async Task A_model_that_cannot_be_opened_is_said_to_be_so_and_the_others_are_served()
    {
        await using TestServer server = await TestServer.StartAsync(
            new Dictionary<string, DetectFunction> { ["bad"] = TestServer.Echo, ["good"] = TestServer.Echo },
            static options =>
            {
                Func<string, DetectorOptions, CancellationToken, Task<YoloDetector>> open = options.Open;
                options.Open = (path, detector, cancellationToken) => path.Contains("bad", StringComparison.Ordinal)
                    ? throw new ModelException(path, "it is damaged")
                    : open(path, detector, cancellationToken);
            });
        Assert.Equal((true, false, false), await HealthAsync(server));
        Assert.Contains("it is damaged", await StateAsync(server, "bad"), StringComparison.Ordinal);
        Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame("good"))));
    }

    [Fact]
    public async Task A_detector_that_faults_loses_what_was_in_it_and_is_opened_again()
    {
        IReadOnlyList<Detection> Faulting(ReadOnlySpan<byte> pixels, FrameFormat format) =>
            pixels[0] == 255 ? throw new DetectorFaultedException(new InvalidOperationException("the device is gone"))
                : TestServer.Echo(pixels, format);
        await using TestServer server = await TestServer.StartAsync(
            new Dictionary<string, DetectFunction> { ["one"] = Faulting, ["two"] = Faulting });
        Task<ModelInferResponse> other = server.Grpc.InferAsync(GrpcClient.Frame("two"));
        Assert.Equal(StatusCode.Unavailable, (await server.Grpc.RefusedAsync(GrpcClient.Frame("one", 255))).StatusCode);
        Assert.Single(TestServer.Found(await other));
        await TestServer.UntilAsync(() => server.Server.IsReady);
        Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame("one"))));
        Assert.Equal(3, server.Detectors.Count);
        Assert.False(server.Server.Lost.IsCompleted);
    }

    [Fact]
    public async Task After_an_error_that_only_a_new_process_survives_it_is_not_live()
    {
        IReadOnlyList<Detection> Faulting(ReadOnlySpan<byte> pixels, FrameFormat format) => throw new DetectorFaultedException(new StickyException());
        await using TestServer server = await TestServer.StartAsync(new Dictionary<string, DetectFunction> { ["one"] = Faulting });
        Assert.Equal(StatusCode.Unavailable, (await server.Grpc.RefusedAsync(GrpcClient.Frame("one"))).StatusCode);
        Exception lost = await server.Server.Lost.WaitAsync(TestServer.Patience);
        Assert.IsType<StickyException>(lost.InnerException ?? lost);
        Assert.Equal((false, false, false), await HealthAsync(server));
    }

    private static async Task<(bool Live, bool Ready, bool Serving)> HealthAsync(TestServer server)
    {
        bool live = (await server.Grpc.CallAsync<ServerLiveRequest, ServerLiveResponse>("ServerLive", new())).Live;
        bool ready = (await server.Grpc.CallAsync<ServerReadyRequest, ServerReadyResponse>("ServerReady", new())).Ready;
        HealthCheckResponse probe = await server.Grpc.CallAsync<HealthCheckRequest,
            HealthCheckResponse>("Check", new(), service: "grpc.health.v1.Health");
        Assert.Equal(live, (await server.Http.GetAsync("/v2/health/live")).IsSuccessStatusCode);
        Assert.Equal(ready, (await server.Http.GetAsync("/v2/health/ready")).IsSuccessStatusCode);
        return (live, ready, probe.Status == HealthCheckResponse.Types.ServingStatus.Serving);
    }

    private static async Task<string> StateAsync(TestServer server, string name)
    {
        RepositoryIndexResponse index = await server.Grpc.CallAsync<RepositoryIndexRequest, RepositoryIndexResponse>("RepositoryIndex", new());
        RepositoryIndexResponse.Types.ModelIndex model = index.Models.Single(model => model.Name == name);
        return $"{model.State} {model.Reason}";
    }

    private static Task ControlAsync(TestServer server, string name, string what) => what == "Load"
        ? server.Grpc.CallAsync<RepositoryModelLoadRequest, RepositoryModelLoadResponse>("RepositoryModelLoad", new() { ModelName = name })
        : server.Grpc.CallAsync<RepositoryModelUnloadRequest, RepositoryModelUnloadResponse>("RepositoryModelUnload", new() { ModelName = name });

    private sealed class StickyException() : Cuda.CudaException(
        "The device met an illegal address.", Cuda.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, nameof(Cuda.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS),
            "cuMemcpyHtoDAsync");

    /// <summary>Bytes of which the second half comes later.</summary>
    private sealed class TwoParts(byte[] bytes, Task rest) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(bytes.AsMemory(0, bytes.Length / 2));
            await stream.FlushAsync();
            await rest;
            await stream.WriteAsync(bytes.AsMemory(bytes.Length / 2));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = bytes.Length;
            return true;
        }
    }
}
