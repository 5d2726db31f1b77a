namespace YoloZeroCopy.Peers;

/// <summary>A way from a picture to detections.</summary>
internal abstract class Way : IDisposable
{
    public const float MinScore = 0.25f;
    public const float MostOverlap = 0.45f;
    public const int MostDetections = 300;

    /// <summary>What it is called in the table.</summary>
    public abstract string Name { get; }

    /// <summary>Frames that are on their way at a time.</summary>
    public virtual int Ahead => 1;

    /// <summary>Detections in the pixels of the frame. Of one at a time, but where <see cref="Ahead"/> says more.</summary>
    public abstract ValueTask<Detection[]> DetectAsync(Frame frame);

    public abstract void Dispose();
}
