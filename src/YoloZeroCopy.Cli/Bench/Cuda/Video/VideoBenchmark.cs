using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Decodes clips from memory, in as many streams at a time as asked for, with and without detecting in them.</summary>
internal static class VideoBenchmark
{
    private const double CameraFps = 30;
    private const double LongestLatency = 50_000;
    private const int MostCameras = 1024;
    private const int MostQuick = 4;

    // As fast as the streams go the order of display may wait a little, so that a decoding engine has the next picture when one is done.
    private const int DelayAtFullSpeed = 2;

    /// <summary>Measures one clip.</summary>
    /// <param name="detector">Opened without a delay for full batches: what is there is detected in.</param>
    /// <param name="device">Its device.</param>
    /// <param name="clip">The clip.</param>
    /// <param name="settings">Streams and time.</param>
    /// <param name="engineFps">What the engine reaches alone.</param>
    /// <param name="stop">Ends it early.</param>
    public static async Task<VideoSection> RunAsync(
        YoloDetector detector, BenchDevice device, ElementaryStream clip, BenchSettings settings, double engineFps, CancellationToken stop)
    {
        List<VideoRate> rates = [];
        foreach (int streams in settings.Streams)
        {
            int held = FramesHeld(detector, streams);
            VideoSlice decoded = await MeasureAsync(Decoded(clip, device, held), streams, default);
            VideoSlice detected = await MeasureAsync(Detected(clip, detector, held, DelayAtFullSpeed), streams, default);
            List<(string, VideoSlice)> others = [];
            foreach ((string name, Func<VideoStream, int, StreamDecoder> open) in OtherWays(clip, detector, device, held))
            {
                others.Add((name, await MeasureAsync(open, streams, default)));
            }

            rates.Add(new VideoRate(streams, decoded, detected, engineFps, others));
        }

        // Halving the range in which the number lies: as many as the best rate could serve, to none.
        int most = Math.Min(settings.Quick ? MostQuick : MostCameras, (int)(rates.Max(static rate => rate.Detected.Fps) / CameraFps));
        int good = 0;
        int bad = most + 1;
        VideoSlice? cameras = null;
        string? limit = null;
        while (bad - good > Math.Max(1, most / 25) && !stop.IsCancellationRequested)
        {
            // Near the top first: a device that is fed well gets there.
            int streams = good == 0 && bad == most + 1 ? Math.Max(1, most * 9 / 10) : (good + bad) / 2;
            VideoSlice slice;
            try
            {
                slice = await MeasureAsync(
                    Detected(clip, detector, FramesHeld(detector, streams), displayDelay: 0), streams, TimeSpan.FromSeconds(1 / CameraFps));
            }
            catch (CliException error) when (error.InnerException is CudaOutOfMemoryException)
            {
                // A driver makes some hundreds of decoders at most, however much memory is free.
                limit = error.Message;
                bad = streams;
                continue;
            }

            if (slice.Latency.Microseconds(0.99) <= LongestLatency && slice.Fps >= 0.99 * streams * CameraFps)
            {
                good = streams;
                cameras = slice;
            }
            else
            {
                bad = streams;
            }
        }

        stop.ThrowIfCancellationRequested();
        return new VideoSection(clip, rates, good, cameras, limit);

        Task<VideoSlice> MeasureAsync(Func<VideoStream, int, StreamDecoder> open, int streams, TimeSpan period) =>
            VideoBenchmark.MeasureAsync(open, detector, device, clip, (streams, period), settings.Time, stop);
    }

    // Enough for two batches between all streams; a stream alone takes what there can be.
    private static int FramesHeld(YoloDetector detector, int streams)
    {
        int batch = detector.Statistics.BatchSizes.Length - 1;
        return Math.Clamp(((2 * batch) + streams - 1) / streams, 4, 16);
    }

    private static Func<VideoStream, int, StreamDecoder> Decoded(ElementaryStream clip, BenchDevice device, int held) =>
        clip.Codec == VideoCodec.Mjpeg
            ? (stream, _) => StreamDecoder.Of(stream, device.Context, new CudaJpegDecoderOptions { MaxFramesHeld = held })
            : (stream, _) => StreamDecoder.Of(stream, device.Context, OptionsOf(clip, held, DelayAtFullSpeed));

    private static Func<VideoStream, int, StreamDecoder> Detected(ElementaryStream clip, YoloDetector detector, int held, int displayDelay)
    {
        return Open;

        StreamDecoder Open(VideoStream stream, int number)
        {
            return StreamDecoder.Of(clip.Codec == VideoCodec.Mjpeg
                ? new DeviceMjpeg(detector, new CudaJpegDecoderOptions { MaxFramesHeld = held }, DeviceFrameTakers.To(detector, number, Receive))
                : new DeviceVideo(detector, OptionsOf(clip, held, displayDelay), DeviceFrameTakers.To(detector, number, Receive)));

            void Receive(in DeviceFrame frame, ValueTask<DetectionResult> result) => stream.Await(result);
        }
    }

    private static CudaVideoDecoderOptions OptionsOf(ElementaryStream clip, int held, int displayDelay) => new()
    {
        Codec = clip.Codec == VideoCodec.H264 ? CudaVideoCodec.H264 : CudaVideoCodec.Hevc,
        MaxFramesHeld = held,
        DisplayDelay = displayDelay,
    };

    /// <summary>Of MJPEG: each part of the device that there is, and the processor, which decodes into memory and into slots.</summary>
    private static List<(string Name, Func<VideoStream, int, StreamDecoder> Open)> OtherWays(
        ElementaryStream clip, YoloDetector detector, BenchDevice device, int held)
    {
        List<(string, Func<VideoStream, int, StreamDecoder>)> ways = [];
        if (clip.Codec != VideoCodec.Mjpeg)
        {
            return ways;
        }

        foreach (CudaJpegBackend backend in Enum.GetValues<CudaJpegBackend>())
        {
            CudaJpegDecoderOptions options = new() { MaxFramesHeld = held, Backend = backend };
            if (backend != CudaJpegBackend.Automatic && IsThere(device.Context, options))
            {
                ways.Add(($"decoded_by_{backend.ToString().ToLowerInvariant()}", (stream, _) => StreamDecoder.Of(stream, device.Context, options)));
            }
        }

        ways.Add(("decoded_by_libjpeg", (stream, _) => StreamDecoder.OfPictures(stream, null, 0)));
        ways.Add(("detected_by_libjpeg", (stream, number) => StreamDecoder.OfPictures(stream, detector, number)));
        return ways;
    }

    private static bool IsThere(CudaContext context, CudaJpegDecoderOptions options)
    {
        try
        {
            new CudaJpegDecoder(context, options).Dispose();
            return true;
        }
        catch (NotSupportedException)
        {
            return false;
        }
    }

    private static async Task<VideoSlice> MeasureAsync(
        Func<VideoStream, int, StreamDecoder> open,
        YoloDetector detector,
        BenchDevice device,
        ElementaryStream clip,
        (int Streams, TimeSpan Period) load,
        TimeSpan time,
        CancellationToken stop)
    {
        (int streams, TimeSpan period) = load;
        LatencyHistogram latency = new();
        List<VideoStream> all = [];
        try
        {
            for (int number = 0; number < streams; number++)
            {
                all.Add(new VideoStream(clip, open, number, (period, period * number / streams), latency));
            }

            // Every decoder is there once it has given something.
            while (all.Exists(static stream => stream.Frames < 10 && stream.Failure is null) && !stop.IsCancellationRequested)
            {
                await Task.Delay(10, CancellationToken.None);
            }

            await DelayAsync(time / 4, stop);
            lock (latency)
            {
                latency.Clear();
            }

            using EngineUse use = new(device.Context.Device.PciBusId);
            long copies = detector.Statistics.HostCopies;
            long frames = all.Sum(static stream => stream.Frames);
            long bytes = GC.GetTotalAllocatedBytes(precise: true);
            TimeSpan cpu = Environment.CpuUsage.TotalTime;
            long start = Stopwatch.GetTimestamp();
            await DelayAsync(time, stop);
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            frames = all.Sum(static stream => stream.Frames) - frames;
            bytes = GC.GetTotalAllocatedBytes(precise: true) - bytes;
            cpu = Environment.CpuUsage.TotalTime - cpu;
            LatencyHistogram measured;
            lock (latency)
            {
                measured = latency.Copy();
            }

            if (all.Find(static stream => stream.Failure is not null)?.Failure is Exception failure)
            {
                throw new CliException(ExitCode.ModelUnusable, $"{streams} streams cannot be decoded: {failure.Message}", innerException: failure);
            }

            return new VideoSlice(
                frames / elapsed.TotalSeconds,
                measured,
                use.Mean,
                Statistics.Ratio(bytes, frames),
                Statistics.Ratio(detector.Statistics.HostCopies - copies, frames),
                Statistics.Ratio(cpu.TotalMicroseconds, frames));
        }
        finally
        {
            all.ForEach(static stream => stream.Stop());
            all.ForEach(static stream => stream.Dispose());
        }
    }

    private static async Task DelayAsync(TimeSpan time, CancellationToken stop)
    {
        try
        {
            await Task.Delay(time, stop);
        }
        catch (OperationCanceledException)
        {
            // The report is of what was measured until then, or there is none.
        }
    }
}
