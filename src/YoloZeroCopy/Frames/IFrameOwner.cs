namespace YoloZeroCopy;

/// <summary>Whose memory a detector reads frames in: hears when each of them may be written or freed again.</summary>
public interface IFrameOwner
{
    /// <summary>
    /// The detector reads the frame no more: its memory is the owner's again. Called exactly once for every frame that a detector took, whatever
    /// becomes of it: read, dropped, cancelled, failed, or left over as the detector is disposed.
    /// </summary>
    /// <param name="token">What the frame was submitted with.</param>
    /// <remarks>
    /// Comes on a thread that the detector keeps for this, with no lock held, one call after the other; once a detector is disposed, on a thread of
    /// the pool. It may submit the next frame, dispose registered memory, and begin to dispose the detector (<see cref="YoloDetector.Dispose"/>
    /// returns at once here). While it runs no other owner hears, so it is to be short; frames and results are not held up. What it throws is told
    /// to <see cref="DetectorOptions.Warning"/> and stops nothing. It has no order with the frame's result, which may be there before or after.
    /// </remarks>
    void OnFrameFree(long token);
}
