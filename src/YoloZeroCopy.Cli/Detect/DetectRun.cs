using System.Buffers;
using System.Threading.Channels;

namespace YoloZeroCopy.Cli;

/// <summary>One run of <c>yzc detect</c>: a producer decodes ahead, the detector batches, results are written in input order.</summary>
internal sealed class DetectRun(YoloDetector detector, FrameSelection selection, IReadOnlyList<IFrameSink> sinks, int window)
{
    /// <summary>What it has done so far.</summary>
    public RunCounts Counts { get; } = new();

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
                Counts.Add(result.Detections);
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
        Counts.AddFailure();
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
