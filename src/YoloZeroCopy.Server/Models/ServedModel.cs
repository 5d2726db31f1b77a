using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Server;

/// <summary>Where a model stands, in the words of the repository extension.</summary>
internal enum ModelState
{
    Unavailable,
    Loading,
    Ready,
    Unloading,
}

/// <summary>A model of the folder: opened, closed and, when its detector met an error that it cannot go on after, opened again. Any thread.</summary>
internal sealed class ServedModel : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly DetectionServerOptions options;
    private readonly ILogger logger;
    private readonly Action<Exception> onLost;

    // One opening or closing at a time; not held by those who infer.
    private readonly SemaphoreSlim changing = new(1, 1);
    private readonly CancellationTokenSource ending = new();
    private readonly Lock gate = new();
    private OpenModel? current;
    private bool isWanted;
    private Task recovery = Task.CompletedTask;

    /// <param name="name">The model's name.</param>
    /// <param name="path">Its file.</param>
    /// <param name="options">The server's options.</param>
    /// <param name="logger">The server's log.</param>
    /// <param name="onLost">Told of an error that no detector of this process can go on after.</param>
    public ServedModel(string name, string path, DetectionServerOptions options, ILogger logger, Action<Exception> onLost)
    {
        Name = name;
        Path = path;
        this.options = options;
        this.logger = logger;
        this.onLost = onLost;
    }

    public string Name { get; }

    public string Path { get; }

    public ModelCounts Counts { get; } = new();

    public ModelState State { get; private set; }

    /// <summary>Why it is not ready; empty where it is, or nobody asked for it.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Whether it is to be open: it was loaded, and not unloaded.</summary>
    public bool IsWanted
    {
        get
        {
            lock (gate)
            {
                return isWanted;
            }
        }
    }

    /// <summary>Whether a request would be taken now.</summary>
    public bool IsReady
    {
        get
        {
            lock (gate)
            {
                return current is OpenModel open && open.Detector.Fault is null;
            }
        }
    }

    /// <summary>The detector, where there is one, for what is read of it and not run.</summary>
    public YoloDetector? Detector
    {
        get
        {
            lock (gate)
            {
                return current?.Detector;
            }
        }
    }

    /// <summary>How long a frame would wait now.</summary>
    public TimeSpan QueueWait
    {
        get
        {
            lock (gate)
            {
                return current?.Load.Wait ?? TimeSpan.Zero;
            }
        }
    }

    /// <summary>Enters the open model; whoever has it calls <see cref="OpenModel.Leave"/>.</summary>
    public bool TryEnter([NotNullWhen(true)] out OpenModel? open)
    {
        lock (gate)
        {
            open = current;
            return open is not null && open.TryEnter();
        }
    }

    /// <summary>Opens it; where it is open already, anew, beside the one that is open, which then closes.</summary>
    /// <exception cref="RequestException">It cannot be opened.</exception>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        await changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await OpenAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException error)
        {
            throw new RequestException(Refusal.Unavailable, $"Model '{Name}' was not opened: the server ends.", innerException: error);
        }
        catch (Exception error) when (error is not RequestException)
        {
            throw new RequestException(Refusal.Invalid, $"Model '{Name}' cannot be opened: {error.Message}", innerException: error);
        }
        finally
        {
            _ = changing.Release();
        }
    }

    /// <summary>Closes it, after those who are in it.</summary>
    public async Task UnloadAsync(CancellationToken cancellationToken)
    {
        await changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            OpenModel? closing;
            lock (gate)
            {
                isWanted = false;
                closing = current;
                current = null;
                Set(closing is null ? ModelState.Unavailable : ModelState.Unloading, "unloaded");
            }

            if (closing is not null)
            {
                await closing.CloseAsync(options.DrainTimeout).ConfigureAwait(false);
                Set(ModelState.Unavailable, "unloaded");
                ServerLog.Unloaded(logger, Name);
            }
        }
        finally
        {
            _ = changing.Release();
        }
    }

    /// <summary>Looks whether the detector is faulted, and has it opened again where it is. Only what was in it is lost.</summary>
    public void CheckFault()
    {
        OpenModel faulted;
        Exception fault;
        lock (gate)
        {
            if (current is not OpenModel open || open.Detector.Fault is not Exception found)
            {
                return;
            }

            (faulted, fault) = (open, found);
            current = null;
            Set(ModelState.Unavailable, fault.Message);
            recovery = Task.Run(() => RecoverAsync(faulted, fault));
        }

        ServerLog.Faulted(logger, fault, Name);
    }

    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync().ConfigureAwait(false);
        await UnloadAsync(CancellationToken.None).ConfigureAwait(false);
        Task last;
        lock (gate)
        {
            last = recovery;
        }

        await last.ConfigureAwait(false);
    }

    private async Task OpenAsync()
    {
        lock (gate)
        {
            isWanted = true;
            Set(ModelState.Loading, "");
        }

        ServerLog.Loading(logger, Name, Path);
        OpenModel opened;
        try
        {
            opened = new OpenModel(await options.Open(
                Path, options.Detector with { Name = Name, MaxFrameAge = options.MaxQueueAge, Warning = Warn }, ending.Token).ConfigureAwait(false));
        }
        catch (Exception error)
        {
            lock (gate)
            {
                // The one that was open goes on.
                Set(current is null ? ModelState.Unavailable : ModelState.Ready, current is null ? error.Message : "");
            }

            ServerLog.LoadingFailed(logger, error, Name);
            throw;
        }

        OpenModel? before;
        lock (gate)
        {
            before = current;
            current = opened;
            Set(ModelState.Ready, "");
        }

        ServerLog.Loaded(logger, Name, opened.Detector.Device);
        if (before is not null)
        {
            await before.CloseAsync(options.DrainTimeout).ConfigureAwait(false);
        }
    }

    private async Task RecoverAsync(OpenModel faulted, Exception fault)
    {
        await faulted.CloseAsync(options.DrainTimeout).ConfigureAwait(false);
        if (IsLost(fault))
        {
            // CUDA cannot be revived in a process: another one is wanted, and nothing here may say that this one is well.
            onLost(fault);
            return;
        }

        TimeSpan pause = FirstPause;
        while (!ending.IsCancellationRequested)
        {
            await changing.WaitAsync().ConfigureAwait(false);
            try
            {
                lock (gate)
                {
                    if (!isWanted || current is not null)
                    {
                        return;
                    }
                }

                await OpenAsync().ConfigureAwait(false);
                return;
            }
            catch (Exception error)
            {
                if (IsLost(error))
                {
                    onLost(error);
                    return;
                }
            }
            finally
            {
                _ = changing.Release();
            }

            await Task.Delay(pause, ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, LongestPause.Ticks));
        }
    }

    private static bool IsLost(Exception? error) =>
        error is not null && (error is CudaException { IsSticky: true } || IsLost(error.InnerException));

    private void Warn(string text) => ServerLog.Warning(logger, Name, text);

    private void Set(ModelState state, string reason) => (State, Reason) = (state, reason);
}
