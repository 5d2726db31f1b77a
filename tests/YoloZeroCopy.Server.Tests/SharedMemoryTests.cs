using System.Net;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text.Json;
using Grpc.Core;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server.Tests;

/// <summary>Frames and results in shared memory of the system, whose owner is not to be trusted.</summary>
public sealed class SharedMemoryTests
{
    private const int Width = 64;
    private const int Height = 32;
    private const int FrameBytes = Width * Height * 3;

    [Fact]
    public async Task Frames_are_read_from_it_and_results_written_into_it()
    {
        using Memory memory = new(FrameBytes + 4096);
        await using TestServer server = await StartAsync();
        memory.Write(100, 4);
        await RegisterAsync(server, "region", memory.Key, 100, FrameBytes);
        await RegisterAsync(server, "answers", memory.Key, 0, FrameBytes + 4096);
        ModelInferRequest request = InShared("region", 0, FrameBytes);
        Assert.Equal([new Detection(1, 0.5f, 0, 0, Width, Height)], TestServer.Found(await server.Grpc.InferAsync(request)));

        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "counts" });
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "boxes" });
        Place(request.Outputs[1].Parameters, "answers", FrameBytes + 96, 160);
        ModelInferResponse response = await server.Grpc.InferAsync(request);
        Assert.Equal(("answers", 160, 2, 0), (response.Outputs[1].Parameters["shared_memory_region"].StringParam,
            response.Outputs[1].Parameters["shared_memory_byte_size"].Int64Param, response.RawOutputContents.Count,
                response.RawOutputContents[1].Length));
        Assert.Equal([0f, 0f, Width, Height], MemoryMarshal.Cast<byte, float>(memory.Read(FrameBytes + 96, 16)).ToArray());

        // The same over REST, where regions are listed, too.
        JsonElement listed = await server.Http.GetFromJsonAsync<JsonElement>("/v2/systemsharedmemory/status");
        Assert.Equal(["answers", "region"], listed.EnumerateArray().Select(region => region.GetProperty("name").GetString()).Order());
        JsonElement rest = await InferTests.JsonAsync(await server.Http.PostAsync("/v2/models/echo/infer", InferTests.Text(
            $$$"""
            {"inputs":[{"name":"image","datatype":"UINT8","shape":[{{{Height}}},{{{Width}}},3],
            "parameters":{"shared_memory_region":"region","shared_memory_byte_size":{{{FrameBytes}}}}}],"outputs":[{"name":"counts"}]}
            """)));
        Assert.Equal(1, rest.GetProperty("outputs")[0].GetProperty("data")[0].GetInt32());
        Assert.Equal(HttpStatusCode.OK, (await server.Http.PostAsync("/v2/systemsharedmemory/region/region/unregister", null)).StatusCode);
        Assert.Equal(StatusCode.NotFound, (await server.Grpc.RefusedAsync(InShared("region", 0, FrameBytes))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync("/v2/systemsharedmemory/region/region/status")).StatusCode);
    }

    [Fact]
    public async Task Memory_that_is_shortened_or_changed_under_the_server_ends_requests_and_nothing_else()
    {
        using Memory memory = new(FrameBytes);
        byte[] png = PictureFile.EncodePng(new byte[FrameBytes], new FrameFormat(PixelFormat.Bgr24, Width, Height));
        using Memory picture = new(png.Length + 4);
        await using TestServer server = await StartAsync();
        await RegisterAsync(server, "region", memory.Key, 0, FrameBytes);
        await RegisterAsync(server, "picture", picture.Key, 0, png.Length + 4);
        using CancellationTokenSource ending = new();
        Task shortening = Task.Run(() =>
        {
            for (int round = 0; !ending.IsCancellationRequested; round++)
            {
                memory.SetLength(round % 2 == 0 ? 100 : FrameBytes);
                picture.Write(0, (byte[])[.. BitConverter.GetBytes(round % 3 == 0 ? int.MaxValue : png.Length), .. png[..(round % png.Length)]]);
            }
        });
        (int answered, int refused) = (0, 0);
        for (int request = 0; request < 300 || answered == 0 || refused == 0; request++)
        {
            ModelInferRequest infer = request % 2 == 0 ? InShared("region", 0, FrameBytes) : Picture(png.Length + 4);
            try
            {
                Assert.Single(TestServer.Found(await server.Grpc.InferAsync(infer)));
                answered++;
            }
            catch (RpcException error)
            {
                Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
                refused++;
            }

            Assert.Single(TestServer.Found(await server.Grpc.InferAsync(GrpcClient.Frame("echo"))));
        }

        ending.Cancel();
        await shortening;
        await server.UntilQuietAsync();
    }

    [Fact]
    public async Task Only_names_of_shared_memory_and_parts_that_are_there_are_registered()
    {
        using Memory memory = new(FrameBytes);
        await using TestServer server = await StartAsync();
        string link = $"/yzc-link-{Guid.NewGuid():N}";
        _ = File.CreateSymbolicLink("/dev/shm" + link, "/etc/passwd");
        try
        {
            foreach ((string key, ulong offset, ulong bytes) in new (string, ulong, ulong)[]
            {
                ("", 0, 1), ("/", 0, 1), ("..", 0, 1), ("/../etc/passwd", 0, 1), ("/a/b", 0, 1), ("/nobody", 0, 1), (link, 0, 1),
                    (new string('x', 256), 0, 1), ("/a\0b", 0, 1),
                (memory.Key, 0, FrameBytes + 1), (memory.Key, FrameBytes, 1), (memory.Key, ulong.MaxValue, 2), (memory.Key, 2, ulong.MaxValue),
                    (memory.Key, 0, 0),
            })
            {
                RpcException error = await Assert.ThrowsAsync<RpcException>(() => RegisterAsync(server, "region", key, offset, bytes));
                Assert.Equal((StatusCode.InvalidArgument, false),
                    (error.StatusCode, error.Status.Detail.Contains("did not expect", StringComparison.Ordinal)));
            }
        }
        finally
        {
            File.Delete("/dev/shm" + link);
        }

        await RegisterAsync(server, "region", memory.Key, 0, FrameBytes);
        RpcException twice = await Assert.ThrowsAsync<RpcException>(() => RegisterAsync(server, "region", memory.Key, 0, 1));
        Assert.Contains("already", twice.Status.Detail, StringComparison.Ordinal);
        foreach ((long offset, long bytes) in new (
            long, long)[] { (1, FrameBytes), (0, FrameBytes + 1), (long.MaxValue, FrameBytes), (0, long.MaxValue), (-1, FrameBytes), (0, 100) })
        {
            Assert.Equal(StatusCode.InvalidArgument, (await server.Grpc.RefusedAsync(InShared("region", offset, bytes))).StatusCode);
        }

        ModelInferRequest output = GrpcClient.Frame("echo");
        output.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "boxes" });
        foreach ((long offset, long bytes) in new (long, long)[] { (FrameBytes - 100, 160), (0, 159), (long.MaxValue, 160) })
        {
            output.Outputs[0].Parameters.Clear();
            Place(output.Outputs[0].Parameters, "region", offset, bytes);
            Assert.Equal(StatusCode.InvalidArgument, (await server.Grpc.RefusedAsync(output)).StatusCode);
        }

        await server.UntilQuietAsync();
    }

    private static async Task<TestServer> StartAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Shared memory by name is served on Linux.");
        return await TestServer.StartAsync(static options => options.SharedMemory = true);
    }

    private static Task RegisterAsync(TestServer server, string name, string key, ulong offset, ulong bytes) =>
        server.Grpc.CallAsync<SystemSharedMemoryRegisterRequest, SystemSharedMemoryRegisterResponse>(
            "SystemSharedMemoryRegister", new() { Name = name, Key = key, Offset = offset, ByteSize = bytes });

    private static Task RegisterAsync(TestServer server, string name, string key, int offset, int bytes) =>
        RegisterAsync(server, name, key, (ulong)offset, (ulong)bytes);

    private static ModelInferRequest InShared(string region, long offset, long bytes)
    {
        ModelInferRequest request = InferTests.Tensor("rgb24", Height, Width, 3);
        Place(request.Inputs[0].Parameters, region, offset, bytes);
        return request;
    }

    private static ModelInferRequest Picture(long bytes)
    {
        ModelInferRequest request = new()
        {
            ModelName = "echo",
            Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "picture", Datatype = "BYTES", Shape = { 1 } } },
        };
        Place(request.Inputs[0].Parameters, "picture", 0, bytes);
        return request;
    }

    internal static void Place(IDictionary<string, InferParameter> parameters, string region, long offset, long bytes)
    {
        parameters["shared_memory_region"] = new InferParameter { StringParam = region };
        parameters["shared_memory_offset"] = new InferParameter { Int64Param = offset };
        parameters["shared_memory_byte_size"] = new InferParameter { Int64Param = bytes };
    }

    /// <summary>Shared memory of the system, as <c>shm_open</c> makes it.</summary>
    private sealed class Memory : IDisposable
    {
        private readonly FileStream file;

        public Memory(int bytes)
        {
            Assert.SkipUnless(Directory.Exists("/dev/shm"), "There is no /dev/shm.");
            Key = $"/yzc-test-{Guid.NewGuid():N}";
            file = new FileStream("/dev/shm" + Key, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            file.SetLength(bytes);
        }

        public string Key { get; }

        public void Write(int offset, params byte[] bytes) => RandomAccess.Write(file.SafeFileHandle, bytes, offset);

        public byte[] Read(int offset, int count)
        {
            byte[] bytes = new byte[count];
            Assert.Equal(count, RandomAccess.Read(file.SafeFileHandle, bytes, offset));
            return bytes;
        }

        public void SetLength(int bytes) => file.SetLength(bytes);

        public void Dispose()
        {
            file.Dispose();
            File.Delete("/dev/shm" + Key);
        }
    }
}
