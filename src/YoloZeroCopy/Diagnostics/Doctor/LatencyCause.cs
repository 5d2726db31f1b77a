namespace YoloZeroCopy;

/// <summary>Why frames take as long as they do, as <see cref="Doctor.WatchAsync"/> names it.</summary>
public enum LatencyCause
{
    /// <summary>Nothing is in the frames' way: they are taken as they come, and wait for nothing.</summary>
    Healthy,

    /// <summary>Work queued to .NET's thread pool waits for a thread, and so do continuations that await results.</summary>
    ThreadPoolDelay,

    /// <summary>The garbage collector stops all threads for much of the time.</summary>
    GarbageCollection,

    /// <summary>Others hold the device's memory.</summary>
    DeviceMemory,

    /// <summary>The device's clocks are far below their best.</summary>
    LowClocks,

    /// <summary>
    /// Handing a batch to the device holds the dispatcher up, or the device waits between batches that are there: the engine waits, allocates, or is
    /// started call by call.
    /// </summary>
    HiddenSynchronization,

    /// <summary>Frames come in ordinary memory and are copied on the host first.</summary>
    PageableFrames,

    /// <summary>The link to the device is as busy as it can be.</summary>
    TransferBound,

    /// <summary>Frames wait for company although a lane is idle.</summary>
    BatchWait,

    /// <summary>Results wait to be taken, or are held long.</summary>
    SlowConsumer,

    /// <summary>The device's video decoders are as busy as they can be.</summary>
    DecoderBound,

    /// <summary>The lanes are as busy as they can be: the model, on this device, gives no more.</summary>
    EngineBound,

    /// <summary>The lanes wait for frames.</summary>
    StarvedProducer,
}
