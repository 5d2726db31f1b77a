namespace YoloZeroCopy;

/// <summary>Frames by what became of them: of the whole pipeline, or of one source. Guarded by the pipeline's gate.</summary>
internal struct FrameCounts
{
    public long Submitted;
    public long Canceled;
    public long Completed;
    public long Failed;
    public long DroppedNewest;
    public long DroppedOldest;
    public long DroppedTooOld;
    public long DroppedLate;
    public long DroppedRemoved;

    public readonly long Answered =>
        Completed + Failed + Canceled + DroppedNewest + DroppedOldest + DroppedTooOld + DroppedLate + DroppedRemoved;

    /// <summary>Counts a frame whose caller is answered with a result or an error.</summary>
    public void Count(PendingFrame frame)
    {
        if (frame.Error is not null)
        {
            Failed++;
            return;
        }

        switch (frame.Status)
        {
            case FrameStatus.DroppedNewest:
                DroppedNewest++;
                break;
            case FrameStatus.DroppedOldest:
                DroppedOldest++;
                break;
            case FrameStatus.DroppedTooOld:
                DroppedTooOld++;
                break;
            case FrameStatus.DroppedLate:
                DroppedLate++;
                break;
            case FrameStatus.DroppedRemoved:
                DroppedRemoved++;
                break;
            default:
                Completed++;
                break;
        }
    }
}
