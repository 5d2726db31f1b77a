using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;

namespace YoloZeroCopy;

/// <summary>A detector of a host: opens it once, beside its callers, and owns it.</summary>
/// <remarks>Any thread. The container makes it and disposes it, and with it the detector, when the host ends.</remarks>
public sealed class DetectorService : IAsyncDisposable, IDisposable
{
    private readonly DetectorServiceOptions options;
    private readonly string modelPath;
    private readonly ILogger logger;
    private readonly Open open;
    private readonly Lock gate = new();
    private readonly CancellationTokenSource ending = new();
    private Task<YoloDetector>? opening;
    private Task? watching;
    private Task? disposing;
    private OpeningProgress? progress;

    /// <param name="name">The name where the options give none.</param>
    /// <param name="options">How to open it.</param>
    /// <param name="contentRoot">Folder that a relative path of the model begins at; null for the process's own.</param>
    /// <param name="logger">Told of opening, faults and drops.</param>
    /// <param name="open">Opens the detector; null for the library's own way.</param>
    internal DetectorService(string name, DetectorServiceOptions options, string? contentRoot, ILogger logger, Open? open = null)
    {
        Name = options.Name ?? name;
        this.options = options;
        bool isFile = options.LoadModel is null && !string.IsNullOrWhiteSpace(options.ModelPath);
        modelPath = isFile && contentRoot is not null ? Path.GetFullPath(Path.Combine(contentRoot, options.ModelPath)) : options.ModelPath;
        this.logger = new QuietLogger(logger);
        this.open = open ?? OpenModelAsync;
    }

    /// <summary>Opens the detector; a test's own in place of the library's.</summary>
    internal delegate Task<YoloDetector> Open(DetectorOptions options, IProgress<OpeningProgress> progress, CancellationToken cancellationToken);

    /// <summary>What logs, metrics and the health check call the detector: <see cref="DetectorOptions.Name"/>, its key, or <c>default</c>.</summary>
    public string Name { get; }

    /// <summary>Where the detector stands now.</summary>
    public DetectorState State
    {
        get
        {
            lock (gate)
            {
                return disposing is not null ? DetectorState.Disposed
                    : opening is null ? DetectorState.NotOpened
                    : !opening.IsCompleted ? DetectorState.Opening
                    : !opening.IsCompletedSuccessfully ? DetectorState.Failed
                    : opening.Result.Fault is not null ? DetectorState.Faulted
                    : DetectorState.Open;
            }
        }
    }

    /// <summary>Why the detector failed or is faulted; null otherwise.</summary>
    public Exception? Error
    {
        get
        {
            lock (gate)
            {
                return opening is not { IsCompleted: true } ? null
                    : opening.IsCompletedSuccessfully ? opening.Result.Fault
                    : opening.Exception?.InnerException ?? new OperationCanceledException("The host stopped before the detector was open.");
            }
        }
    }

    /// <summary>The last step of opening that was finished; null before the first.</summary>
    public OpeningProgress? Progress
    {
        get
        {
            lock (gate)
            {
                return progress;
            }
        }
    }

    internal bool OpensInBackground => options.OpenInBackground;

    /// <summary>
    /// Gives the detector, once it is open. The first call opens it, if the host has not; that takes seconds on CUDA, and no thread is blocked
    /// meanwhile.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait of this caller; opening goes on.</param>
    /// <returns>The detector. It is the service's: do not dispose it.</returns>
    /// <exception cref="ObjectDisposedException">The service was disposed.</exception>
    /// <exception cref="Exception">
    /// From the task: what <see cref="YoloDetector.OpenAsync(string, DetectorOptions?, IProgress{OpeningProgress}?, CancellationToken)"/> throws.
    /// </exception>
    public Task<YoloDetector> GetAsync(CancellationToken cancellationToken = default)
    {
        Task<YoloDetector> task;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposing is not null, this);
            task = opening ??= Task.Run(OpenAsync);
        }

        return task.WaitAsync(cancellationToken);
    }

    /// <summary>Gives the detector if it is open, and never waits: for a request that is better refused (503) than kept waiting.</summary>
    /// <param name="detector">The detector, the service's own; null if it is not open.</param>
    /// <returns>False while it is not open yet, and when it could not be opened. A faulted detector is given; its calls fail at once.</returns>
    public bool TryGet([NotNullWhen(true)] out YoloDetector? detector)
    {
        lock (gate)
        {
            detector = disposing is null && opening is { IsCompletedSuccessfully: true } ? opening.Result : null;
        }

        return detector is not null;
    }

    /// <summary>Cancels an opening that is under way, and disposes the detector. May be called often; every call ends when all is freed.</summary>
    public ValueTask DisposeAsync() => new(BeginEnd());

    /// <summary>The same for a container that is disposed without awaiting: returns when all is freed.</summary>
    public void Dispose() => BeginEnd().GetAwaiter().GetResult();

    /// <summary>Ends an opening that is under way, if there is one; the detector stays where it is open.</summary>
    internal async Task StopOpeningAsync()
    {
        Task<YoloDetector>? task;
        lock (gate)
        {
            task = opening is { IsCompleted: false } ? opening : null;
        }

        if (task is not null)
        {
            await ending.CancelAsync().ConfigureAwait(false);
            await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<YoloDetector> OpenAsync()
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            options.ThrowIfUnusable(Name);
            DetectorOptions detectorOptions = options with { Name = Name, Warning = options.Warning ?? HostingLog.WarningsTo(logger, Name) };
            HostingLog.Opening(logger, Name, modelPath, detectorOptions.Device);
            YoloDetector detector = await open(detectorOptions, new Steps(this), ending.Token).ConfigureAwait(false);
            HostingLog.Opened(logger, Name, Stopwatch.GetElapsedTime(start).TotalSeconds, detector.Device);
            watching = DetectorWatch.RunAsync(detector, options.DropReportInterval, logger, ending.Token);
            return detector;
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            HostingLog.OpeningCanceled(logger, Name);
            throw;
        }
        catch (Exception error)
        {
            HostingLog.OpeningFailed(logger, error, Name, modelPath);
            throw;
        }
    }

    private async Task<YoloDetector> OpenModelAsync(
        DetectorOptions detectorOptions, IProgress<OpeningProgress> steps, CancellationToken cancellationToken)
    {
        if (options.LoadModel is null)
        {
            return await YoloDetector.OpenAsync(modelPath, detectorOptions, steps, cancellationToken).ConfigureAwait(false);
        }

        ReadOnlyMemory<byte> model = await options.LoadModel(cancellationToken).ConfigureAwait(false);
        return await YoloDetector.OpenAsync(model, modelPath, detectorOptions, steps, cancellationToken).ConfigureAwait(false);
    }

    // On the pool, away from the synchronisation context of whoever disposes.
    private Task BeginEnd()
    {
        lock (gate)
        {
            return disposing ??= Task.Run(EndAsync);
        }
    }

    private async Task EndAsync()
    {
        await ending.CancelAsync().ConfigureAwait(false);
        if (opening is not null)
        {
            await ((Task)opening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (watching is not null)
            {
                await watching.ConfigureAwait(false);
            }

            if (opening.IsCompletedSuccessfully)
            {
                await opening.Result.DisposeAsync().ConfigureAwait(false);
            }
        }

        ending.Dispose();
    }

    private sealed class Steps(DetectorService service) : IProgress<OpeningProgress>
    {
        public void Report(OpeningProgress value)
        {
            lock (service.gate)
            {
                service.progress = value;
            }

            HostingLog.OpeningStep(service.logger, service.Name, value);
        }
    }
}
