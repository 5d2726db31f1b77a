using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>State of a capture on a stream.</summary>
public enum CudaCaptureStatus
{
    /// <summary>The stream does not capture.</summary>
    None = 0,

    /// <summary>The stream captures.</summary>
    Active = 1,

    /// <summary>The stream captures, but an error made the capture invalid: it must still be ended.</summary>
    Invalidated = 2,
}

public sealed unsafe partial class CudaStream
{
    /// <summary>State of a capture on this stream.</summary>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public CudaCaptureStatus CaptureStatus
    {
        get
        {
            CudaCaptureStatus status;
            ThrowIfFailed(Api.cuStreamIsCapturing(Handle, &status), "asking whether a stream captures");
            return status;
        }
    }

    /// <summary>Begins to collect what is queued on this stream in a graph instead of running it. End it on the same thread.</summary>
    /// <remarks>
    /// Until then this thread must not wait for anything, ask events or streams, or allocate memory other than stream-ordered: such a call fails and
    /// makes the
    /// capture invalid. Other threads are not affected (thread-local mode). A stream that is made to wait for an event of this one joins the capture;
    /// it must
    /// be joined back by an event before the end.
    /// </remarks>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void BeginCapture() =>
        ThrowIfFailed(Api.cuStreamBeginCapture_v2(Handle, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "beginning a capture");

    /// <summary>Ends the capture and gives what it collected. The stream is an ordinary one again, also after an exception.</summary>
    /// <returns>The graph, which the caller disposes.</returns>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">Something in the capture was not allowed; the status says what.</exception>
    public CudaGraph EndCapture()
    {
        using ContextBinding binding = Context.Bind();
        CUgraph graph = default;
        CUresult status = Api.cuStreamEndCapture(Handle, &graph);
        if (status != CUresult.CUDA_SUCCESS && graph != default)
        {
            Api.NoteRelease(Api.cuGraphDestroy(graph), nameof(DriverApi.cuGraphDestroy));
        }

        ThrowIfFailed(status, "ending a capture", nameof(DriverApi.cuStreamEndCapture));
        return new CudaGraph(Context, graph);
    }

    /// <summary>
    /// Ends a capture whose graph is not wanted, for example after an exception inside of it. Does nothing where none is under way.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused to say whether the stream captures.</exception>
    public void DiscardCapture()
    {
        if (CaptureStatus == CudaCaptureStatus.None)
        {
            return;
        }

        CUgraph graph = default;
        // An invalid capture ends with its error, which is no news here.
        _ = Api.cuStreamEndCapture(Handle, &graph);
        if (graph != default)
        {
            Api.NoteRelease(Api.cuGraphDestroy(graph), nameof(DriverApi.cuGraphDestroy));
        }
    }
}
