using MultiCamera.Alarms;

namespace MultiCamera.Outlets;

/// <summary>Pictures of one clip, while they come.</summary>
/// <param name="end">Time of the last.</param>
/// <param name="half">From the alarm to the end.</param>
/// <param name="byteLimit">Bytes of all of them above which the clip ends early.</param>
internal sealed class ClipRange(DateTimeOffset end, TimeSpan half, long byteLimit)
{
    // For pictures on their way, after the last is due. A camera that died has a clip all the same, of what it had shown.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    private readonly Lock gate = new();
    private readonly List<CameraPicture> pictures = [];
    private readonly TaskCompletionSource complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long begun = TimeProvider.System.GetTimestamp();
    private long bytes;

    /// <returns>False when it is complete.</returns>
    public bool Add(CameraPicture picture)
    {
        lock (gate)
        {
            if (complete.Task.IsCompleted || picture.Time > end || bytes + picture.Jpeg.Length > byteLimit)
            {
                _ = complete.TrySetResult();
                return false;
            }

            pictures.Add(picture);
            bytes += picture.Jpeg.Length;
            return true;
        }
    }

    /// <summary>Waits for the last picture, or until it should have come.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<IReadOnlyList<CameraPicture>> TakeAsync(CancellationToken cancellationToken)
    {
        TimeSpan left = half + Grace - TimeProvider.System.GetElapsedTime(begun);
        if (left > TimeSpan.Zero)
        {
            try
            {
                await complete.Task.WaitAsync(left, cancellationToken);
            }
            catch (TimeoutException)
            {
                // It has what it has.
            }
        }

        lock (gate)
        {
            _ = complete.TrySetResult();
            return pictures;
        }
    }
}
