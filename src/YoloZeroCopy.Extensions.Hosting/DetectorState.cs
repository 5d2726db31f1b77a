namespace YoloZeroCopy;

/// <summary>Where a <see cref="DetectorService"/> stands.</summary>
public enum DetectorState
{
    /// <summary>Nobody has asked for the detector yet: the host has not started.</summary>
    NotOpened = 0,

    /// <summary>It is being opened, which takes seconds on CUDA.</summary>
    Opening = 1,

    /// <summary>It takes frames.</summary>
    Open = 2,

    /// <summary>It could not be opened.</summary>
    Failed = 3,

    /// <summary>It met an error that it cannot go on after; on CUDA only a new process can.</summary>
    Faulted = 4,

    /// <summary>The service was disposed.</summary>
    Disposed = 5,
}
