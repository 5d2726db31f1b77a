namespace YoloZeroCopy;

/// <summary>An alarm of a fleet, as its reader gets it: each once.</summary>
/// <param name="Sequence">Its number in the stream. Whoever keeps that of the last alarm together with what came of it goes on after it, and handles
/// no alarm twice.</param>
/// <param name="Camera">Whose it is.</param>
/// <param name="Epoch">How often the camera had been taken over when it was raised.</param>
/// <param name="Number">Number of the message within the epoch.</param>
/// <param name="Node">The node that raised it.</param>
/// <param name="At">When it was raised, by that node's clock.</param>
/// <param name="Key">What it is about, as <see cref="CameraOutput.Raise"/> was given.</param>
/// <param name="Text">What it says.</param>
/// <param name="StoredAt">When NATS took it.</param>
public sealed record FleetAlarm(
    ulong Sequence, string Camera, long Epoch, long Number, string Node, DateTimeOffset At, string Key, string Text, DateTimeOffset StoredAt);
