using System.Diagnostics;
using System.Threading.Channels;

namespace YoloZeroCopy.Cli;

/// <summary>One video that a thread of its own feeds from memory, over and over: decoded only, or decoded and detected in.</summary>
internal sealed class VideoStream : IDisposable
{
    private readonly ElementaryStream clip;
    private readonly StreamDecoder decoder;
    private readonly Channel<ValueTask<DetectionResult>> results =
        Channel.CreateUnbounded<ValueTask<DetectionResult>>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly Task reading;
    private readonly Thread thread;
    private readonly TimeSpan period;
    private readonly TimeSpan phase;
    private readonly LatencyHistogram latency;
    private volatile bool isOver;
    private long frames;

    /// <summary>Starts it.</summary>
    /// <param name="clip">What is decoded.</param>
    /// <param name="open">Makes what decodes it, of its number.</param>
    /// <param name="number">Number among the streams.</param>
    /// <param name="pace">Time from one packet to the next, and before the first one; zero for as fast as it goes.</param>
    /// <param name="latency">Gets the time from packet to detections, under its lock.</param>
    public VideoStream(
        ElementaryStream clip,
        Func<VideoStream, int, StreamDecoder> open,
        int number,
        (TimeSpan Period, TimeSpan Phase) pace,
        LatencyHistogram latency)
    {
        this.clip = clip;
        this.latency = latency;
        (period, phase) = pace;
        decoder = open(this, number);
        reading = ReadAsync();
        thread = new Thread(Run) { IsBackground = true, Name = $"yzc video {number}" };
        thread.Start();
    }

    /// <summary>Frames that were decoded, or came back with detections. Any thread.</summary>
    public long Frames => Volatile.Read(ref frames);

    /// <summary>Why it ended before it was told to; null while it has not.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>A frame was decoded, and that is all.</summary>
    public void Count() => Volatile.Write(ref frames, frames + 1);

    /// <summary>A frame was submitted.</summary>
    public void Await(ValueTask<DetectionResult> result) => _ = results.Writer.TryWrite(result);

    /// <summary>Tells it to end, without waiting.</summary>
    public void Stop() => isOver = true;

    /// <summary>Ends it, with every frame back.</summary>
    public void Dispose()
    {
        isOver = true;
        thread.Join();
        reading.GetAwaiter().GetResult();
        decoder.Dispose();
    }

    private void Run()
    {
        try
        {
            long start = Stopwatch.GetTimestamp();
            for (long packet = 0; !isOver; packet++)
            {
                long arrivedAt = WaitFor(start, packet);
                decoder.Decode(clip.Packets[(int)(packet % clip.Packets.Length)].Span, arrivedAt);
            }
        }
#pragma warning disable CA1031 // Whatever ends a stream ends the measurement, which throws it.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Failure = error;
        }

        results.Writer.Complete();
    }

    // A packet that is due while the one before is still worked on has arrived when it was due: its wait counts.
    private long WaitFor(long start, long packet)
    {
        long now = Stopwatch.GetTimestamp();
        if (period == TimeSpan.Zero)
        {
            return now;
        }

        long due = start + (long)((phase + (period * packet)).TotalSeconds * Stopwatch.Frequency);
        if (due <= now)
        {
            return due;
        }

        Thread.Sleep(Stopwatch.GetElapsedTime(now, due));
        return Stopwatch.GetTimestamp();
    }

    private async Task ReadAsync()
    {
        while (await results.Reader.WaitToReadAsync())
        {
            while (results.Reader.TryRead(out ValueTask<DetectionResult> pending))
            {
                using DetectionResult result = await pending;
                if (!result.IsDropped)
                {
                    TimeSpan age = Stopwatch.GetElapsedTime(result.CapturedAt);
                    Volatile.Write(ref frames, frames + 1);
                    lock (latency)
                    {
                        latency.Record(age);
                    }
                }
            }
        }
    }
}
