using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy;

/// <summary>Runs a pipeline that nobody has yet, to see how fast frames go through it.</summary>
internal static class TransferRun
{
    private const int PageSize = 4096;
    private const int LoneFrames = 30;

    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan FullTime = TimeSpan.FromMilliseconds(200);

    /// <summary>The largest frame of usual shape that fits a slot, in 24-bit colour.</summary>
    public static FrameFormat FormatFor(int slotBytes)
    {
        int pixels = Math.Max(1, slotBytes / 3);
        int width = Math.Clamp((int)Math.Sqrt(pixels * 16.0 / 9), 1, Math.Min(pixels, FrameFormat.MaxSize));
        int height = Math.Clamp(pixels / width, 1, FrameFormat.MaxSize);
        return slotBytes < 3 ? new FrameFormat(PixelFormat.Gray8, 1, 1) : new FrameFormat(PixelFormat.Bgr24, width, height);
    }

    public static async Task<TransferTrial> MeasureAsync(FramePool pool, Pipeline pipeline, TransferMode mode)
    {
        FrameFormat format = FormatFor(pool.SlotBytes);
        _ = await RateAsync(pool, pipeline, format, WarmUp).ConfigureAwait(false);
        double rate = await RateAsync(pool, pipeline, format, FullTime).ConfigureAwait(false);
        double[] lone = new double[LoneFrames];
        for (int index = 0; index < lone.Length; index++)
        {
            FrameSlot slot = await pool.RentAsync(format).ConfigureAwait(false);
            Touch(slot);
            long start = Stopwatch.GetTimestamp();
            (await pipeline.Submit(slot, 0, 0, default).ConfigureAwait(false)).Dispose();
            lone[index] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        Array.Sort(lone);
        return new TransferTrial(mode, rate, lone[LoneFrames / 2]);
    }

    /// <summary>Writes a byte of each page.</summary>
    /// <remarks>A producer writes the whole frame, which takes it as long in every mode; what differs, a fault for a page, one byte
    /// provokes.</remarks>
    public static void Touch(in FrameSlot slot)
    {
        Span<byte> bytes = slot.Span;
        for (int offset = 0; offset < bytes.Length; offset += PageSize)
        {
            bytes[offset] = (byte)offset;
        }
    }

    [SuppressMessage("Reliability", "CA2012", Justification = "A ring of tasks, each awaited exactly once.")]
    private static async Task<double> RateAsync(FramePool pool, Pipeline pipeline, FrameFormat format, TimeSpan time)
    {
        ValueTask<DetectionResult>[] pending = new ValueTask<DetectionResult>[pool.SlotCount];
        long start = Stopwatch.GetTimestamp();
        long submitted = 0;
        long answered = 0;
        while (true)
        {
            bool more = Stopwatch.GetElapsedTime(start) < time;
            if (more && submitted - answered < pending.Length && pool.TryRent(format, out FrameSlot slot))
            {
                Touch(slot);
                pending[submitted++ % pending.Length] = pipeline.Submit(slot, 0, 0, default);
            }
            else if (answered < submitted)
            {
                (await pending[answered++ % pending.Length].ConfigureAwait(false)).Dispose();
            }
            else if (!more)
            {
                return answered / Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }
    }
}
