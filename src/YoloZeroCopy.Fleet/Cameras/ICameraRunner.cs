namespace YoloZeroCopy;

/// <summary>Runs cameras on a node: reads their frames, detects, and says what it saw. The application's part of a fleet; one object for all
/// cameras.</summary>
public interface ICameraRunner
{
    /// <summary>Runs one camera until it is told to stop.</summary>
    /// <param name="camera">The camera.</param>
    /// <param name="output">Takes what it sees.</param>
    /// <param name="cancellationToken">Cancelled when the camera moves to another node, or is removed. A move waits for the task to end.</param>
    /// <returns>A task that ends when nothing of the camera runs here any more. Where it ends or fails before it was told to, the camera is run again
    /// after a while, longer each time up to 5 s.</returns>
    /// <remarks>Called on a thread of the pool, for each camera never twice at a time. Two nodes may run one camera for a short while, when one of
    /// them was taken for dead and lives: what the former one raises is refused by NATS.</remarks>
    Task RunAsync(FleetCamera camera, CameraOutput output, CancellationToken cancellationToken);
}
