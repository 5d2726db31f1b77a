using System.Diagnostics;
using System.Threading.Channels;
using Grpc.Core;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>A stream of frames of one client: a source of its own in the model's detector, with its order, queue and policy. Every frame is answered,
/// in order, also one that was dropped or could not be read.</summary>
/// <remarks>
/// The first message says the model, and by parameters what becomes of frames that come too fast: <c>overflow</c>, <c>queue_capacity</c>,
/// <c>max_age_ms</c>, <c>deadline_ms</c>, as in <see cref="SourceOptions"/>. Without them no frame is dropped, and the stream is read as fast as
/// frames are done.
/// </remarks>
internal sealed class InferenceStream(
    DetectionServerOptions options,
    ModelRepository models,
    SharedRegions regions,
    Inference inference,
    IServerStreamWriter<ModelStreamInferResponse> responses,
    CancellationToken draining,
    CancellationToken sender) : IDisposable
{
    private const string Protocol = "stream";

    // Frames of a stream that are on their way: what a client does not read holds up no more than these.
    private const int MaxOnWay = 16;

    private readonly Channel<Frame> onWay =
        Channel.CreateBounded<Frame>(new BoundedChannelOptions(MaxOnWay) { SingleReader = true, SingleWriter = true });
    private ServedModel? model;
    private OpenModel? open;
    private FrameSource? source;

    /// <summary>Runs until the client has sent its last frame and has all answers, or nothing more can be done.</summary>
    /// <exception cref="RequestException">It ends before that.</exception>
    public async Task RunAsync(IAsyncStreamReader<InferMessage> requests)
    {
        Task answering = AnswerAsync();
        using CancellationTokenSource reading = CancellationTokenSource.CreateLinkedTokenSource(sender, draining);
        try
        {
            while (await MoveNextAsync(requests, reading.Token).ConfigureAwait(false))
            {
                long arrivedAt = Stopwatch.GetTimestamp();
                using InferMessage message = requests.Current;
                Frame frame = new(message.Request, arrivedAt);
                try
                {
                    if (models.IsDraining)
                    {
                        throw RequestException.Ending();
                    }

                    await BeginAsync(message, frame).ConfigureAwait(false);
                }
                catch (Exception error) when (error is not OperationCanceledException)
                {
                    frame.Error = error;
                }

                try
                {
                    await onWay.Writer.WriteAsync(frame, sender).ConfigureAwait(false);
                }
                catch when (frame.Result is not null)
                {
                    open!.Load.Leave(1, 0);
                    Inference.Forget(frame.Result);
                    throw;
                }
            }
        }
        finally
        {
            onWay.Writer.Complete();
            await answering.ConfigureAwait(false);
        }

        if (models.IsDraining)
        {
            throw RequestException.Ending();
        }
    }

    public void Dispose()
    {
        source?.Dispose();
        open?.Leave();
    }

    // False at the end, also where the server ends and the client does not.
    private async Task<bool> MoveNextAsync(IAsyncStreamReader<InferMessage> requests, CancellationToken cancellationToken)
    {
        try
        {
            return !draining.IsCancellationRequested && await requests.MoveNext(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (draining.IsCancellationRequested && !sender.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task BeginAsync(InferMessage message, Frame frame)
    {
        if (open is null)
        {
            ServedModel found = models.Find(message.Request.ModelName, message.Request.ModelVersion);
            OpenModel entered = Inference.Enter(found);
            try
            {
                source = entered.Detector.AddSource(entered.NextStream(), SourceOf(message.Request));
            }
            catch (ArgumentException error)
            {
                entered.Leave();
                throw RequestException.Invalid(error.Message, error);
            }
            catch
            {
                entered.Leave();
                throw;
            }

            (model, open) = (found, entered);
        }

        if (message.Request.ModelName != model!.Name)
        {
            throw RequestException.Invalid($"A stream is for one model: this one for '{model.Name}'.");
        }

        FrameOutput.Check(message.Request.Outputs);
        using FrameInput input = FrameInput.Read(message, regions, options, open.Detector.SlotBytes);
        if (input.Count != 1)
        {
            throw RequestException.Invalid($"A message of a stream has one frame; {input.Count} were given.");
        }

        if (input.IsOnDevice)
        {
            ExternalFrame external = input.OnDevice(0, out RegionHold hold);
            try
            {
                frame.Result = open.Detector.SubmitAsync(external, source!.Number, frame.ArrivedAt, sender).AsTask();
            }
            catch (ArgumentException error)
            {
                hold.OnFrameFree(0);
                throw RequestException.Invalid(error.Message, error);
            }
        }
        else
        {
            using FrameSlot slot = await open.Detector.RentAsync(input.FormatOf(0), sender).ConfigureAwait(false);
            input.Write(0, slot.Span);
            frame.Result = open.Detector.SubmitAsync(slot, source!.Number, frame.ArrivedAt, sender).AsTask();
        }

        // It may wait as long as its own policy allows; those who come by themselves wait behind it.
        _ = open.Load.TryEnter(1, TimeSpan.MaxValue, out _);
    }

    private static SourceOptions SourceOf(ModelInferRequest request) => new()
    {
        Overflow = Parameters.Named<OverflowPolicy>(request.Parameters, "overflow") ?? OverflowPolicy.Wait,
        QueueCapacity = (int)Math.Min(Parameters.Whole(request.Parameters, "queue_capacity") ?? 1, int.MaxValue),
        MaxFrameAge = Milliseconds(request, "max_age_ms"),
        Deadline = Milliseconds(request, "deadline_ms"),
    };

    private static TimeSpan Milliseconds(ModelInferRequest request, string name) =>
        TimeSpan.FromMilliseconds(Math.Min(Parameters.Whole(request.Parameters, name) ?? 0, int.MaxValue));

    private async Task AnswerAsync()
    {
        bool isBroken = false;
        await foreach (Frame frame in onWay.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            try
            {
                ModelStreamInferResponse response = await ToResponseAsync(frame).ConfigureAwait(false);
                if (!isBroken)
                {
                    await responses.WriteAsync(response, sender).ConfigureAwait(false);
                }
            }
            catch (Exception)
            {
                // Nobody reads any more; results are still taken, so that none is lost. The reading ends by the same reason.
                isBroken = true;
            }
        }
    }

    private async Task<ModelStreamInferResponse> ToResponseAsync(Frame frame)
    {
        try
        {
            if (frame.Error is not null)
            {
                throw frame.Error;
            }

            bool isCompleted = false;
            try
            {
                using DetectionResult result = await frame.Result!.ConfigureAwait(false);
                isCompleted = !result.IsDropped;
                FrameOutput output = new(1, options.Detector.MaxDetections, open!.Detector.Model);
                if (isCompleted)
                {
                    output.Set(0, result.Detections);
                    model!.Counts.Succeed(
                        Stopwatch.GetElapsedTime(frame.ArrivedAt), TimeSpan.Zero, 1, result.QueueTime, result.Latency - result.QueueTime);
                }

                ModelInferResponse response = output.ToResponse(frame.Request, regions);
                response.Parameters["status"] = new InferParameter { StringParam = result.Status.ToString() };
                response.Parameters["sequence"] = new InferParameter { Int64Param = result.Sequence };
                inference.Count(model!, Protocol, isCompleted ? "ok" : "dropped", frame.ArrivedAt);
                return new ModelStreamInferResponse { InferResponse = response };
            }
            finally
            {
                open!.Load.Leave(1, isCompleted ? 1 : 0);
            }
        }
        catch (Exception error)
        {
            return new ModelStreamInferResponse
            {
                ErrorMessage = inference.Refuse(error, model, Protocol, frame.ArrivedAt, sender).Message,
                InferResponse = new ModelInferResponse { ModelName = frame.Request.ModelName, Id = frame.Request.Id },
            };
        }
    }

    private sealed class Frame(ModelInferRequest request, long arrivedAt)
    {
        public ModelInferRequest Request { get; } = request;

        public long ArrivedAt { get; } = arrivedAt;

        public Task<DetectionResult>? Result { get; set; }

        public Exception? Error { get; set; }
    }
}
