namespace YoloZeroCopy;

/// <summary>Everything one batch in flight needs: the seam between the pipeline, which is the same everywhere, and a device.</summary>
internal abstract class Lane : IDisposable
{
    /// <summary>
    /// Whether batches are uploaded to a device and computed there in one go. Then the host knows the times of upload and computing, and not of
    /// preprocessing, inference and decoding; elsewhere it is the other way round.
    /// </summary>
    public virtual bool IsOnDevice => false;

    /// <summary>The device that it runs on, as a place among the detector's.</summary>
    public virtual int DeviceIndex => 0;

    /// <summary>The device as metrics name it.</summary>
    public virtual string DeviceName => Device.Cpu.Name;

    /// <summary>Gets ready for the first batch: makes contexts, warms them, captures graphs. The dispatcher thread calls it once, before all else,
    /// because what a device binds to a thread must be bound to the one that will use it.</summary>
    /// <param name="steps">Told of each of the <see cref="Preparations"/>. What it throws ends the opening.</param>
    public abstract void Prepare(OpeningSteps steps);

    /// <summary>Parts of <see cref="Prepare"/>, for the progress of opening.</summary>
    public virtual int Preparations => 1;

    /// <summary>Batch sizes that run as larger ones, until what was left to do for them behind the first frames is done. Any thread.</summary>
    public virtual int MissingBatchSizes => 0;

    /// <summary>
    /// Takes a batch and returns without waiting for it, while none is in flight on this lane. The dispatcher thread calls it, or, where it
    /// <see cref="StartsOnAnyThread"/>, the thread on which a batch of this or another lane of its device ended; one thread at a time for all lanes
    /// of a device.
    /// </summary>
    /// <remarks>
    /// From any thread the lane then gives back each frame's memory as soon as it no longer reads it (<see cref="LaneBatch.ReleaseFrame"/>), sets a
    /// result or an error for each frame, and ends with
    /// <see cref="LaneBatch.Complete"/>, or with <see cref="LaneBatch.Fault"/> when it cannot go on. An exception from here counts as a fault.
    /// </remarks>
    public abstract void Start(LaneBatch batch);

    /// <summary>Whether <see cref="Start"/> needs no thread of its own, after <see cref="Prepare"/>.</summary>
    public virtual bool StartsOnAnyThread => true;

    /// <summary>
    /// Makes host memory of a caller's readable for the device until what this returns is disposed, which may be after the lane; null where the
    /// device reads any. Any thread.
    /// </summary>
    public virtual IDisposable? Register(nint address, long byteCount) => null;

    /// <summary>Refuses a frame of a caller's that no device of the detector can read, before it is taken. Any thread, no allocation.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="home">The device that it lies on, as a place among the detector's; -1 where any can read it.</param>
    /// <returns>The frame, with what is known of it by now.</returns>
    /// <exception cref="ArgumentException">It lies elsewhere.</exception>
    public virtual ExternalFrame Check(in ExternalFrame frame, out int home)
    {
        home = -1;
        return !frame.IsOnDevice ? frame : throw new ArgumentException(
            "The frame lies in device memory, and this detector runs on the processor. Open it with Device.Cuda(n) of that device, or give it a slot "
                + "or registered host memory.",
            nameof(frame));
    }

    /// <summary>Called once, when no batch is in flight.</summary>
    public abstract void Dispose();
}
