using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Captures streams, and keeps apart from that what waits for a whole device and so would end every capture on it.</summary>
/// <remarks>
/// Of the whole process, since detectors open and work behind frames at the same time. What another library does with the device is out of reach.
/// </remarks>
internal static class Captures
{
    private static readonly Lock Gate = new();

    /// <summary>Collects what is queued on a stream in a graph instead of running it.</summary>
    /// <param name="stream">The stream, an ordinary one again afterwards.</param>
    /// <param name="queue">Queues; it allocates nothing on the device and waits for nothing.</param>
    /// <returns>The graph, which the caller disposes.</returns>
    /// <exception cref="CudaException">Something in the capture was not allowed.</exception>
    public static CudaGraph Capture(CudaStream stream, Action queue)
    {
        lock (Gate)
        {
            stream.BeginCapture();
            try
            {
                queue();
                return stream.EndCapture();
            }
            catch
            {
                stream.DiscardCapture();
                throw;
            }
        }
    }

    /// <summary>Does what waits for a whole device while nothing is captured.</summary>
    public static void KeepApart(Action wait)
    {
        lock (Gate)
        {
            wait();
        }
    }
}
