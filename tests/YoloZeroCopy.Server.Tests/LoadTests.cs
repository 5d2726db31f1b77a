using System.Diagnostics;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using YoloZeroCopy.Server.Protocol;
using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Server.Tests;

/// <summary>Rate and latency by number of clients, beside the same detector in this process: the tables of docs/server.md. Only with YZC_SERVER_LOAD,
/// the seconds of each row, and h2load (eng/server-test-packages.sh).</summary>
public sealed class LoadTests(ITestOutputHelper output)
{
    private static readonly int[] Clients = [1, 8, 64, 256];

    [Fact]
    public async Task Rate_and_latency_by_clients()
    {
        string? asked = Environment.GetEnvironmentVariable("YZC_SERVER_LOAD");
        Assert.SkipWhen(asked is null, "YZC_SERVER_LOAD does not say for how many seconds each row is measured.");
        int seconds = int.Parse(asked!, CultureInfo.InvariantCulture);
        using TempFolder folder = new();
        File.Copy(Path.Combine(AppContext.BaseDirectory, "conveyor.onnx"), folder.File("conveyor.onnx"));
        await File.WriteAllBytesAsync(folder.File("nothing.onnx"), []);
        byte[] picture = await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "0.jpg"));
        byte[] pixels = new byte[320 * 240 * 3];
        FrameFormat format = new(PixelFormat.Rgb24, 320, 240);

        await using DetectionServer server = await DetectionServer.StartAsync(Options(folder.Path, TimeSpan.FromMinutes(10)));
        await server.Opened;
        await using YoloDetector nothing =
            YoloDetector.FromFunction(ModelInfo.OfClasses("nothing"), static (_, _) => [], Options(folder.Path, default).Detector);
        await using YoloDetector conveyor = await YoloDetector.OpenAsync(folder.File("conveyor.onnx"), Options(folder.Path, default).Detector);

        // Without a model's work: a tensor of 320x240 and a function that finds nothing.
        const string Json =
            """
            {"inputs":[{"name":"image","datatype":"UINT8","shape":[240,320,3],"parameters":{"binary_data_size":230400}}],
            "parameters":{"binary_data_output":true}}
            """;
        string restBody = Write(folder, "rest", [.. Encoding.UTF8.GetBytes(Json), .. pixels]);
        string grpcBody = Write(folder, "grpc", Framed(GrpcClient.Frame("nothing", width: 320, height: 240)));
        string[] rest = ["--h1", "-H", $"Inference-Header-Content-Length: {Json.Length}"];
        const string Unary = "/inference.GRPCInferenceService/ModelInfer";

        // What is compiled when it is first used is so before anything is measured.
        _ = await H2LoadAsync(1, -20, server.HttpAddress, "/v2/models/nothing/infer", restBody, rest);
        _ = await H2LoadAsync(1, -20, server.GrpcAddress, Unary, grpcBody, Grpc);
        Head("A function that finds nothing, 320x240 pixels as a tensor");
        foreach (int clients in Clients)
        {
            Row(
                clients,
                await InProcessAsync(clients, seconds, () => nothing.DetectAsync(pixels, format)),
                await H2LoadAsync(clients, seconds, server.HttpAddress, "/v2/models/nothing/infer", restBody, rest),
                await H2LoadAsync(clients, seconds, server.GrpcAddress, Unary, grpcBody, Grpc));
        }

        // With the sample's model, computed at 160x160: a JPEG of 640x480. As many requests for each client, so that those that wait are in the
        // figures.
        string pictureBody = Write(folder, "picture", picture);
        byte[] elements = [.. BitConverter.GetBytes(picture.Length), .. picture];
        string grpcPicture = Write(folder, "grpcPicture", Framed(new ModelInferRequest
        {
            ModelName = "conveyor",
            Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "picture", Datatype = "BYTES", Shape = { 1 } } },
            RawInputContents = { ByteString.CopyFrom(elements) },
        }));
        Head("The sample's model at 160x160, a JPEG of 640x480");
        foreach (int clients in Clients)
        {
            int requests = Math.Max(200, 4 * clients);
            Row(
                clients,
                await InProcessAsync(clients, -requests, () => conveyor.DetectAsync((ReadOnlyMemory<byte>)picture)),
                await H2LoadAsync(clients, -requests, server.HttpAddress, "/v2/models/conveyor/detect", pictureBody, "--h1"),
                await H2LoadAsync(clients, -requests, server.GrpcAddress, Unary, grpcPicture, Grpc));
        }

        // The same with a limit to the queue: what is answered is answered soon.
        await using DetectionServer limited = await DetectionServer.StartAsync(Options(folder.Path, TimeSpan.FromSeconds(0.5)));
        await limited.Opened;
        Figures some = await H2LoadAsync(64, seconds, limited.HttpAddress, "/v2/models/conveyor/detect", pictureBody, "--h1");
        output.WriteLine($"The same over REST with a queue of up to 0.5 s, 64 clients: {Text(some)}; {some.Refused} refused in {seconds} s.");
    }

    private static string[] Grpc => ["-H", "content-type: application/grpc", "-H", "te: trailers"];

    private static DetectionServerOptions Options(string folder, TimeSpan queueAge) => new()
    {
        ModelFolder = folder,
        HttpPort = 0,
        GrpcPort = 0,
        MaxQueueAge = queueAge,
        Detector = new DetectorOptions { Device = Device.Cpu, Slots = 16, InputSize = 160 },
        Open = static (path, detector, cancellationToken) => path.Contains("nothing", StringComparison.Ordinal)
            ? Task.FromResult(YoloDetector.FromFunction(ModelInfo.OfClasses("nothing"), static (_, _) => [], detector))
            : YoloDetector.OpenAsync(path, detector, cancellationToken: cancellationToken),
    };

    private static byte[] Framed(ModelInferRequest request)
    {
        byte[] message = request.ToByteArray();
        return [0, (byte)(message.Length >> 24), (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message];
    }

    private static string Write(TempFolder folder, string name, byte[] bytes)
    {
        File.WriteAllBytes(folder.File(name), bytes);
        return folder.File(name);
    }

    // For so many seconds; below zero, so many requests.
    private static async Task<Figures> InProcessAsync(int clients, int seconds, Func<ValueTask<DetectionResult>> detect)
    {
        List<double>[] times = [.. Enumerable.Range(0, clients).Select(static _ => new List<double>())];
        Stopwatch clock = Stopwatch.StartNew();
        await Task.WhenAll(times.Select(own => Task.Run(async () =>
        {
            while (seconds < 0 ? own.Count < -seconds / clients : clock.Elapsed.TotalSeconds < seconds)
            {
                long start = Stopwatch.GetTimestamp();
                using DetectionResult result = await detect();
                own.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        })));
        double[] all = [.. times.SelectMany(static own => own).Order()];
        return new Figures(all.Length / clock.Elapsed.TotalSeconds, all, 0);
    }

    private static async Task<Figures> H2LoadAsync(int clients, int seconds, Uri address, string path, string body, params string[] more)
    {
        string log = Path.GetTempFileName();
        File.Delete(log);
        ProcessStartInfo start = new(
            "h2load", ["-c", $"{clients}", "-m", "1", "-t", "1", seconds < 0 ? "-n" : "-D", $"{Math.Abs(seconds)}", "-d", body, $"--log-file={log}",
                .. more, new Uri(address, path).ToString()])
        {
            RedirectStandardOutput = true,
        };
        Stopwatch clock = Stopwatch.StartNew();
        using Process process = Process.Start(start)!;
        string said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        double taken = seconds < 0 ? clock.Elapsed.TotalSeconds : seconds;
        Assert.True(process.ExitCode == 0, said);

        // When it began in microseconds, status, how long it took.
        List<double> times = [];
        int refused = 0;
        foreach (string line in await File.ReadAllLinesAsync(log))
        {
            string[] parts = line.Split('\t');
            if (parts[1] == "200")
            {
                times.Add(long.Parse(parts[2], CultureInfo.InvariantCulture) / 1000.0);
            }
            else
            {
                refused++;
            }
        }

        File.Delete(log);
        times.Sort();
        return new Figures(times.Count / taken, [.. times], refused);
    }

    private void Head(string what) => output.WriteLine($"""
        {what}; load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}.

        | clients | in process | REST | gRPC |
        | ---: | ---: | ---: | ---: |
        """);

    private void Row(int clients, params Figures[] ways) => output.WriteLine($"| {clients} | {string.Join(" | ", ways.Select(Text))} |");

    // Rate, median and 99th percentile.
    private static string Text(Figures figures)
    {
        double[] times = figures.Milliseconds;
        return times.Length == 0
            ? "none was answered"
            : FormattableString.Invariant($"{figures.Rate:F1}/s, {times[times.Length / 2]:F1}, {times[times.Length * 99 / 100]:F1}");
    }

    private sealed record Figures(double Rate, double[] Milliseconds, int Refused);
}
