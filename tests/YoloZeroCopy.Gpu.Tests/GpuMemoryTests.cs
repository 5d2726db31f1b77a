using System.Diagnostics;
using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>
/// What is planned of the device's memory against what the driver says that a process of its own has taken, its CUDA context included. Another
/// process on the device would be counted, too.
/// </summary>
public sealed class GpuMemoryTests(ITestOutputHelper output)
{
    private const double Tolerance = 0.10;

    public static TheoryData<string, Precision, int, int> Plans()
    {
        TheoryData<string, Precision, int, int> data = [];
        foreach (string model in (string[])["conveyor", "yolov8n"])
        {
            foreach (Precision precision in (Precision[])[Precision.Half, Precision.Single])
            {
                foreach ((int batch, int lanes) in ((int, int)[])[(1, 1), (1, 6), (8, 1), (8, 3), (8, 6), (32, 1), (32, 6)])
                {
                    data.Add(model, precision, batch, lanes);
                }
            }
        }

        return data;
    }

    [GpuTheory]
    [MemberData(nameof(Plans))]
    public void The_plan_is_within_10_percent_of_what_the_driver_reports(string model, Precision precision, int batch, int lanes)
    {
        // What ONNX Runtime takes is known of the full network only; the thin one of these tests takes less.
        Assert.SkipWhen(
            model == "yolov8n" && precision == Precision.Single && batch > 1 && !TestData.HasFullArchitectures,
            "YZC_ARCHITECTURES names no folder with full architectures.");
        string file = model == "conveyor" ? TestData.Model : TestData.Architecture(model);
        Phase[] phases = Watch(FormattableString.Invariant($"memory,plan,{file},{precision},{batch},{lanes}"));
        (long planned, long taken) = (phases[^1].PlannedBytes, phases[^1].TakenBytes);
        string figures = $"planned {planned >> 20} MiB, taken {taken >> 20} MiB, {Percent(planned, taken)}";
        output.WriteLine($"TOTAL {model} {precision} batch {batch} lanes {lanes}: {figures}");
        Assert.True(Math.Abs(planned - taken) <= Tolerance * taken, $"{planned >> 20} MiB are planned, {taken >> 20} MiB are taken.");
    }

    [GpuTheory]
    [InlineData("h264-conveyor")]
    [InlineData("h264-b-1080")]
    [InlineData("h264-odd")]
    [InlineData("hevc-b-1080")]
    [InlineData("hevc-10-b")]
    public void Video_decoders_take_what_is_planned(string clip)
    {
        Assert.SkipUnless(CudaVideoDecoder.TryInitialize(out string reason), reason);
        CheckDecoders($"memory,video,{clip}");
    }

    [GpuJpegTheory]
    [InlineData(CudaJpegBackend.Automatic)]
    [InlineData(CudaJpegBackend.Engine)]
    public void Jpeg_decoders_take_what_is_planned(CudaJpegBackend backend) => CheckDecoders($"memory,jpeg,{backend}");

    /// <summary>The first decoder loads the library, so the rest are looked at.</summary>
    private void CheckDecoders(string child)
    {
        Phase[] phases = [.. Watch(child).Where(static phase => phase.Name.StartsWith("decoders-", StringComparison.Ordinal))];
        (long planned, long taken) = (phases[^1].PlannedBytes - phases[0].PlannedBytes, phases[^1].TakenBytes - phases[0].TakenBytes);
        string figures = $"planned {planned >> 20} MiB, taken {taken >> 20} MiB, {Percent(planned, taken)}";
        output.WriteLine($"TOTAL {child}: {phases.Length - 1} more decoders, {figures}");
        Assert.True(Math.Abs(planned - taken) <= Tolerance * taken, $"{planned >> 20} MiB are planned, {taken >> 20} MiB are taken.");
    }

    private static string Percent(long planned, long taken) => ((planned - taken) / (double)taken).ToString("P1", CultureInfo.InvariantCulture);

    private Phase[] Watch(string child)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        long before = (long)context.GetMemoryInfo().FreeBytes;
        ProcessStartInfo start = new(Environment.ProcessPath!, ["--child", child])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        List<Phase> phases = [];
        while (process.StandardOutput.ReadLine() is string line)
        {
            output.WriteLine(line);
            if (line.Split(' ') is ["phase", string name, string planned])
            {
                long taken = before - (long)context.GetMemoryInfo().FreeBytes;
                phases.Add(new Phase(name, long.Parse(planned, CultureInfo.InvariantCulture), taken));
                output.WriteLine(FormattableString.Invariant($"  taken {taken} bytes, {taken >> 20} MiB"));
                process.StandardInput.WriteLine();
            }
        }

        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors.GetAwaiter().GetResult());
        return [.. phases];
    }

    private readonly record struct Phase(string Name, long PlannedBytes, long TakenBytes);
}
