namespace YoloZeroCopy.Server;

/// <summary>A detector with those who use it: closed for new ones at once, and disposed when the last is done.</summary>
internal sealed class OpenModel(YoloDetector detector)
{
    private readonly Lock gate = new();
    private readonly TaskCompletionSource unused = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int users;
    private bool isClosing;
    private int lastStream;

    public YoloDetector Detector { get; } = detector;

    public QueueLoad Load { get; } = new();

    /// <summary>A number for a stream's frames that no other of this detector has. 0 is for those of single requests.</summary>
    public int NextStream() => Interlocked.Increment(ref lastStream);

    /// <summary>Holds the detector open until <see cref="Leave"/>; false where it is being closed.</summary>
    public bool TryEnter()
    {
        lock (gate)
        {
            if (!isClosing)
            {
                users++;
            }

            return !isClosing;
        }
    }

    public void Leave()
    {
        lock (gate)
        {
            users--;
            if (isClosing && users == 0)
            {
                _ = unused.TrySetResult();
            }
        }
    }

    /// <summary>Lets nobody in any more, waits for those who are, and disposes the detector.</summary>
    /// <param name="patience">How long it waits for them; who is in it then is answered by the detector's end.</param>
    public async Task CloseAsync(TimeSpan patience)
    {
        lock (gate)
        {
            isClosing = true;
            if (users == 0)
            {
                _ = unused.TrySetResult();
            }
        }

        try
        {
            await unused.Task.WaitAsync(patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
        }

        await Detector.DisposeAsync().ConfigureAwait(false);
    }
}
