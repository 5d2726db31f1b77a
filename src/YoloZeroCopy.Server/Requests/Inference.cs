using System.Diagnostics;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>Answers requests to infer, whichever way they came: their frames go into slots of the model's detector, where those of all clients meet
/// in one pipeline and are batched.</summary>
internal sealed class Inference(DetectionServerOptions options, ModelRepository models, SharedRegions regions, ServerMetrics metrics)
{
    /// <summary>Detects in the frames of a request.</summary>
    /// <param name="message">The request; disposed here as soon as its frames are in slots.</param>
    /// <param name="protocol">How it came, for metrics.</param>
    /// <param name="arrivedAt"><see cref="Stopwatch"/> time at which it was there.</param>
    /// <param name="sender">Cancelled when nobody waits for the answer any more, or the server breaks off.</param>
    /// <exception cref="RequestException">It was refused, or failed.</exception>
    public async Task<(ModelInferResponse Response, FrameOutput Output)> RunAsync(
        InferMessage message, string protocol, long arrivedAt, CancellationToken sender)
    {
        ServedModel? model = null;
        try
        {
            using (message)
            {
                model = models.Find(message.Request.ModelName, message.Request.ModelVersion);
                OpenModel open = Enter(model);
                try
                {
                    FrameOutput output = await RunAsync(message, model, open, arrivedAt, sender).ConfigureAwait(false);
                    ModelInferResponse response = output.ToResponse(message.Request, regions);
                    metrics.Answered(model.Name, protocol, "ok", arrivedAt);
                    return (response, output);
                }
                finally
                {
                    open.Leave();
                }
            }
        }
        catch (Exception error)
        {
            throw Refuse(error, model, protocol, arrivedAt, sender);
        }
    }

    /// <summary>Enters a model for a request.</summary>
    /// <exception cref="RequestException">It is not open.</exception>
    public static OpenModel Enter(ServedModel model)
    {
        model.CheckFault();
        if (model.TryEnter(out OpenModel? open))
        {
            return open;
        }

        string reason = model.Reason.Length > 0 ? $" ({model.Reason})" : "";
        throw new RequestException(
            Refusal.Unavailable, $"Model '{model.Name}' is {model.State.ToString().ToLowerInvariant()}{reason}.", TimeSpan.FromSeconds(1));
    }

    /// <summary>Counts a request that was answered.</summary>
    public void Count(ServedModel model, string protocol, string outcome, long arrivedAt) =>
        metrics.Answered(model.Name, protocol, outcome, arrivedAt);

    /// <summary>Counts a request that ended with an error, and says what its sender hears.</summary>
    public RequestException Refuse(Exception error, ServedModel? model, string protocol, long arrivedAt, CancellationToken sender)
    {
        RequestException refusal = RequestException.Of(error, sender.IsCancellationRequested);
        model?.Counts.Fail(Stopwatch.GetElapsedTime(arrivedAt));
        model?.CheckFault();
        metrics.Answered(model?.Name, protocol, refusal.Refusal.ToString().ToLowerInvariant(), arrivedAt);
        if (refusal.Refusal == Refusal.Failed)
        {
            metrics.LogUnexpected(error);
        }

        return refusal;
    }

    /// <summary>What a frame that is too late for its turn is refused with.</summary>
    public RequestException TooMuch(TimeSpan wait)
    {
        TimeSpan retry = wait - options.MaxQueueAge;
        return new RequestException(
            Refusal.Overloaded,
            FormattableString.Invariant(
                $"The model's queue is {wait.TotalMilliseconds:F0} ms long; up to {options.MaxQueueAge.TotalMilliseconds:F0} ms are allowed."),
            retry > TimeSpan.FromMilliseconds(1) ? retry : TimeSpan.FromMilliseconds(1));
    }

    /// <summary>Rents a slot, and waits no longer for it than a frame may wait.</summary>
    public async ValueTask<FrameSlot> RentAsync(OpenModel open, FrameFormat format, CancellationToken cancellationToken)
    {
        if (open.Detector.TryRent(format, out FrameSlot free))
        {
            return free;
        }

        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(options.MaxQueueAge);
        try
        {
            return await open.Detector.RentAsync(format, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw TooMuch(open.Load.Wait);
        }
    }

    private async Task<FrameOutput> RunAsync(
        InferMessage message, ServedModel model, OpenModel open, long arrivedAt, CancellationToken sender)
    {
        FrameOutput.Check(message.Request.Outputs);
        YoloDetector detector = open.Detector;
        using FrameInput input = FrameInput.Read(message, regions, options, detector.SlotBytes);

        // Microseconds, as Triton's clients give it.
        long? microseconds = Parameters.Whole(message.Request.Parameters, "timeout");
        TimeSpan left = microseconds is > 0 and < 3_600_000_000 ? TimeSpan.FromMicroseconds(microseconds.Value) - Stopwatch.GetElapsedTime(arrivedAt)
            : TimeSpan.MaxValue;
        using CancellationTokenSource? deadline = left == TimeSpan.MaxValue ? null : CancellationTokenSource.CreateLinkedTokenSource(sender);
        deadline?.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        CancellationToken cancellation = deadline?.Token ?? sender;

        // Who could not be answered by its own deadline is told at once, too.
        if (!open.Load.TryEnter(input.Count, left < options.MaxQueueAge ? left : options.MaxQueueAge, out TimeSpan wait))
        {
            throw TooMuch(wait);
        }

        int computed = 0;
        Task<DetectionResult>[] pending = new Task<DetectionResult>[input.Count];
        int submitted = 0;
        TimeSpan queued = TimeSpan.Zero;
        TimeSpan computing = TimeSpan.Zero;
        try
        {
            for (; submitted < pending.Length; submitted++)
            {
                pending[submitted] = input.IsOnDevice
                    ? SubmitOnDevice(input, submitted, detector, arrivedAt, cancellation)
                    : await SubmitAsync(input, submitted, open, arrivedAt, cancellation).ConfigureAwait(false);
            }

            TimeSpan inputTime = Stopwatch.GetElapsedTime(arrivedAt);
            input.Dispose();
            message.Dispose();
            FrameOutput output = new(pending.Length, options.Detector.MaxDetections, detector.Model);
            for (int index = 0; index < pending.Length; index++)
            {
                DetectionResult result = await pending[index].ConfigureAwait(false);
                if (result.IsDropped)
                {
                    throw TooMuch(open.Load.Wait);
                }

                computed++;
                queued += result.QueueTime;
                computing += result.Latency - result.QueueTime;
                output.Set(index, result.Detections);
            }

            model.Counts.Succeed(Stopwatch.GetElapsedTime(arrivedAt), inputTime, pending.Length, queued, computing);
            return output;
        }
        finally
        {
            open.Load.Leave(pending.Length, computed);
            for (int index = 0; index < submitted; index++)
            {
                Forget(pending[index]);
            }
        }
    }

    private async ValueTask<Task<DetectionResult>> SubmitAsync(
        FrameInput input, int index, OpenModel open, long arrivedAt, CancellationToken cancellationToken)
    {
        using FrameSlot slot = await RentAsync(open, input.FormatOf(index), cancellationToken).ConfigureAwait(false);
        input.Write(index, slot.Span);
        return open.Detector.SubmitAsync(slot, capturedAt: arrivedAt, cancellationToken: cancellationToken).AsTask();
    }

    private static Task<DetectionResult> SubmitOnDevice(
        FrameInput input, int index, YoloDetector detector, long arrivedAt, CancellationToken cancellationToken)
    {
        ExternalFrame frame = input.OnDevice(index, out RegionHold hold);
        try
        {
            return detector.SubmitAsync(frame, capturedAt: arrivedAt, cancellationToken: cancellationToken).AsTask();
        }
        catch (ArgumentException error)
        {
            // It was not taken.
            hold.OnFrameFree(0);
            throw RequestException.Invalid(error.Message, error);
        }
    }

    /// <summary>Gives a result back, also of a frame that nobody waits for any more.</summary>
    public static void Forget(Task<DetectionResult> result)
    {
        if (result.IsCompletedSuccessfully)
        {
            result.Result.Dispose();
            return;
        }

        _ = result.ContinueWith(
            static done =>
            {
                if (done.IsCompletedSuccessfully)
                {
                    done.Result.Dispose();
                }
                else
                {
                    _ = done.Exception;
                }
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }
}
