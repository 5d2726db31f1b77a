using System.Diagnostics;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary>Full load for a long time, looked at every second: what leaks, slows down or gets lost shows here.</summary>
internal static class SoakBenchmark
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ClockStep = TimeSpan.FromSeconds(5);

    public static async Task<SoakSection> RunAsync(
        YoloDetector detector, EndToEndBenchmark pipeline, BenchDevice? device, TimeSpan duration, CancellationToken stop)
    {
        DetectorStatistics before = detector.Statistics;
        using ManualResetEventSlim ended = new();
        List<SoakSample> samples = [];
        List<int> clocks = [];
        long start = Stopwatch.GetTimestamp();
        long answered = pipeline.Answered;
        Task sampler = Task.Factory.StartNew(
            () => Sample(device, pipeline, start, answered, samples, clocks, ended), CancellationToken.None, TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
        EndToEndSlice slice;
        try
        {
            slice = await pipeline.RunAsync(duration, stop);
        }
        finally
        {
            ended.Set();
            await sampler;
        }

        DetectorStatistics after = detector.Statistics;
        return new SoakSection
        {
            Seconds = slice.Elapsed.TotalSeconds,
            Frames = slice.Frames,
            Submitted = after.FramesSubmitted - before.FramesSubmitted,
            Failed = after.FramesFailed - before.FramesFailed,
            Dropped = slice.Drops,
            SlotsInUse = after.SlotsInUse,
            Samples = samples,
            Clocks = clocks,
            HasDevice = device is not null,
        };
    }

    private static void Sample(
        BenchDevice? device, EndToEndBenchmark pipeline, long start, long answered, List<SoakSample> samples, List<int> clocks,
            ManualResetEventSlim ended)
    {
        TimeSpan nextClock = ClockStep;
        bool last;
        do
        {
            // The last sample is taken when all is answered.
            last = samples.Count > 0 && ended.Wait(Step);
            TimeSpan at = Stopwatch.GetElapsedTime(start);
            long free = device is null ? 0 : (long)device.Context.GetMemoryInfo().FreeBytes;
            samples.Add(new SoakSample(at.TotalSeconds, pipeline.Answered - answered, free, Environment.WorkingSet));
            if (device is not null && at >= nextClock && !last)
            {
                nextClock = at + ClockStep;
                if (ReadClock(device.Context.Device.PciBusId) is int clock)
                {
                    clocks.Add(clock);
                }
                else
                {
                    nextClock = TimeSpan.MaxValue;
                }
            }
        }
        while (!last);
    }

    // The driver's own program; where it is not there, nothing is said.
    private static int? ReadClock(string bus)
    {
        try
        {
            ProcessStartInfo start = new("nvidia-smi", ["--id=" + bus, "--query-gpu=clocks.sm", "--format=csv,noheader,nounits"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process? process = Process.Start(start);
            string text = process?.StandardOutput.ReadToEnd() ?? "";
            return int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int clock) ? clock : null;
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or IOException or InvalidOperationException)
        {
            return null;
        }
    }
}
