using System.Buffers;
using System.Threading.Channels;

namespace YoloZeroCopy.Cli;

/// <summary>One run of <c>yzc detect</c>: a producer decodes ahead, the detector batches, results are written in input order.</summary>
internal sealed class DetectRun(YoloDetector detector, FrameSelection selection, IReadOnlyList<IFrameSink> sinks, int window)
{
    private long frames;
    private long detections;
    private int failures;

    /// <summary>Frames whose detections were written. Any thread may read the counts.</summary>
    public long Frames => Volatile.Read(ref frames);

    /// <summary>Detections in them.</summary>
    public long Detections => Volatile.Read(ref detections);

    /// <summary>Pictures that could not be decoded, videos that broke off, frames the engine failed on.</summary>
    public int Failures => Volatile.Read(ref failures);

    /// <summary>Frames that are behind the run, one way or the other.</summary>
    public long Done => Frames + Failures;

    /// <summary>Handles all items. When asked to stop, what was submitted is still written.</summary>
    public async Task RunAsync(IReadOnlyList<InputItem> items, CancellationToken stop)
    {
        Channel<FrameWork> works = Channel.CreateBounded<FrameWork>(new BoundedChannelOptions(window) { SingleReader = true, SingleWriter = true });
        using CancellationTokenSource abort = new();
        FrameProducer producer = new(detector, selection, sinks.Any(static sink => sink.WantsPixels), works.Writer);
        Task producing = Task.Run(() => producer.RunAsync(items, stop, abort.Token), CancellationToken.None);
        try
        {
            while (await works.Reader.WaitToReadAsync(CancellationToken.None))
            {
                while (works.Reader.TryRead(out FrameWork? work))
                {
                    await HandleAsync(work);
                }

                Flush();
            }

            foreach (IFrameSink sink in sinks)
            {
                await sink.CompleteAsync();
            }
        }
        finally
        {
            // After a failure of an output: the detector must not be disposed under the producer, and every result is awaited.
            await abort.CancelAsync();
            await producing;
            await DiscardAsync(works.Reader);
        }
    }

    private async Task HandleAsync(FrameWork work)
    {
        if (work.IsEnd)
        {
            foreach (IFrameSink sink in sinks)
            {
                await sink.EndItemAsync(work.Item);
            }

            return;
        }

        try
        {
            if (!work.Result.IsCompleted)
            {
                Flush();
            }

            using DetectionResult result = await ResultOfAsync(work) is DetectionResult found ? found : default;
            if (result != default)
            {
                Volatile.Write(ref frames, frames + 1);
                Volatile.Write(ref detections, detections + result.Detections.Length);
                foreach (IFrameSink sink in sinks)
                {
                    await sink.WriteAsync(work, result);
                }
            }
        }
        finally
        {
            Release(work);
        }
    }

    private async ValueTask<DetectionResult?> ResultOfAsync(FrameWork work)
    {
        try
        {
            return await work.Result;
        }
        catch (Exception error) when (error is MediaException or NativeLibraryException)
        {
            await FailAsync(work, error.Message);
        }
        catch (InferenceException error)
        {
            await FailAsync(work, $"'{work.Item.Source}', frame {work.Frame}: {error.Message}");
        }

        return null;
    }

    private async ValueTask FailAsync(FrameWork work, string message)
    {
        Volatile.Write(ref failures, failures + 1);
        ErrorReport.Write(message);
        foreach (IFrameSink sink in sinks)
        {
            await sink.FailAsync(work, ErrorReport.Shown(message));
        }
    }

    private void Flush()
    {
        foreach (IFrameSink sink in sinks)
        {
            sink.Flush();
        }
    }

    private static async Task DiscardAsync(ChannelReader<FrameWork> works)
    {
        while (works.TryRead(out FrameWork? work))
        {
            if (!work.IsEnd)
            {
                try
                {
                    (await work.Result).Dispose();
                }
                catch (Exception error) when (error is YoloZeroCopyException or OperationCanceledException or ObjectDisposedException)
                {
                    // Nobody waits for this frame any more; what ended the run is already on its way up.
                }
            }

            Release(work);
        }
    }

    private static void Release(FrameWork work)
    {
        if (work.Pixels is not null)
        {
            ArrayPool<byte>.Shared.Return(work.Pixels);
            work.Pixels = null;
        }
    }
}
