namespace YoloZeroCopy;

/// <summary>A source of a detector with options and statistics of its own: <see cref="YoloDetector.AddSource"/>.</summary>
/// <remarks>Frames become its by the number that they are submitted with. Any thread.</remarks>
public sealed class FrameSource : IDisposable
{
    private readonly Pipeline pipeline;
    private readonly SourceQueue queue;

    internal FrameSource(Pipeline pipeline, SourceQueue queue)
    {
        this.pipeline = pipeline;
        this.queue = queue;
    }

    /// <summary>The number to submit its frames with.</summary>
    public int Number => queue.Number;

    /// <summary>What became of its frames. Allocates; not for every frame. Also of a source that was removed.</summary>
    public SourceStatistics Statistics => pipeline.Snapshot(queue);

    /// <summary>
    /// Removes the source: its frames that wait are dropped (<see cref="FrameStatus.DroppedRemoved"/>), those in lanes finish. The number is free
    /// then; frames submitted with it have the detector's own options. A second call does nothing.
    /// </summary>
    public void Dispose() => pipeline.RemoveSource(queue);
}
