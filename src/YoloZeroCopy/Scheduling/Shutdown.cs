namespace YoloZeroCopy;

/// <summary>Ends a pipeline once, whoever asks and how often: lets everything run out, then frees it.</summary>
/// <remarks>Everyone who asks waits for the whole of it, and hears of what failed.</remarks>
/// <param name="begin">Lets everything run out; told whether frames that wait are to fail.</param>
/// <param name="free">Frees everything when it has, and gives back the first error.</param>
internal sealed class Shutdown(Action<bool> begin, Func<Exception?> free)
{
    private readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? ended;

    /// <summary>Everything has run out. Any thread, under any lock, as often as one likes.</summary>
    public void SetDrained()
    {
        bool set = drained.TrySetResult();
        _ = set;
    }

    public async Task RunAsync(bool failWaiting)
    {
        if (TryBegin(failWaiting, out Task end))
        {
            // Never on the thread that called, which may be one of those that this waits for.
            await drained.Task.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            Free();
        }

        await end.ConfigureAwait(false);
    }

    /// <summary>The same for a caller who cannot await. Needs no thread of the pool, whose threads may all wait here.</summary>
    public void Run(bool failWaiting)
    {
        if (TryBegin(failWaiting, out Task end))
        {
            drained.Task.Wait();
            Free();
        }

        end.GetAwaiter().GetResult();
    }

    /// <summary>The same for a caller who must not wait: returns at once and throws nothing.</summary>
    public void Queue(bool failWaiting) => ThreadPool.UnsafeQueueUserWorkItem(
        static queued => _ = queued.Self.RunAsync(queued.FailWaiting), (Self: this, FailWaiting: failWaiting), preferLocal: false);

    /// <summary>Disposes each part whatever became of those before it, and gives back the first error.</summary>
    public static Exception? DisposeAll(ReadOnlySpan<IDisposable> parts)
    {
        Exception? first = null;
        foreach (IDisposable part in parts)
        {
            try
            {
                part.Dispose();
            }
            catch (Exception error)
            {
                first ??= error;
            }
        }

        return first;
    }

    /// <summary>True for one caller only, who frees everything when it has run out.</summary>
    private bool TryBegin(bool failWaiting, out Task end)
    {
        TaskCompletionSource own = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Interlocked.CompareExchange(ref ended, own, null) is TaskCompletionSource earlier)
        {
            end = earlier.Task;
            return false;
        }

        end = own.Task;
        begin(failWaiting);
        return true;
    }

    private void Free()
    {
        if (free() is Exception error)
        {
            ended!.SetException(error);
        }
        else
        {
            ended!.SetResult();
        }
    }
}
