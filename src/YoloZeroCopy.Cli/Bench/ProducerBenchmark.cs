using System.Globalization;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>Producers whose frames lie elsewhere: each copies every frame from a buffer of its own into a slot before it submits it.</summary>
internal sealed class ProducerBenchmark : IDisposable
{
    // More than a processor's caches hold, all producers taken together.
    private const int FramesEach = 6;

    private readonly YoloDetector detector;
    private readonly FrameFormat format;
    private readonly NativeFrames[] sources;
    private readonly NativeFrames[] targets;
    private readonly int pendingEach;

    public ProducerBenchmark(YoloDetector detector, FrameFormat format, int producers, int batch)
    {
        this.detector = detector;
        this.format = format;
        pendingEach = ((detector.SlotCount + (batch * detector.Inspection.LaneCount)) / producers) + 1;
        sources = new NativeFrames[producers];
        targets = new NativeFrames[producers];
        try
        {
            for (int number = 0; number < producers; number++)
            {
                sources[number] = new NativeFrames(FramesEach, format.ByteCount, number);
                targets[number] = new NativeFrames(FramesEach, format.ByteCount, number);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The same number of threads only copies frames, from buffer to buffer: bytes a second that were copied.</summary>
    public double CopyOnly(TimeSpan duration, CancellationToken stop)
    {
        long[] copies = new long[sources.Length];
        long start = Stopwatch.GetTimestamp();
        Thread[] threads = [.. Enumerable.Range(0, sources.Length).Select(number => new Thread(() =>
        {
            long done = 0;
            do
            {
                int place = (int)(done % FramesEach);
                sources[number][place].CopyTo(targets[number][place]);
                done++;
            }
            while (Stopwatch.GetElapsedTime(start) < duration && !stop.IsCancellationRequested);
            copies[number] = done;
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
        return (double)copies.Sum() * format.ByteCount / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>All producers at full speed: frames a second that came back with a result.</summary>
    public async Task<double> RunAsync(TimeSpan duration, CancellationToken stop)
    {
        ThreadPool.GetMinThreads(out int workers, out int ports);
        bool enough = ThreadPool.SetMinThreads(Math.Max(workers, sources.Length + 2), ports);
        _ = enough;
        long start = Stopwatch.GetTimestamp();
        long[] frames = await Task.WhenAll(Enumerable.Range(0, sources.Length).Select(
            number => Task.Run(() => ProduceAsync(number, start, duration, stop), CancellationToken.None)));
        return frames.Sum() / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose()
    {
        foreach (NativeFrames? frames in sources.Concat(targets))
        {
            frames?.Dispose();
        }
    }

    [SuppressMessage("Reliability", "CA2012", Justification = "A ring of tasks, each awaited exactly once.")]
    private async Task<long> ProduceAsync(int number, long start, TimeSpan duration, CancellationToken stop)
    {
        ValueTask<DetectionResult>[] pending = new ValueTask<DetectionResult>[pendingEach];
        long submitted = 0;
        long answered = 0;
        long handled = 0;
        while (true)
        {
            // At least one, as a busy machine may begin a producer late.
            bool more = (submitted == 0 || Stopwatch.GetElapsedTime(start) < duration) && !stop.IsCancellationRequested;
            if (more && submitted - answered < pendingEach)
            {
                FrameSlot slot = await detector.RentAsync(format, CancellationToken.None);
                sources[number][(int)(submitted % FramesEach)].CopyTo(slot.Span);
                pending[submitted % pendingEach] = detector.SubmitAsync(slot, number, cancellationToken: CancellationToken.None);
                submitted++;
                continue;
            }

            if (answered == submitted)
            {
                return handled;
            }

            using DetectionResult result = await pending[answered % pendingEach];
            answered++;
            handled += result.IsDropped ? 0 : 1;
        }
    }
}

/// <summary>What producers that copy their frames reach, beside what the same number of threads copies without a detector.</summary>
internal sealed record ProducerSection(int Producers, double Fps, double CopyBytesPerSecond, int FrameBytes) : IReportSection
{
    private const double Giga = 1e9;

    /// <summary>Frames a second that the host's memory could give.</summary>
    public double CopyFps => Statistics.Ratio(CopyBytesPerSecond, FrameBytes);

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("producers"u8);
        json.WriteNumber("threads"u8, Producers);
        json.WriteNumber("fps"u8, Math.Round(Fps, 2));
        json.WriteNumber("copied_gb_s"u8, Math.Round(Fps * FrameBytes / Giga, 3));
        json.WriteNumber("memcpy_gb_s"u8, Math.Round(CopyBytesPerSecond / Giga, 3));
        json.WriteNumber("memcpy_fps"u8, Math.Round(CopyFps, 1));
        json.WriteNumber("share_of_memcpy"u8, Math.Round(Statistics.Ratio(Fps, CopyFps), 4));
        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return (FormattableString.Invariant($"{Producers} producers copying"), string.Create(
            CultureInfo.InvariantCulture,
            $"{Fps:F1} frames/s = {Fps * FrameBytes / Giga:F2} GB/s copied; the same threads copying only: "
            + $"{CopyBytesPerSecond / Giga:F2} GB/s ({CopyFps:F0} frames/s)"));
    }
}
