using System.Buffers;

namespace YoloZeroCopy;

/// <summary>
/// Host memory of the caller's that detectors read frames in, for example the ring of a camera's SDK. Register it once, at the start.
/// </summary>
/// <remarks>
/// On CUDA its pages are locked, so that the device reads them by DMA: that takes about 0.3 s for each GiB, and no frame may pay for it. On the CPU
/// nothing is done to it. It outlives its detector, and serves every other one on CUDA, or on the CPU. Any thread.
/// </remarks>
public sealed class RegisteredMemory : IDisposable
{
    private readonly object sync = new();
    private readonly IDisposable? registration;
    private MemoryHandle pinned;
    private int inFlight;
    private bool closed;
    private Thread? releasing;
    private bool released;

    internal RegisteredMemory(nint address, long byteCount, IDisposable? registration, MemoryHandle pinned)
    {
        Address = address;
        ByteCount = byteCount;
        this.registration = registration;
        this.pinned = pinned;
    }

    /// <summary>First byte.</summary>
    public nint Address { get; }

    /// <summary>Length in bytes.</summary>
    public long ByteCount { get; }

    /// <summary>Whether a CUDA device can read it by DMA.</summary>
    internal bool IsPageLocked => registration is not null;

    /// <summary>
    /// Refuses frames from now on, waits until those that were submitted are read, and unlocks the pages. The caller frees the memory after that,
    /// never before.
    /// </summary>
    /// <remarks>
    /// May be called twice and from two threads: each returns when the memory is free. It waits as long as the detector takes to read what waits in
    /// its queue. Not for the function of a detector from <see cref="YoloDetector.FromFunction"/>, which would wait for itself.
    /// </remarks>
    /// <exception cref="InvalidOperationException">
    /// Frames are still to be read, and this is the thread that brings results (<see cref="DetectorOptions.AllowSynchronousContinuations"/>, a
    /// listener), which reading may need. Call it again elsewhere.
    /// </exception>
    public void Dispose()
    {
        lock (sync)
        {
            closed = true;
            while (inFlight > 0)
            {
                ForeignCode.ThrowIfAnswering("Registered memory has frames that are still to be read");
                Wait();
            }

            if (releasing is not null)
            {
                // On the thread that releases it only what owns pinned memory can call this.
                while (!released && releasing != Thread.CurrentThread)
                {
                    Wait();
                }

                return;
            }

            releasing = Thread.CurrentThread;
        }

        try
        {
            // Without the lock: letting go of pinned memory is code of others.
            registration?.Dispose();
            pinned.Dispose();
        }
        finally
        {
            lock (sync)
            {
                released = true;
                Monitor.PulseAll(sync);
            }
        }
    }

    /// <summary>A frame in it is submitted; false when it is disposed.</summary>
    internal bool TryEnter()
    {
        lock (sync)
        {
            if (!closed)
            {
                inFlight++;
            }

            return !closed;
        }
    }

    /// <summary>A frame in it has been read, or will not be. Runs no code of others, and never waits.</summary>
    internal void Leave()
    {
        lock (sync)
        {
            inFlight--;
            if (inFlight == 0)
            {
                Monitor.PulseAll(sync);
            }
        }
    }

    private void Wait()
    {
        bool pulsed = Monitor.Wait(sync);
        _ = pulsed;
    }
}
