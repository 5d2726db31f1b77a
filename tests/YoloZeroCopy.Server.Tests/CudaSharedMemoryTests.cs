using System.Net;
using Google.Protobuf;
using Grpc.Core;
using YoloZeroCopy.Cli.Tests;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server.Tests;

/// <summary>Frames and results in device memory of another process, on the stand-in driver, which maps 4,096 bytes for any handle of its
/// own.</summary>
public sealed class CudaSharedMemoryTests(CompiledSources sources, ITestOutputHelper output) : IClassFixture<CompiledSources>
{
    [Fact]
    public async Task Frames_are_read_on_the_device_and_results_written_there()
    {
        await using TestServer server = await StartAsync();
        byte[] handle = new byte[CudaIpc.HandleBytes];
        Assert.Contains("has 4096 bytes", (await Refused(server, "device", handle, 0, 4097)).Status.Detail, StringComparison.Ordinal);
        Assert.Contains(
            "cuIpcOpenMemHandle", (await Refused(server, "device", new byte[64], 0, 4096, mark: false)).Status.Detail, StringComparison.Ordinal);
        Assert.Contains("64 bytes", (await Refused(server, "device", new byte[63], 0, 4096, mark: false)).Status.Detail, StringComparison.Ordinal);
        Assert.Contains("CUDA device 3", (await Refused(server, "device", handle, 3, 4096)).Status.Detail, StringComparison.Ordinal);
        await RegisterAsync(server, "device", handle, 0, 4096);
        CudaSharedMemoryStatusResponse status = await server.Grpc.CallAsync<CudaSharedMemoryStatusRequest,
            CudaSharedMemoryStatusResponse>("CudaSharedMemoryStatus", new());
        Assert.Equal(4096u, status.Regions["device"].ByteSize);

        // The stand-in finds nothing in frames; that it was asked of them where they lie is what its counts say.
        ModelInferRequest request = InferTests.Tensor("rgb24", 16, 64, 3);
        request.ModelName = "cuda";
        SharedMemoryTests.Place(request.Inputs[0].Parameters, "device", 1000, 16 * 64 * 3);
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "counts" });
        SharedMemoryTests.Place(request.Outputs[0].Parameters, "device", 4092, 4);
        for (int frame = 0; frame < 20; frame++)
        {
            ModelInferResponse response = await server.Grpc.InferAsync(request);
            Assert.Equal(ByteString.Empty, response.RawOutputContents.Single());
        }

        // Beyond the region, and a picture's file, which is not read there.
        SharedMemoryTests.Place(request.Inputs[0].Parameters, "device", 1025, 16 * 64 * 3);
        Assert.Equal(StatusCode.InvalidArgument, (await server.Grpc.RefusedAsync(request)).StatusCode);
        ModelInferRequest picture = new()
        {
            ModelName = "cuda",
            Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "picture", Datatype = "BYTES", Shape = { 1 } } },
        };
        SharedMemoryTests.Place(picture.Inputs[0].Parameters, "device", 0, 100);
        Assert.Equal(StatusCode.InvalidArgument, (await server.Grpc.RefusedAsync(picture)).StatusCode);

        // Unregistered under frames that are on their way, it is closed behind the last.
        SharedMemoryTests.Place(request.Inputs[0].Parameters, "device", 0, 16 * 64 * 3);
        Task<ModelInferResponse>[] open = [.. Enumerable.Range(0, 16).Select(_ => server.Grpc.InferAsync(request))];
        using HttpResponseMessage unregistered = await server.Http.PostAsync("/v2/cudasharedmemory/region/device/unregister", null);
        Assert.Equal(HttpStatusCode.OK, unregistered.StatusCode);
        await Task.WhenAll(open).ContinueWith(static _ => { }, TaskScheduler.Default);
        Assert.All(open, static one => Assert.True(
            one.IsCompletedSuccessfully
            || one.Exception!.InnerException is RpcException { StatusCode: StatusCode.NotFound or StatusCode.InvalidArgument }));
        Assert.Equal("", StandInMisuse());
    }

    [Fact]
    public async Task Tritons_own_client_gives_a_handle_and_infers_in_its_memory()
    {
        TritonClientTests.ThrowIfAbsent();
        await using TestServer server = await StartAsync();
        byte[] handle = new byte[CudaIpc.HandleBytes];
        handle[63] = 42;
        output.WriteLine(await TritonClientTests.RunAsync(server.Server.GrpcAddress, "cuda", $"{Convert.ToHexString(handle)}:16x64"));
        Assert.Equal("", StandInMisuse());
    }

    private Task<TestServer> StartAsync()
    {
        UseStandIn(sources);
        return TestServer.StartAsync(new Dictionary<string, DetectFunction> { ["cuda"] = TestServer.Echo }, static options =>
        {
            options.SharedMemory = true;
            options.Open = static (_, detector, _) => Task.FromResult(FakeCudaDetector.Open(detector with { MaxBatch = 2, Lanes = 2 }));
        });
    }

    private static Task RegisterAsync(TestServer server, string name, byte[] handle, long device, ulong bytes, bool mark = true)
    {
        if (mark)
        {
            handle[63] = 42;
        }

        return server.Grpc.CallAsync<CudaSharedMemoryRegisterRequest, CudaSharedMemoryRegisterResponse>(
            "CudaSharedMemoryRegister", new() { Name = name, RawHandle = ByteString.CopyFrom(handle), DeviceId = device, ByteSize = bytes });
    }

    private static Task<RpcException> Refused(TestServer server, string name, byte[] handle, long device, ulong bytes, bool mark = true) =>
        Assert.ThrowsAsync<RpcException>(() => RegisterAsync(server, name, handle, device, bytes, mark));

    // For the whole process: the other tests name the processor.
    private static void UseStandIn(CompiledSources sources)
    {
        Environment.SetEnvironmentVariable("YZC_CUDA_DRIVER", sources.Library("cuda_double/cuda_double.c", "-DYZC_DOUBLE_VERSION=12080"));
        bool isThere = CudaDriver.TryInitialize(out string reason);
        Environment.SetEnvironmentVariable("YZC_CUDA_DRIVER", null);
        Assert.True(isThere, reason);
    }

    private static unsafe string StandInMisuse() => System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)
        System.Runtime.InteropServices.NativeLibrary.GetExport(
            System.Runtime.InteropServices.NativeLibrary.Load(CudaDriver.Library), "yzc_misuse"))())!;
}
