using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using YoloZeroCopy.Server.Protocol;
using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Server.Tests;

/// <summary>What is too much, too late, or not for everyone.</summary>
public sealed class LimitTests
{
    private const string Token = "0123456789abcdefXYZ";

    [Fact]
    public async Task Too_many_bytes_and_too_large_pictures_are_refused()
    {
        await using TestServer server = await TestServer.StartAsync(static options =>
        {
            options.MaxRequestBytes = 100_000;
            options.MaxPictureSide = 200;
            options.MaxPictures = 4;
            options.Detector.SlotBytes = 60_000;
        });
        using HttpResponseMessage rest = await server.Http.PostAsync("/v2/models/echo/detect", new ByteArrayContent(new byte[100_001]));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, rest.StatusCode);
        RpcException tooLong = await server.Grpc.RefusedAsync(GrpcClient.Frame("echo", width: 200, height: 200));
        Assert.True(tooLong.StatusCode == StatusCode.ResourceExhausted, tooLong.ToString());
        foreach ((int width, int height, string reason) in new[] { (201, 16, "201x16"), (199, 151, "slots of 60000") })
        {
            RpcException error = await server.Grpc.RefusedAsync(GrpcClient.Frame("echo", width: width, height: height));
            Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
            Assert.Contains(reason, error.Status.Detail, StringComparison.Ordinal);
            byte[] png = PictureFile.EncodePng(new byte[width * height * 3], new FrameFormat(PixelFormat.Bgr24, width, height));
            using HttpResponseMessage picture = await server.Http.PostAsync("/v2/models/echo/detect", new ByteArrayContent(png));
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, picture.StatusCode);
        }

        ModelInferRequest five = InferTests.Tensor("gray8", 5, 2, 2);
        five.RawInputContents.Add(ByteString.CopyFrom(new byte[20]));
        Assert.Contains("1 to 4", (await server.Grpc.RefusedAsync(five)).Status.Detail, StringComparison.Ordinal);
        Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame("echo", width: 200, height: 100))));
    }

    [Fact]
    public async Task More_requests_than_may_be_open_are_refused_at_once_with_a_hint()
    {
        using Gate gate = new();
        await using TestServer server = await TestServer.StartAsync(
            new Dictionary<string, DetectFunction> { ["gate"] = gate.Detect }, static options => options.MaxRequests = 2);
        Task<ModelInferResponse>[] open = [server.Grpc.InferAsync(GrpcClient.Frame("gate")), server.Grpc.InferAsync(GrpcClient.Frame("gate"))];
        await TestServer.UntilAsync(() => server.Detectors[0].Statistics.FramesSubmitted == 2);
        RpcException refused = await server.Grpc.RefusedAsync(GrpcClient.Frame("gate"));
        Assert.Equal((StatusCode.ResourceExhausted, "1000"), (refused.StatusCode, refused.Trailers.GetValue("grpc-retry-pushback-ms")));
        using HttpResponseMessage rest = await server.Http.PostAsync("/v2/models/gate/detect", new ByteArrayContent([1]));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(1)), (rest.StatusCode, rest.Headers.RetryAfter!.Delta));
        gate.Let(2);
        _ = await Task.WhenAll(open);
    }

    [Fact]
    public async Task A_queue_that_is_too_long_is_refused_instead_of_growing()
    {
        // 20 ms for each frame, one after the other: what is asked for is several times what can be done.
        IReadOnlyList<Detection> Slow(ReadOnlySpan<byte> pixels, FrameFormat format)
        {
            Thread.Sleep(20);
            return TestServer.Echo(pixels, format);
        }

        await using TestServer server = await TestServer.StartAsync(new Dictionary<string, DetectFunction> { ["slow"] = Slow }, static options =>
        {
            options.MaxQueueAge = TimeSpan.FromMilliseconds(200);
            options.Detector.Lanes = 1;
            options.Detector.Slots = 64;
        });
        _ = await server.Grpc.InferAsync(GrpcClient.Frame("slow"));
        int answered = 0;
        int refused = 0;
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async client =>
        {
            for (int request = 0; request < 3; request++)
            {
                try
                {
                    _ = await server.Grpc.InferAsync(GrpcClient.Frame("slow"));
                    _ = Interlocked.Increment(ref answered);
                }
                catch (RpcException error)
                {
                    Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
                    Assert.True(int.Parse(error.Trailers.GetValue("grpc-retry-pushback-ms")!) > 0);
                    _ = Interlocked.Increment(ref refused);
                }
            }
        }));
        Assert.Equal(180, answered + refused);
        Assert.True(answered > 0 && refused > 0, $"{answered} answered, {refused} refused");

        // None that was answered had waited for longer than allowed before its turn.
        DetectorStatistics statistics = server.Detectors[0].Statistics;
        Assert.True(statistics.QueueTime / statistics.FramesSubmitted < TimeSpan.FromMilliseconds(200),
            $"{statistics.QueueTime} for {statistics.FramesSubmitted}");
        await server.UntilQuietAsync();
        Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame("slow"))));
    }

    [Fact]
    public async Task Who_does_not_wait_any_more_holds_nothing()
    {
        using Gate gate = new();
        await using TestServer server =
            await TestServer.StartAsync(new Dictionary<string, DetectFunction> { ["gate"] = gate.Detect }, static options =>
        {
            options.Detector.Lanes = 1;
            options.Detector.Slots = 2;
        });
        Task<ModelInferResponse> first = server.Grpc.InferAsync(GrpcClient.Frame("gate"));
        await TestServer.UntilAsync(() => gate.Entered == 1);

        // By a deadline of gRPC, by one of the protocol, by going away: one in a slot, the others waiting for one.
        Assert.Equal(
            StatusCode.DeadlineExceeded, (await server.Grpc.RefusedAsync(GrpcClient.Frame("gate"), TimeSpan.FromMilliseconds(100))).StatusCode);
        ModelInferRequest timed = GrpcClient.Frame("gate");
        timed.Parameters["timeout"] = new InferParameter { Int64Param = 50_000 };
        Assert.Equal(StatusCode.DeadlineExceeded, (await server.Grpc.RefusedAsync(timed)).StatusCode);
        using CancellationTokenSource leaving = new(50);
        _ = await Assert.ThrowsAsync<RpcException>(() => server.Grpc.InferAsync(GrpcClient.Frame("gate"), cancellationToken: leaving.Token));
        using StringContent late = InferTests.Text(
            """{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2,3]}],"parameters":{"timeout":50000}}""");
        using HttpResponseMessage rest = await server.Http.PostAsync("/v2/models/gate/infer", late);
        Assert.Equal(HttpStatusCode.GatewayTimeout, rest.StatusCode);
        gate.Let(5);
        Assert.Single(TestServer.Found(await first));
        await server.UntilQuietAsync();
        Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame("gate"))));
    }

    [Fact]
    public async Task Without_the_token_only_health_is_told()
    {
        await using TestServer server = await TestServer.StartAsync(static options => options.Token = Token);
        Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame("echo"))));
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/v2")).StatusCode);
        foreach (string? token in (string?[])[null, "", Token[..^1], Token + "x", "0123456789abcdefXYz"])
        {
            using HttpClient http = new() { BaseAddress = server.Server.HttpAddress };
            if (token is not null)
            {
                Assert.True(http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", $"Bearer {token}"));
            }

            foreach (string path in (string[])["/v2", "/metrics", "/v2/models/echo"])
            {
                Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync(path)).StatusCode);
            }

            Assert.Equal(HttpStatusCode.Unauthorized, (await http.PostAsync("/v2/models/echo/detect", new ByteArrayContent([1]))).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v2/health/ready")).StatusCode);
            using GrpcClient grpc = new(server.Server.GrpcAddress, token);
            Assert.Equal(StatusCode.Unauthenticated, (await grpc.RefusedAsync(GrpcClient.Frame("echo"))).StatusCode);
            Assert.True((await grpc.CallAsync<ServerLiveRequest, ServerLiveResponse>("ServerLive", new())).Live);
        }
    }

    [Fact]
    public async Task Pages_of_other_sites_are_not_answered()
    {
        await using TestServer server = await TestServer.StartAsync();
        using HttpRequestMessage named = new(HttpMethod.Get, "/v2") { Headers = { Host = "rebound.example" } };
        Assert.Equal(HttpStatusCode.Forbidden, (await server.Http.SendAsync(named)).StatusCode);
        using HttpRequestMessage page = new(HttpMethod.Get, "/v2") { Headers = { { "Origin", "https://example.org" } } };
        Assert.Equal(HttpStatusCode.Forbidden, (await server.Http.SendAsync(page)).StatusCode);
        using HttpRequestMessage local = new(HttpMethod.Get, "/v2") { Headers = { Host = "localhost:8000" } };
        Assert.Equal(HttpStatusCode.OK, (await server.Http.SendAsync(local)).StatusCode);
    }

    [Fact]
    public async Task Both_ports_speak_tls_where_there_is_a_certificate()
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using TestServer server = await TestServer.StartAsync(options =>
        {
            options.Certificate = certificate;
            options.Token = Token;
            options.Address = IPAddress.Any;
        });
        SocketsHttpHandler Handler() => new()
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, given, _, _) => given!.GetCertHashString() == certificate.GetCertHashString(),
            },
        };
        using GrpcClient grpc = new(new Uri($"https://127.0.0.1:{server.Server.GrpcAddress.Port}"), Token, Handler());
        Assert.Single(TestServer.Found(await grpc.InferAsync(GrpcClient.Frame("echo"))));
        using HttpClient http = new(Handler()) { BaseAddress = new Uri($"https://127.0.0.1:{server.Server.HttpAddress.Port}") };
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v2/health/ready")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/v2")).StatusCode);
    }

    [Fact]
    public async Task Options_are_checked_one_by_one_and_together()
    {
        using TempFolder folder = new();
        foreach ((Action<DetectionServerOptions> change, string named) in new (Action<DetectionServerOptions>, string)[]
        {
            (static options => options.ModelFolder = "/nowhere", "ModelFolder"),
            (static options => options.GrpcPort = options.HttpPort, "GrpcPort"),
            (static options => options.HttpPort = 65536, "HttpPort"),
            (static options => options.Token = "short", "Token"),
            (static options => options.Token = "with a space in it", "Token"),
            (static options => options.Address = IPAddress.Any, "Address"),
            (static options => (options.Address, options.Token) = (IPAddress.Any, Token), "Address"),
            (static options => (options.Address, options.AllowInsecure, options.SharedMemory) = (IPAddress.Any, true, true), "SharedMemory"),
            (static options => options.MaxRequestBytes = 0, "MaxRequestBytes"),
            (static options => options.MaxPictureSide = 8193, "MaxPictureSide"),
            (static options => options.MaxQueueAge = TimeSpan.Zero, "MaxQueueAge"),
            (static options => options.Detector.Overflow = OverflowPolicy.DropOldest, "Detector"),
            (static options => options.Detector.MaxFrameAge = TimeSpan.FromSeconds(1), "Detector"),
            (static options => options.Detector.MaxBatchDelay = TimeSpan.FromSeconds(2), "Detector"),
        })
        {
            DetectionServerOptions options = new() { ModelFolder = folder.Path };
            change(options);
            ArgumentException error = await Assert.ThrowsAnyAsync<ArgumentException>(() => DetectionServer.StartAsync(options));
            Assert.Equal(named, error.ParamName);
        }

        await using DetectionServer one =
            await DetectionServer.StartAsync(new DetectionServerOptions { ModelFolder = folder.Path, HttpPort = 0, GrpcPort = 0 });
        _ = await Assert.ThrowsAsync<IOException>(() => DetectionServer.StartAsync(
            new DetectionServerOptions { ModelFolder = folder.Path, HttpPort = one.HttpAddress.Port, GrpcPort = 0 }));
    }
}
