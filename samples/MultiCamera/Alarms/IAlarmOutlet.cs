namespace MultiCamera.Alarms;

/// <summary>Hands alarms, and what else it cares for, to another system.</summary>
/// <remarks>
/// Any thread. Nothing here waits or throws: cameras call it between two frames. An outlet whose other side is away keeps what it can, says so in
/// <see cref="Status"/>, and counts what it could not keep. Dispose hands over what it still can within a few seconds.
/// </remarks>
internal interface IAlarmOutlet : IAsyncDisposable
{
    /// <summary>How it is and what it has done.</summary>
    OutletStatus Status { get; }

    /// <summary>Takes an alarm.</summary>
    /// <returns>Ends when the alarm is safe: the process may be killed then, and the alarm is not lost. Fails with an <see cref="OutletException"/>
    /// when the outlet could not keep it, which it has counted. Callers need not wait.</returns>
    Task RaiseAsync(Alarm alarm);

    /// <summary>Takes what a frame shows.</summary>
    void Add(CameraDetections detections)
    {
    }

    /// <summary>Takes a picture for clips.</summary>
    void Add(CameraPicture picture)
    {
    }

    /// <summary>Takes the new status of a camera.</summary>
    void Add(CameraStatus status)
    {
    }
}
