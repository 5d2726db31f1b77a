using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace YoloZeroCopy;

/// <summary>This node: the cameras that run here, and the loops that keep them as the plan says.</summary>
internal sealed partial class FleetNode : BackgroundService, ISiloStatusListener
{
    // How long a plan must have stood before cameras move for it: all nodes know of a change by then, and none moves back what another has moved.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);
    // A camera that has just come is not moved for balance: the node that it came from, going, knew earlier than this one that it goes.
    private static readonly TimeSpan Young = TimeSpan.FromSeconds(8);
    // What a node that stops gives its cameras to be elsewhere; Orleans ends what is left.
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(3);
    // What a camera that moves waits for NATS to take its alarms.
    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(1);
    private const int CallsAtATime = 64;
    private const int SendsAtATime = 32;

    private readonly FleetOptions options;
    private readonly IGrainFactory grains;
    private readonly ISiloStatusOracle oracle;
    private readonly FleetView view;
    private readonly ConcurrentDictionary<string, CameraRun> runs = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> called = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim changed = new(0, 1);
    private long version = -1;
    private string? diskProblem;

    public FleetNode(
        IOptions<FleetOptions> options, IGrainFactory grains, ISiloStatusOracle oracle, FleetView view, FleetStore store, FleetStreams streams,
        ICameraRunner runner, ILogger<FleetNode> log)
    {
        (this.options, this.grains, this.oracle, this.view) = (options.Value, grains, oracle, view);
        (Store, Streams, Runner, Log) = (store, streams, runner, log);
        Alarms = new AlarmQueue(Path.Combine(this.options.DataFolder, Name), this.options.MaxQueuedAlarms);
    }

    public string Name => options.Node;

    public FleetStore Store { get; }

    public FleetStreams Streams { get; }

    public ICameraRunner Runner { get; }

    public AlarmQueue Alarms { get; }

    public ILogger Log { get; }

    public CameraRun Start(string camera, Action lost)
    {
        if (!view.Cameras.TryGetValue(camera, out FleetCamera? settings))
        {
            throw new OrleansException($"'{camera}' is not a camera of this fleet, as far as node '{Name}' knows.");
        }

        CameraRun run = new(this, settings, lost);
        CameraRun? former = null;
        _ = runs.AddOrUpdate(camera, run, (_, other) =>
        {
            former = other;
            return run;
        });
        // Of an activation that Orleans has given up.
        former?.TellLost();
        return run;
    }

    public async Task EndAsync(CameraRun run, string reason, CancellationToken stop)
    {
        LogStop(Log, run.Camera.Id, run.Epoch, reason, null);
        await run.StopAsync().ConfigureAwait(false);
        long start = Stopwatch.GetTimestamp();
        while (Streams.IsConnected && Alarms.HasOf(run.Camera.Id) && !stop.IsCancellationRequested && Stopwatch.GetElapsedTime(start) < FlushLimit)
        {
            await Task.Delay(20, CancellationToken.None).ConfigureAwait(false);
        }

        _ = runs.TryRemove(new(run.Camera.Id, run));
    }

    public void SiloStatusChangeNotification(SiloAddress updatedSilo, SiloStatus status)
    {
        try
        {
            _ = changed.Release();
        }
        catch (Exception error) when (error is SemaphoreFullException or ObjectDisposedException)
        {
            // Told already, or nobody is there to be told.
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        Alarms.Dispose();
        changed.Dispose();
    }

    /// <summary>Moves all cameras to other nodes, while Orleans still runs here.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        view.Leave(Name);
        if (view.Capacities.Count > 0)
        {
            long start = Stopwatch.GetTimestamp();
            foreach (string camera in runs.Keys)
            {
                _ = CallAsync(camera, grain => grain.MoveAsync(Name));
            }

            while (!runs.IsEmpty && Stopwatch.GetElapsedTime(start) < LeaveLimit && !cancellationToken.IsCancellationRequested)
            {
                await Task.Delay(20, CancellationToken.None).ConfigureAwait(false);
            }
        }

        await base.StopAsync(cancellationToken).ConfigureAwait(false);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _ = oracle.SubscribeToSiloStatusEvents(this);
        _ = Streams.ConnectAsync();
        await Task.WhenAll(
            LoopAsync(Round, PlaceAsync, stoppingToken),
            LoopAsync(TimeSpan.FromSeconds(1), CheckEpochsAsync, stoppingToken),
            LoopAsync(ReportInterval, ReportAsync, stoppingToken),
            LoopAsync(TimeSpan.FromSeconds(0.5), HandInAsync, stoppingToken),
            LoopAsync(options.ResultInterval, SendResultsAsync, stoppingToken)).ConfigureAwait(false);
        _ = oracle.UnSubscribeFromSiloStatusEvents(this);
    }

    private async Task LoopAsync(TimeSpan period, Func<CancellationToken, Task> step, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            long start = Stopwatch.GetTimestamp();
            try
            {
                await step(stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                LogStep(Log, step.Method.Name, error);
            }

            TimeSpan rest = period - Stopwatch.GetElapsedTime(start);
            if (rest > TimeSpan.Zero)
            {
                try
                {
                    await (step == PlaceAsync ? changed.WaitAsync(rest, stop) : Task.Delay(rest, stop)).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }

    /// <summary>Makes the cameras run that are this node's by the plan, and moves those that are not.</summary>
    private async Task PlaceAsync(CancellationToken stop)
    {
        try
        {
            long now = await Store.VersionAsync().ConfigureAwait(false);
            if (now != version)
            {
                view.Set(await Store.CamerasAsync().ConfigureAwait(false), await Store.CapacitiesAsync().ConfigureAwait(false));
                version = now;
            }
        }
        catch (Exception error) when (FleetStore.IsAway(error))
        {
            // Cameras and capacities stay as they are until Redis is back.
        }

        view.Update();
        FleetPlan plan = view.Plan;
        bool isSettled = DateTimeOffset.UtcNow - view.Since > Settled && !view.IsChanging;
        List<(string Camera, Func<ICameraGrain, Task> Call)> calls = [];
        foreach ((string camera, string node) in plan.NodeOf)
        {
            if (node == Name && !runs.ContainsKey(camera) && !view.IsWithAnother(camera, Name))
            {
                calls.Add((camera, static grain => grain.RunAsync()));
            }
        }

        foreach ((string camera, CameraRun run) in runs)
        {
            if (!plan.NodeOf.TryGetValue(camera, out string? node))
            {
                calls.Add((camera, grain => grain.EndAsync(Name)));
            }
            else if (!view.Cameras.TryGetValue(camera, out FleetCamera? settings) || settings != run.Camera)
            {
                // Its settings were changed: it ends, and is run anew in the next round.
                calls.Add((camera, grain => grain.EndAsync(Name)));
            }
            else if (node != Name && isSettled && run.Age > Young && Streams.IsConnected)
            {
                // Who takes it over must know from NATS what was raised: while NATS is away it stays.
                calls.Add((camera, grain => grain.MoveAsync(Name)));
            }
        }

        if (calls.Count == 0)
        {
            return;
        }

        // Each call has its own time: one that hangs, on a node that has just died, holds up no other camera.
        await Parallel.ForEachAsync(
            calls, new ParallelOptions { MaxDegreeOfParallelism = CallsAtATime, CancellationToken = stop }, async (call, cancelled) =>
        {
            if (called.TryAdd(call.Camera, true))
            {
                Task calling = CallAsync(call.Camera, call.Call);
                _ = await Task.WhenAny(calling, Task.Delay(200, cancelled)).ConfigureAwait(false);
            }
        }).ConfigureAwait(false);
    }

    private async Task CallAsync(string camera, Func<ICameraGrain, Task> call)
    {
        try
        {
            await call(grains.GetGrain<ICameraGrain>(camera)).WaitAsync(CallLimit).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            // Nodes come and go; the next round calls again.
            LogCall(Log, camera, error.Message, null);
        }
        finally
        {
            _ = called.TryRemove(camera, out _);
        }
    }

    /// <summary>Ends cameras that another node has taken over while nothing was sent.</summary>
    private async Task CheckEpochsAsync(CancellationToken stop)
    {
        CameraRun[] all = [.. runs.Values.Where(static run => run.Epoch != 0)];
        if (all.Length == 0)
        {
            return;
        }

        try
        {
            long[] epochs = await Store.EpochsAsync([.. all.Select(static run => run.Camera.Id)]).ConfigureAwait(false);
            for (int index = 0; index < all.Length; index++)
            {
                if (epochs[index] > all[index].Epoch)
                {
                    all[index].TellLost();
                }
            }
        }
        catch (Exception error) when (FleetStore.IsAway(error))
        {
            // Whoever took one over is told apart by NATS, too.
        }
    }

    private async Task ReportAsync(CancellationToken stop)
    {
        string? problem = Alarms.Problem;
        if (problem is not null && diskProblem is null)
        {
            LogDisk(Log, problem, null);
        }

        diskProblem = problem;
        try
        {
            await Store.ReportAsync(Report()).ConfigureAwait(false);
        }
        catch (Exception error) when (FleetStore.IsAway(error))
        {
            // The page says how old a report is.
        }
    }

    public NodeReport Report() => new(
        Name, DateTimeOffset.UtcNow, options.HasGpu, $"{options.Address}:{options.SiloPort}",
        view.Capacities.GetValueOrDefault(Name, options.HasGpu ? options.Capacity : 0), Alarms.Count, Alarms.Dropped, Environment.WorkingSet,
        Streams.IsConnected, [.. runs.Values.Select(static run => run.Report).OrderBy(static camera => camera.Id, StringComparer.Ordinal)]);

    private Task SendResultsAsync(CancellationToken stop) => Streams.IsConnected
        ? Parallel.ForEachAsync(
            runs.Values, new ParallelOptions { MaxDegreeOfParallelism = SendsAtATime, CancellationToken = stop },
            static (run, _) => new ValueTask(run.SendResultAsync()))
        : Task.CompletedTask;

    /// <summary>Sends alarms, each camera's in order, until NATS has them. Ends after Orleans does, so that those of cameras that stop are
    /// sent.</summary>
    public async Task SendAlarmsAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                int before = Alarms.Count;
                if (before > 0 && Streams.IsConnected)
                {
                    await Parallel.ForEachAsync(
                        Alarms.Waiting.Where(static alarm => alarm.Chain is not null).GroupBy(static alarm => alarm.Message.Camera),
                        new ParallelOptions { MaxDegreeOfParallelism = SendsAtATime, CancellationToken = stop },
                        (camera, cancelled) => new ValueTask(SendAlarmsOfAsync(camera, cancelled))).ConfigureAwait(false);
                }

                if (Alarms.Count >= before)
                {
                    await Alarms.WaitAsync(TimeSpan.FromSeconds(0.25), stop).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                LogStep(Log, nameof(SendAlarmsAsync), error);
                await Task.Delay(250, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private async Task SendAlarmsOfAsync(IEnumerable<QueuedAlarm> alarms, CancellationToken stop)
    {
        foreach (QueuedAlarm alarm in alarms)
        {
            try
            {
                SubjectChain chain = alarm.Chain!;
                if (await chain.SendAsync(alarm.Message, stop).ConfigureAwait(false))
                {
                    Alarms.Remove(alarm);
                    continue;
                }

                // The one that owns the camera now knows whether this is new.
                alarm.Chain = null;
                if (runs.TryGetValue(alarm.Message.Camera, out CameraRun? run) && run.Alarms == chain)
                {
                    run.TellLost();
                }
            }
            catch (Exception error) when (FleetStreams.IsAway(error, stop))
            {
                return;
            }
        }
    }

    /// <summary>Hands alarms that an owner raised, which another one has followed, to that one.</summary>
    private async Task HandInAsync(CancellationToken stop)
    {
        if (version < 0)
        {
            // Which cameras there are is not known yet.
            return;
        }

        IEnumerable<QueuedAlarm> refused = Alarms.Waiting.Where(static alarm => alarm.Chain is null);
        foreach (IGrouping<string, QueuedAlarm> camera in refused.GroupBy(static alarm => alarm.Message.Camera))
        {
            stop.ThrowIfCancellationRequested();
            foreach (QueuedAlarm alarm in camera)
            {
                FleetMessage message = alarm.Message;
                try
                {
                    // Of a camera that was removed it is of use to nobody.
                    if (view.Cameras.ContainsKey(message.Camera) && !await grains.GetGrain<ICameraGrain>(message.Camera)
                        .TakeInAsync(message.Key!, message.Text!, message.At).WaitAsync(CallLimit, stop).ConfigureAwait(false))
                    {
                        break;
                    }
                }
                catch (Exception error) when (error is OrleansException or TimeoutException)
                {
                    // It runs nowhere now; the next round tries again.
                    break;
                }

                Alarms.Remove(alarm);
            }
        }
    }

    [LoggerMessage(10, LogLevel.Error, "{Step} failed, and is done again.")]
    private static partial void LogStep(ILogger log, string step, Exception error);

    [LoggerMessage(13, LogLevel.Error, "The folder for alarms cannot be written; they are kept in memory only: {Problem}")]
    private static partial void LogDisk(ILogger log, string problem, Exception? error);

    [LoggerMessage(12, LogLevel.Debug, "Camera {Camera} stops in epoch {Epoch}: {Reason}")]
    private static partial void LogStop(ILogger log, string camera, long epoch, string reason, Exception? error);

    [LoggerMessage(11, LogLevel.Information, "Camera {Camera} cannot be called now: {Problem}")]
    private static partial void LogCall(ILogger log, string camera, string problem, Exception? error);
}
