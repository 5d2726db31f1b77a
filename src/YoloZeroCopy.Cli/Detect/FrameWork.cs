namespace YoloZeroCopy.Cli;

/// <summary>One step of the output, in input order: a frame whose result comes, or the end of an item.</summary>
/// <param name="item">The picture or video.</param>
/// <param name="frame">Number of the frame in it, from 0.</param>
internal sealed class FrameWork(InputItem item, int frame)
{
    public InputItem Item { get; } = item;

    public int Frame { get; } = frame;

    /// <summary>When it is shown, from the start of its video; null of a picture, and where nothing tells.</summary>
    public TimeSpan? Time { get; init; }

    /// <summary>The result, or the reason why there is none. Awaited once.</summary>
    public ValueTask<DetectionResult> Result { get; private set; }

    /// <summary>The frame's pixels, kept for drawing; null when nothing is drawn. Rented from the shared array pool.</summary>
    public byte[]? Pixels { get; set; }

    /// <summary>True for the step after an item's last frame, which has no result.</summary>
    public bool IsEnd { get; init; }

    /// <summary>Names the task that gives the result.</summary>
    public void Expect(ValueTask<DetectionResult> result) => Result = result;
}
