using System.Diagnostics;
using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Server.Tests;

/// <summary>Triton's own Python client, which nobody here wrote, where it is there: eng/triton-client.sh makes it ready.</summary>
public sealed class TritonClientTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Tritons_own_client_does_all_that_it_is_asked()
    {
        ThrowIfAbsent();
        using TempFolder folder = new();
        File.Copy(Path.Combine(AppContext.BaseDirectory, "conveyor.onnx"), folder.File("conveyor.onnx"));
        await using DetectionServer server = await DetectionServer.StartAsync(new DetectionServerOptions
        {
            ModelFolder = folder.Path,
            HttpPort = 0,
            GrpcPort = 0,
            ModelControl = true,
            SharedMemory = true,
            MaxQueueAge = TestServer.Patience,
            Detector = new DetectorOptions { Device = Device.Cpu },
        });
        await server.Opened;
        output.WriteLine(await RunAsync(server.GrpcAddress, "conveyor"));
    }

    internal static void ThrowIfAbsent() => Assert.SkipWhen(
        Environment.GetEnvironmentVariable("YZC_TRITON_CLIENT") is null,
        "YZC_TRITON_CLIENT names no folder with Triton's Python client; eng/triton-client.sh makes one of its sources.");

    /// <summary>What the client's program says.</summary>
    internal static async Task<string> RunAsync(Uri address, string model, string? cudaFrame = null)
    {
        ProcessStartInfo start = new(
            "/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "triton_client.py"), address.Authority, model,
                Path.Combine(AppContext.BaseDirectory, "0.jpg")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["PYTHONPATH"] = Environment.GetEnvironmentVariable("YZC_TRITON_CLIENT"), ["YZC_CUDA_FRAME"] = cudaFrame },
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        return said;
    }
}
