using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>
/// Batch buckets that a detector opened without: compiled and captured on a thread of its own, while their frames run in a larger one, and then put
/// in place lane by lane.
/// </summary>
/// <remarks>
/// What fails is told once and changes nothing: frames go on in the larger bucket. Dispose waits for the compiling that is under way, some tenths of
/// a second and more where the machine is busy, and so does the end of the process, which must not unload cuDNN's libraries under it. Any thread, as
/// often as one likes.
/// </remarks>
internal sealed class LaterBuckets : IDisposable
{
    // A capture ends where another library waits for the device meanwhile.
    private const int MostCaptures = 5;

    private readonly CudaSharedResources device;
    private readonly InferenceEngine engine;
    private readonly CudaLane[] lanes;
    private readonly int[] sizes;
    private readonly Warnings warnings;
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TimeSpan pause;
    private readonly Thread thread;
    private readonly ManualResetEventSlim stopping = new();
    private int missing;

    /// <summary>Begins.</summary>
    /// <param name="device">What the lanes share.</param>
    /// <param name="engine">The engine, which has those sizes among its <see cref="InferenceEngine.LaterBatches"/>.</param>
    /// <param name="lanes">The lanes, prepared. They are disposed after this.</param>
    /// <param name="sizes">Batch sizes, those first that are wanted most.</param>
    /// <param name="warnings">Where failures are told.</param>
    /// <param name="pause">How long it puts off what cannot be broken off once it has begun.</param>
    public LaterBuckets(CudaSharedResources device, InferenceEngine engine, CudaLane[] lanes, int[] sizes, Warnings warnings, TimeSpan pause)
    {
        this.pause = pause;
        this.device = device;
        this.engine = engine;
        this.lanes = lanes;
        this.sizes = sizes;
        this.warnings = warnings;
        missing = sizes.Length;
        thread = new Thread(Run) { IsBackground = true, Name = "YoloZeroCopy later buckets" };
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        thread.UnsafeStart();
    }

    /// <summary>Batch sizes that some lane has no bucket for yet, or never will.</summary>
    public int Missing => Volatile.Read(ref missing);

    /// <summary>Ends, without an exception, when nothing more will come.</summary>
    public Task Ended => ended.Task;

    public void Dispose()
    {
        // Not disposed: it may be asked for at any time, and has a handle only where somebody waits for one.
        stopping.Set();
        thread.Join();
    }

    private void OnProcessExit(object? sender, EventArgs e) => Dispose();

    private void Run()
    {
        int done = 0;
        try
        {
            ThreadPriorities.GiveWay();
            _ = stopping.Wait(pause);
            ThrowIfStopping();
            device.Context.MakeCurrent();
            using CudaStream stream = new(device.Context);
            for (; done < sizes.Length; done++)
            {
                Add(sizes[done], stream);
                _ = Interlocked.Decrement(ref missing);
            }
        }
        catch (OperationCanceledException) when (stopping.IsSet)
        {
        }
        catch (Exception error)
        {
            string which = string.Join(", ", sizes[done..]);
            warnings.Say($"What was left to do for batches of {which} while frames run has failed; they go on as larger batches. {error.Message}");
        }
        finally
        {
            AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
            ended.SetResult();
        }
    }

    private void Add(int size, CudaStream stream)
    {
        engine.CompileLater(size, isBehind: true, (_, _) => ThrowIfStopping());
        foreach (EngineAtSize sized in device.Sizes)
        {
            using LaterContexts contexts = sized.Engine.OpenLater(size, stream);
            foreach (CudaLane lane in lanes)
            {
                Add(lane, sized, size, contexts, stream);
            }
        }
    }

    private void Add(CudaLane lane, EngineAtSize sized, int size, LaterContexts contexts, CudaStream stream)
    {
        for (int left = MostCaptures; ; left--)
        {
            ThrowIfStopping();
            try
            {
                lane.Add(sized, size, contexts, stream);
                return;
            }
            catch (Exception error) when (left > 1 && error is (InferenceException or CudaException { IsSticky: false }))
            {
                // Once more.
            }
        }
    }

    private void ThrowIfStopping()
    {
        if (stopping.IsSet)
        {
            throw new OperationCanceledException();
        }
    }
}
