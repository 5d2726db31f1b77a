namespace YoloZeroCopy;

/// <summary>What a node says of itself, every two seconds.</summary>
/// <param name="Node">Its name.</param>
/// <param name="At">When, by its own clock.</param>
/// <param name="HasGpu">Whether it carries cameras.</param>
/// <param name="Address">Where other nodes reach it.</param>
/// <param name="Capacity">Cameras that it carries at most.</param>
/// <param name="QueuedAlarms">Alarms that wait for NATS.</param>
/// <param name="DroppedAlarms">Alarms that were dropped because more waited than may.</param>
/// <param name="MemoryBytes">Its working set.</param>
/// <param name="HasNats">Whether it is connected to NATS.</param>
/// <param name="Cameras">The cameras that it runs.</param>
internal sealed record NodeReport(
    string Node, DateTimeOffset At, bool HasGpu, string Address, int Capacity, int QueuedAlarms, long DroppedAlarms, long MemoryBytes, bool HasNats,
    IReadOnlyList<CameraReport> Cameras);

/// <summary>How a camera is that a node runs.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Epoch">How often it was taken over; 0 before it is.</param>
/// <param name="State">How it stands with it.</param>
/// <param name="Problem">What is wrong; null for nothing.</param>
/// <param name="Frames">Frames that were detected in since it was taken over.</param>
/// <param name="AgeMs">Milliseconds from the capture of its newest frame until it was handled; null before the first.</param>
/// <param name="SinceMs">Milliseconds since its newest frame was handled; null before the first.</param>
internal sealed record CameraReport(string Id, long Epoch, FleetCameraState State, string? Problem, long Frames, double? AgeMs, double? SinceMs);
