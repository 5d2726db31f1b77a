namespace YoloZeroCopy;

/// <summary>A lane on the processor: one thread that works on a batch from its beginning to its end.</summary>
internal abstract class ProcessorLane : Lane
{
    private readonly SemaphoreSlim work = new(0);
    private readonly Thread thread;
    private LaneBatch? batch;
    private volatile bool stopping;

    protected ProcessorLane(int number) =>
        thread = new Thread(Run) { IsBackground = true, Name = $"YoloZeroCopy CPU lane {number}" };

    public override void Start(LaneBatch batch)
    {
        this.batch = batch;
        work.Release();
    }

    public override void Dispose()
    {
        stopping = true;
        work.Release();
        thread.Join();
        work.Dispose();
    }

    /// <summary>The last thing a constructor does: a lane that cannot be made has no thread that nobody ends.</summary>
    protected void StartThread() => thread.UnsafeStart();

    /// <summary>Sets a result or an error for each frame, gives its slot back, and completes the batch. What it throws is a fault of ours.</summary>
    protected abstract void RunBatch(LaneBatch current);

    private void Run()
    {
        while (true)
        {
            work.Wait();
            if (stopping)
            {
                return;
            }

            LaneBatch current = batch!;
            try
            {
                RunBatch(current);
            }
            catch (Exception error)
            {
                // A batch that cannot be run is reported inside; what arrives here is a fault, and going on would be guessing.
                current.Fault(error);
            }
        }
    }
}
