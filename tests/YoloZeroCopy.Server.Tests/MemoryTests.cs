using System.Buffers.Binary;
using System.Net;
using System.Text;
using Google.Protobuf;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server.Tests;

/// <summary>What a request allocates: alone, since the runtime counts for the whole process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}

[Collection(Alone.Name)]
public sealed class MemoryTests
{
    [Fact]
    public async Task Memory_does_not_grow_with_the_bytes_of_frames()
    {
        const int FrameBytes = 720 * 1280 * 3;
        const int Rounds = 4;
        const int Requests = 15;
        await using TestServer server = await TestServer.StartAsync(static options => options.Detector.SlotBytes = FrameBytes);
        string json =
            $$$"""
            {"inputs":[{"name":"image","datatype":"UINT8","shape":[720,1280,3],"parameters":{"binary_data_size":{{{FrameBytes}}}}}],
            "parameters":{"binary_data_output":true}}
            """;
        byte[] body = [.. Encoding.UTF8.GetBytes(json), .. new byte[FrameBytes]];
        byte[] message = [0, 0, 0, 0, 0, .. new ModelInferRequest
        {
            ModelName = "echo",
            Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "image", Datatype = "UINT8", Shape = { 720, 1280, 3 } } },
            RawInputContents = { ByteString.CopyFrom(new byte[FrameBytes]) },
        }.ToByteArray()];
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), message.Length - 5);
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int request = 0; request < Requests; request++)
            {
                await InferAsync(server, json, body, message);
            }

            least = Math.Min(least, (GC.GetTotalAllocatedBytes(precise: true) - before) / (2 * Requests));
        }

        // Of the best round, since pools give memory up where the machine is short of it. Both sides of both ways together; a frame alone has 2.8 MB.
        Assert.True(least < FrameBytes / 4, $"{least} bytes for each request");
    }

    private static async Task InferAsync(TestServer server, string json, byte[] body, byte[] message)
    {
        using ByteArrayContent content = new(body);
        content.Headers.Add("Inference-Header-Content-Length", json.Length.ToString());
        using HttpResponseMessage rest = await server.Http.PostAsync("/v2/models/echo/infer", content);
        Assert.Equal(HttpStatusCode.OK, rest.StatusCode);
        using HttpRequestMessage call = new(HttpMethod.Post, new Uri(server.Server.GrpcAddress, "/inference.GRPCInferenceService/ModelInfer"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(message),
        };
        call.Content.Headers.ContentType = new("application/grpc");
        call.Headers.TE.Add(new("trailers"));
        using HttpResponseMessage grpc = await server.Http.SendAsync(call);
        _ = await grpc.Content.ReadAsByteArrayAsync();
        Assert.Equal("0", grpc.TrailingHeaders.GetValues("grpc-status").Single());
    }
}
