namespace YoloZeroCopy;

/// <summary>Frames that wait for a lane, in submit order: a list through the frames themselves, so that any one can leave from the middle.</summary>
internal struct FrameQueue
{
    private PendingFrame? first;
    private PendingFrame? last;

    public int Count { get; private set; }

    public readonly PendingFrame? First => first;

    public void Add(PendingFrame frame)
    {
        frame.IsWaiting = true;
        frame.Previous = last;
        frame.Next = null;
        if (last is null)
        {
            first = frame;
        }
        else
        {
            last.Next = frame;
        }

        last = frame;
        Count++;
    }

    public void Remove(PendingFrame frame)
    {
        if (frame.Previous is null)
        {
            first = frame.Next;
        }
        else
        {
            frame.Previous.Next = frame.Next;
        }

        if (frame.Next is null)
        {
            last = frame.Previous;
        }
        else
        {
            frame.Next.Previous = frame.Previous;
        }

        frame.Previous = frame.Next = null;
        frame.IsWaiting = false;
        Count--;
    }
}
