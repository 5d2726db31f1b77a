using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Gives a detector's share in the primary context back. After a sticky error the last detector of a device resets it, so that a fresh one can be opened in the same process.</summary>
/// <remarks>
/// A reset unmaps all page-locked memory of the device: while a producer still holds a slot of any detector there is none, and the device stays faulted for this process.
/// Any thread.
/// </remarks>
internal sealed class CudaContextOwner : IDisposable
{
    private static readonly Lock Sync = new();
    private static readonly Dictionary<int, Sharing> Devices = [];

    private readonly CudaContext context;
    private readonly Sharing sharing;
    private FramePool? slots;
    private bool disposed;

    public CudaContextOwner(CudaContext context)
    {
        this.context = context;
        lock (Sync)
        {
            if (!Devices.TryGetValue(context.Device.Ordinal, out Sharing? found))
            {
                found = new Sharing();
                Devices.Add(context.Device.Ordinal, found);
            }

            sharing = found;
            sharing.Owners++;
        }
    }

    /// <summary>Names the slots in the context's page-locked memory, which outlives the detector while a producer holds one.</summary>
    public void Add(FramePool pool)
    {
        lock (Sync)
        {
            slots = pool;
            sharing.Pools.Add(pool);
        }
    }

    public void Dispose()
    {
        lock (Sync)
        {
            if (disposed)
            {
                return;
            }

            disposed = true;
            sharing.Owners--;
            sharing.IsFaulted |= context.IsFaulted && !context.IsReset;

            // The detector is closed: nobody rents from its pool any more. Pools of open detectors stay, rented from or not.
            int returned = sharing.Pools.RemoveAll(pool => (pool == slots || sharing.Owners == 0) && pool.SlotsInUse == 0);
            _ = returned;
            if (sharing.IsFaulted && sharing.Owners == 0 && sharing.Pools.Count == 0)
            {
                Reset();
                sharing.IsFaulted = false;
            }
        }

        context.Dispose();
    }

    private void Reset()
    {
        try
        {
            context.Reset();
        }
        catch (Exception error) when (error is CudaException or ObjectDisposedException)
        {
            // Nothing more can be done from here; opening the next detector will say so.
        }
    }

    /// <summary>What the detectors of one device have in common.</summary>
    private sealed class Sharing
    {
        public int Owners { get; set; }

        public bool IsFaulted { get; set; }

        public List<FramePool> Pools { get; } = [];
    }
}
