using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;

namespace YoloZeroCopy;

/// <summary>One camera on this node, from its taking over until it stops.</summary>
[SuppressMessage("Reliability", "CA1001", Justification = "See the field.")]
internal sealed partial class CameraRun
{
    public const int MaxKeyLength = 200;
    public const int MaxTextLength = 65_536;
    private const int KeysKept = 32;

    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(5);

    // A runner that does not end, where it was told to, is left behind.
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(5);

    private readonly FleetNode node;
    private readonly Action lost;
    // Not disposed: no timer and no wait handle is made of it, and who sends for the run may ask it at any time.
    private readonly CancellationTokenSource stop = new();
    private readonly Lock gate = new();
    private readonly Queue<string> recent = new();
    private readonly long began = Stopwatch.GetTimestamp();
    private readonly Task task;
    private SubjectChain? results;
    private bool hasResults;
    private long nextNumber = 1;
    private long nextResult = 1;
    private long framesSent;
    private long sentAt;
    private bool isOver;

    /// <param name="node">Where it runs.</param>
    /// <param name="camera">The camera.</param>
    /// <param name="lost">Called once where another node has taken it over.</param>
    public CameraRun(FleetNode node, FleetCamera camera, Action lost)
    {
        (this.node, Camera, this.lost) = (node, camera, lost);
        Output = new CameraOutput(this);
        task = Task.Run(RunAsync);
    }

    public FleetCamera Camera { get; }

    /// <summary>Time since it came here.</summary>
    public TimeSpan Age => Stopwatch.GetElapsedTime(began);

    public CameraOutput Output { get; }

    public long Epoch { get; private set; }

    /// <summary>Its alarms' subject; null before it is taken over.</summary>
    public SubjectChain? Alarms { get; private set; }

    public FleetCameraState State { get; private set; }

    public string? Problem { get; private set; }

    public IReadOnlyList<string> RecentKeys
    {
        get
        {
            lock (gate)
            {
                return [.. recent];
            }
        }
    }

    public CameraReport Report
    {
        get
        {
            (long frames, double? age, double? since) = Output.Now;
            return new CameraReport(Camera.Id, Epoch, State, Problem, frames, age, since);
        }
    }

    public bool Raise(string key, string text, DateTimeOffset at)
    {
        lock (gate)
        {
            if (isOver || Alarms is null || recent.Contains(key))
            {
                return false;
            }

            Remember(key);
            node.Alarms.Add(
                new FleetMessage
                {
                    Kind = FleetMessage.AlarmKind,
                    Camera = Camera.Id,
                    Epoch = Epoch,
                    Number = nextNumber++,
                    Node = node.Name,
                    At = at,
                    Key = key,
                    Text = text,
                    Recent = [.. recent],
                },
                Alarms);
            return true;
        }
    }

    /// <summary>Takes an alarm of an earlier owner, which NATS did not take of it any more.</summary>
    /// <returns>False where the camera is not taken over yet.</returns>
    public bool TakeIn(string key, string text, DateTimeOffset at)
    {
        _ = Raise(key, text, at);
        lock (gate)
        {
            return recent.Contains(key);
        }
    }

    /// <summary>Sends what the camera saw since the last time.</summary>
    public async Task SendResultAsync()
    {
        if (results is not { } chain || Output.Take(framesSent, sentAt == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(sentAt)) is not { } result)
        {
            return;
        }

        try
        {
            if (!hasResults)
            {
                if ((await chain.TakeAsync(stop.Token).ConfigureAwait(false)).TakenBy is not null)
                {
                    TellLost();
                    return;
                }

                hasResults = true;
            }

            (framesSent, sentAt) = (result.Frames, Stopwatch.GetTimestamp());
            FleetMessage message = new()
            {
                Kind = FleetMessage.ResultKind,
                Camera = Camera.Id,
                Epoch = Epoch,
                Number = nextResult++,
                Node = node.Name,
                At = DateTimeOffset.UtcNow,
                Result = result,
            };
            if (!await chain.SendAsync(message, stop.Token).ConfigureAwait(false))
            {
                TellLost();
            }
        }
        catch (Exception error) when (FleetStreams.IsAway(error, stop.Token) || error is OperationCanceledException)
        {
            // The next result says more than this one.
        }
    }

    /// <summary>Another node has taken the camera over: nothing of this run will be taken any more.</summary>
    public void TellLost()
    {
        lock (gate)
        {
            if (isOver)
            {
                return;
            }

            isOver = true;
        }

        LogLost(node.Log, Camera.Id, Epoch, null);
        stop.Cancel();
        lost();
    }

    /// <summary>Stops the runner; alarms that it raised until then may still be sent.</summary>
    public async Task StopAsync()
    {
        State = FleetCameraState.Stopping;
        await stop.CancelAsync().ConfigureAwait(false);
        try
        {
            await task.WaitAsync(EndLimit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            LogStuck(node.Log, Camera.Id, EndLimit.TotalSeconds, null);
        }

        lock (gate)
        {
            isOver = true;
        }
    }

    private async Task RunAsync()
    {
        TimeSpan retry = FirstRetry;
        while (!stop.IsCancellationRequested)
        {
            long start = Stopwatch.GetTimestamp();
            try
            {
                if (Alarms is null && !await TakeOverAsync().ConfigureAwait(false))
                {
                    return;
                }

                (State, Problem) = (FleetCameraState.Running, null);
                await node.Runner.RunAsync(Camera, Output, stop.Token).ConfigureAwait(false);
                (State, Problem) = (FleetCameraState.Failed, "its runner ended");
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                // Whatever a runner throws, its camera is run again.
                Problem = error.Message;
                State = Alarms is null ? FleetCameraState.TakingOver : FleetCameraState.Failed;
                LogFailed(node.Log, Camera.Id, error);
            }

            // No back-off before it is taken over: Redis and NATS answer again for all cameras at once, and nobody sees this one until then.
            retry = Alarms is null || Stopwatch.GetElapsedTime(start) > TimeSpan.FromSeconds(10) ? FirstRetry : retry;
            await Task.Delay(retry, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            retry = retry * 2 < LastRetry ? retry * 2 : LastRetry;
        }
    }

    /// <returns>False where another node has it.</returns>
    private async Task<bool> TakeOverAsync()
    {
        if (Epoch == 0)
        {
            Epoch = await node.Store.NextEpochAsync(Camera.Id).ConfigureAwait(false);
        }

        SubjectChain chain = new(node.Streams, node.Streams.AlarmStream, node.Streams.AlarmSubject(Camera.Id), Camera.Id, node.Name, Epoch);
        (long? takenBy, string[] keys) = await chain.TakeAsync(stop.Token).ConfigureAwait(false);
        if (takenBy is { } other)
        {
            if ((await node.Store.EpochsAsync([Camera.Id]).ConfigureAwait(false))[0] > Epoch)
            {
                TellLost();
                return false;
            }

            // NATS knows of later epochs than Redis, which has lost some: this one is the newest all the same.
            await node.Store.RaiseEpochAsync(Camera.Id, other).ConfigureAwait(false);
            Epoch = await node.Store.NextEpochAsync(Camera.Id).ConfigureAwait(false);
            return await TakeOverAsync().ConfigureAwait(false);
        }

        lock (gate)
        {
            recent.Clear();
            foreach (string key in keys)
            {
                Remember(key);
            }

            Alarms = chain;
        }

        LogTaken(node.Log, Camera.Id, Epoch, null);
        results = new SubjectChain(node.Streams, node.Streams.ResultStream, node.Streams.ResultSubject(Camera.Id), Camera.Id, node.Name, Epoch);
        return true;
    }

    private void Remember(string key)
    {
        recent.Enqueue(key);
        while (recent.Count > KeysKept)
        {
            _ = recent.Dequeue();
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Camera {Camera} was taken over by another node; epoch {Epoch} ends here.")]
    private static partial void LogLost(ILogger log, string camera, long epoch, Exception? error);

    [LoggerMessage(4, LogLevel.Debug, "Camera {Camera} is taken over in epoch {Epoch}.")]
    private static partial void LogTaken(ILogger log, string camera, long epoch, Exception? error);

    [LoggerMessage(2, LogLevel.Warning, "Camera {Camera} was told to stop and still runs after {Seconds} s.")]
    private static partial void LogStuck(ILogger log, string camera, double seconds, Exception? error);

    [LoggerMessage(3, LogLevel.Warning, "Camera {Camera} failed, and is run again.")]
    private static partial void LogFailed(ILogger log, string camera, Exception error);
}
