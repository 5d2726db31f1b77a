using System.Diagnostics;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Frames into a detector, answers out of it.</summary>
internal static class Feed
{
    /// <summary>More than anything here takes, and less than a lost frame would.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(30);

    public static async Task<FrameSlot> RentGrayAsync(YoloDetector detector, int level)
    {
        FrameSlot slot = await detector.RentAsync(GpuModels.Gray);
        slot.Span.Fill((byte)level);
        return slot;
    }

    public static async Task<ValueTask<DetectionResult>> SubmitGrayAsync(YoloDetector detector, int level, int source = 0) =>
        detector.SubmitAsync(await RentGrayAsync(detector, level), source);

    public static void AssertBrightness(in DetectionResult result, int level, float tolerance = 1e-5f)
    {
        Assert.Equal(2, result.Detections.Length);
        Assert.Equal(1, result.Detections[0].ClassId);
        Assert.Equal(GpuModels.ScoreOf(level), result.Detections[0].Score, tolerance);
    }

    /// <summary>Frames of rising gray level, each checked; several in flight.</summary>
    public static async Task RunAsync(YoloDetector detector, int frames, int inFlight, float tolerance = 1e-5f)
    {
        Queue<(int Level, ValueTask<DetectionResult> Result)> pending = new();
        for (int frame = 0; frame < frames + inFlight; frame++)
        {
            if (frame >= inFlight && pending.TryDequeue(out (int Level, ValueTask<DetectionResult> Result) first))
            {
                using DetectionResult result = await first.Result.AsTask().WaitAsync(Limit);
                AssertBrightness(result, first.Level, tolerance);
            }

            if (frame < frames)
            {
                int level = frame * 7 % 256;
                pending.Enqueue((level, await SubmitGrayAsync(detector, level)));
            }
        }
    }

    /// <summary>Frames for <see cref="GpuModels.WithHostReadback"/>, one at a time; none is black, since not every device sums up nothing.</summary>
    public static async Task RunReadbackAsync(YoloDetector detector)
    {
        foreach (int level in (int[])[255, 1, 128, 7, 90])
        {
            using DetectionResult result = await (await SubmitGrayAsync(detector, level));
            Assert.Equal(2, result.Detections.Length);
            Assert.Equal(GpuModels.ScoreOf(level) + (GpuModels.Sensitivity * GpuModels.NonZeroShare), result.Detections[0].Score, 1e-4f);
        }
    }

    public static async Task<Detection[]> DetectAsync(YoloDetector detector, FrameFormat format, byte[] pixels)
    {
        FrameSlot slot = await detector.RentAsync(format);
        pixels.AsSpan(0, format.ByteCount).CopyTo(slot.Span);
        using DetectionResult result = await detector.SubmitAsync(slot).AsTask().WaitAsync(Limit);
        return result.Detections.ToArray();
    }

    /// <summary>All pictures at once, so that they share batches.</summary>
    public static async Task<Detection[][]> DetectAllAsync(YoloDetector detector, TestPicture[] pictures)
    {
        Task<DetectionResult>[] pending = new Task<DetectionResult>[pictures.Length];
        for (int index = 0; index < pictures.Length; index++)
        {
            FrameSlot slot = await detector.RentAsync(pictures[index].Format);
            pictures[index].Pixels.CopyTo(slot.Span);
            pending[index] = detector.SubmitAsync(slot).AsTask();
        }

        Detection[][] found = new Detection[pictures.Length][];
        for (int index = 0; index < pictures.Length; index++)
        {
            using DetectionResult result = await pending[index].WaitAsync(Limit);
            found[index] = result.Detections.ToArray();
        }

        return found;
    }

    /// <summary>Frames a second of a detector that always has all its slots full.</summary>
    public static async Task<double> RateAsync(YoloDetector detector, FrameFormat format, TimeSpan time)
    {
        Queue<ValueTask<DetectionResult>> pending = [];
        long start = Stopwatch.GetTimestamp();
        long frames = 0;
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            while (detector.TryRent(format, out FrameSlot slot))
            {
                pending.Enqueue(detector.SubmitAsync(slot));
            }

            (await pending.Dequeue()).Dispose();
            frames++;
        }

        frames += pending.Count;
        while (pending.TryDequeue(out ValueTask<DetectionResult> last))
        {
            (await last).Dispose();
        }

        return frames / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public static async Task AssertNoSlotInUseAsync(YoloDetector detector)
    {
        // A frame whose caller was answered early still runs out in its lane.
        for (int turn = 0; turn < 200 && detector.Statistics.SlotsInUse > 0; turn++)
        {
            await Task.Delay(10);
        }

        Assert.Equal(0, detector.Statistics.SlotsInUse);
    }
}
