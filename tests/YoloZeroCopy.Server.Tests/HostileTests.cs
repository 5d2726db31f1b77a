using System.Net;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server.Tests;

/// <summary>Clients that send what they should not, or too slowly, or are gone: no other client is to notice.</summary>
public sealed class HostileTests(ITestOutputHelper output)
{
    private const int Mutations = 5000;
    private const int Senders = 8;

    [Fact]
    public async Task Five_thousand_damaged_requests_harm_no_other_client()
    {
        await using TestServer server = await StartAsync();
        using CancellationTokenSource ending = new();
        Task<int>[] honest = [HonestAsync(server, overGrpc: true, ending.Token), HonestAsync(server, overGrpc: false, ending.Token)];
        byte[] rest = Rest();
        byte[] message = GrpcMessage();
        byte[] raw = RawHttp2(message);
        int next = 0;
        int answered = 0;
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(_ => Task.Run(async () =>
        {
            for (int number = Interlocked.Increment(ref next); number <= Mutations; number = Interlocked.Increment(ref next))
            {
                Random random = new(number);
                bool isAnswered = (number % 3) switch
                {
                    0 => await SendAsync(server.Server.HttpAddress.Port, Mutate(rest, random)),
                    1 => await CallAsync(server, Mutate(message, random)),
                    _ => await SendAsync(server.Server.GrpcAddress.Port, Mutate(raw, random)),
                };
                _ = Interlocked.Add(ref answered, isAnswered ? 1 : 0);
            }
        })));
        ending.Cancel();
        int[] served = await Task.WhenAll(honest);
        output.WriteLine($"{Mutations} damaged requests, {answered} of them answered; beside them {served[0]} and {served[1]} "
            + $"honest ones, all answered as they should be");
        Assert.All(served, static count => Assert.True(count > 0));
        await server.UntilQuietAsync();
        Assert.True(server.Server.IsReady);
    }

    [Fact]
    public async Task Slow_and_half_open_clients_hold_no_slot_and_are_cut_off()
    {
        await using TestServer server = await StartAsync(static options => options.ReceiveTimeout = TimeSpan.FromSeconds(10));
        byte[] rest = Rest();
        byte[] raw = RawHttp2(GrpcMessage());
        List<TcpClient> slow = [];
        for (int number = 0; number < 100; number++)
        {
            // Headers and a part of the body, or of the preface; then nothing.
            byte[] part = number % 2 == 0 ? rest[..^(1 + number)] : raw[..Math.Min(20 + (4 * number), raw.Length - 1)];
            TcpClient client = new();
            await client.ConnectAsync(IPAddress.Loopback, number % 2 == 0 ? server.Server.HttpAddress.Port : server.Server.GrpcAddress.Port);
            await client.GetStream().WriteAsync(part);
            slow.Add(client);
        }

        using CancellationTokenSource ending = new();
        Task<int> honest = HonestAsync(server, overGrpc: true, ending.Token);

        // Those of REST have begun a request, and are cut off by the time that it may take.
        byte[] buffer = new byte[4096];
        for (int number = 0; number < slow.Count; number += 2)
        {
            using CancellationTokenSource patience = new(TestServer.Patience);
            try
            {
                while (await slow[number].GetStream().ReadAsync(buffer, patience.Token) > 0)
                {
                }
            }
            catch (IOException)
            {
            }
        }

        Assert.Equal(0, server.Detectors[0].Statistics.SlotsRented);
        slow.ForEach(static client => client.Dispose());
        ending.Cancel();
        Assert.True(await honest > 0);
        await server.UntilQuietAsync();
    }

    [Fact]
    public async Task Clients_that_go_away_in_the_middle_leave_nothing_behind()
    {
        await using TestServer server = await StartAsync();
        for (int round = 0; round < 30; round++)
        {
            using CancellationTokenSource leaving = new(TimeSpan.FromMilliseconds(round % 10));
            using GrpcClient grpc = new(server.Server.GrpcAddress);
            using AsyncDuplexStreamingCall<ModelInferRequest, ModelStreamInferResponse> stream = grpc.Stream();
            try
            {
                for (int frame = 0; frame < 20; frame++)
                {
                    await stream.RequestStream.WriteAsync(GrpcClient.Frame("echo"), leaving.Token);
                }

                _ = await grpc.InferAsync(GrpcClient.Frame("echo"), cancellationToken: leaving.Token);
            }
            catch (Exception error) when (error is RpcException or OperationCanceledException or InvalidOperationException)
            {
            }
        }

        await server.UntilQuietAsync();
        Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame("echo"))));
    }

    private static Task<TestServer> StartAsync(Action<DetectionServerOptions>? configure = null) => TestServer.StartAsync(options =>
    {
        // All that is not on by itself is: none of it is to be reached by damage alone.
        options.SharedMemory = OperatingSystem.IsLinux();
        options.MaxRequestBytes = 1 << 20;
        configure?.Invoke(options);
    });

    private static async Task<int> HonestAsync(TestServer server, bool overGrpc, CancellationToken ending)
    {
        int served = 0;
        byte[] png = PictureFile.EncodePng(Enumerable.Repeat((byte)4, 32 * 16 * 3).ToArray(), new FrameFormat(PixelFormat.Bgr24, 32, 16));
        using GrpcClient grpc = new(server.Server.GrpcAddress);
        while (!ending.IsCancellationRequested)
        {
            if (overGrpc)
            {
                Assert.Equal([new Detection(1, 0.5f, 0, 0, 32, 16)],
                    TestServer.Found(await grpc.InferAsync(GrpcClient.Frame("echo", 4), cancellationToken: CancellationToken.None)));
            }
            else
            {
                using HttpResponseMessage response =
                    await server.Http.PostAsync("/v2/models/echo/detect", new ByteArrayContent(png), CancellationToken.None);
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            }

            served++;
        }

        return served;
    }

    private static byte[] Rest()
    {
        const string Json =
            """
            {"id":"x","inputs":[{"name":"image","datatype":"UINT8","shape":[2,4,3],"parameters":{"binary_data_size":24,"pixel_format":"rgb24"}}],
            "outputs":[{"name":"boxes"}]}
            """;
        string head = $"POST /v2/models/echo/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: "
            + $"{Json.Length + 24}\r\nInference-Header-Content-Length: {Json.Length}\r\n\r\n";
        return [.. Encoding.ASCII.GetBytes(head + Json), .. new byte[24]];
    }

    private static byte[] GrpcMessage()
    {
        ModelInferRequest request = GrpcClient.Frame("echo", width: 4, height: 2, id: "x");
        request.Inputs[0].Parameters["pixel_format"] = new InferParameter { StringParam = "rgb24" };
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "boxes" });
        request.Parameters["timeout"] = new InferParameter { Int64Param = 60_000_000 };
        return request.ToByteArray();
    }

    /// <summary>A call as the bytes of a connection: preface, settings, a header block without compression, the message.</summary>
    private static byte[] RawHttp2(byte[] message)
    {
        byte[] headers =
            [.. Header(":method", "POST"), .. Header(":scheme", "http"), .. Header(":path", "/inference.GRPCInferenceService/ModelInfer"),
            .. Header(":authority", "127.0.0.1"), .. Header("content-type", "application/grpc"), .. Header("te", "trailers")];
        byte[] data = [0, .. BigEndian(message.Length), .. message];
        return [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(4, 0, 0, []), .. Frame(1, 4, 1, headers), .. Frame(0, 1, 1, data)];

        static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
        static byte[] Header(string name, string value) =>
            [0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];
        static byte[] Frame(byte type, byte flags, int stream, byte[] payload) =>
            [.. BigEndian(payload.Length)[1..], type, flags, .. BigEndian(stream), .. payload];
    }

    private static byte[] Mutate(byte[] original, Random random)
    {
        List<byte> bytes = [.. original];
        for (int change = random.Next(1, 5); change > 0 && bytes.Count > 1; change--)
        {
            int place = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[place] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[place] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(place, Math.Min(random.Next(1, 16), bytes.Count - place));
                    break;
                case 3:
                    bytes.InsertRange(place, Enumerable.Repeat((byte)random.Next(256), random.Next(1, 64)));
                    break;
                case 4:
                    bytes.RemoveRange(place, bytes.Count - place);
                    break;
                default:
                    bytes.InsertRange(place, bytes.GetRange(place, Math.Min(random.Next(1, 64), bytes.Count - place)));
                    break;
            }
        }

        return [.. bytes];
    }

    // Sends it, ends its side, and reads what comes until the other side ends; true where something came.
    private static async Task<bool> SendAsync(int port, byte[] bytes)
    {
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, port);
        using CancellationTokenSource patience = new(TestServer.Patience);
        byte[] buffer = new byte[4096];
        bool isAnswered = false;
        try
        {
            NetworkStream stream = client.GetStream();
            await stream.WriteAsync(bytes, patience.Token);
            client.Client.Shutdown(SocketShutdown.Send);
            while (await stream.ReadAsync(buffer, patience.Token) > 0)
            {
                isAnswered = true;
            }
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            // It was cut off before all was sent.
        }

        return isAnswered;
    }

    private static async Task<bool> CallAsync(TestServer server, byte[] message)
    {
        using HttpRequestMessage call = new(HttpMethod.Post, new Uri(server.Server.GrpcAddress, "/inference.GRPCInferenceService/ModelInfer"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(
                [0, (byte)(message.Length >> 24), (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message]),
        };
        call.Content.Headers.ContentType = new("application/grpc");
        call.Headers.TE.Add(new("trailers"));
        using HttpResponseMessage response = await server.Http.SendAsync(call);
        _ = await response.Content.ReadAsByteArrayAsync();

        // One of the protocol's answers, and never that something unexpected was met.
        string status = (
            response.TrailingHeaders.TryGetValues("grpc-status", out IEnumerable<string>? values) ? values
            : response.Headers.GetValues("grpc-status")).Single();
        Assert.Contains(status, (string[])["0", "3", "5", "7"]);
        return true;
    }
}
