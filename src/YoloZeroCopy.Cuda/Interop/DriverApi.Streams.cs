namespace YoloZeroCopy.Cuda.Interop;

internal sealed unsafe partial class DriverApi
{
    // CUresult cuStreamCreateWithPriority(CUstream *phStream, unsigned int flags, int priority)
    public readonly delegate* unmanaged<CUstream*, uint, int, CUresult> cuStreamCreateWithPriority;

    // CUresult cuStreamDestroy_v2(CUstream hStream)
    public readonly delegate* unmanaged<CUstream, CUresult> cuStreamDestroy_v2;

    // CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags)
    public readonly delegate* unmanaged<CUstream, CUevent, uint, CUresult> cuStreamWaitEvent;

    // CUresult cuStreamQuery(CUstream hStream)
    public readonly delegate* unmanaged<CUstream, CUresult> cuStreamQuery;

    // CUresult cuStreamSynchronize(CUstream hStream)
    public readonly delegate* unmanaged<CUstream, CUresult> cuStreamSynchronize;

    // CUresult cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode)
    public readonly delegate* unmanaged<CUstream, CUstreamCaptureMode, CUresult> cuStreamBeginCapture_v2;

    // CUresult cuStreamEndCapture(CUstream hStream, CUgraph *phGraph)
    public readonly delegate* unmanaged<CUstream, CUgraph*, CUresult> cuStreamEndCapture;

    // CUresult cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus *captureStatus)
    public readonly delegate* unmanaged<CUstream, CudaCaptureStatus*, CUresult> cuStreamIsCapturing;

    // CUresult cuEventCreate(CUevent *phEvent, unsigned int Flags)
    public readonly delegate* unmanaged<CUevent*, uint, CUresult> cuEventCreate;

    // CUresult cuEventDestroy_v2(CUevent hEvent)
    public readonly delegate* unmanaged<CUevent, CUresult> cuEventDestroy_v2;

    // CUresult cuEventRecord(CUevent hEvent, CUstream hStream)
    public readonly delegate* unmanaged<CUevent, CUstream, CUresult> cuEventRecord;

    // CUresult cuEventQuery(CUevent hEvent)
    public readonly delegate* unmanaged<CUevent, CUresult> cuEventQuery;

    // CUresult cuEventSynchronize(CUevent hEvent)
    public readonly delegate* unmanaged<CUevent, CUresult> cuEventSynchronize;

    // CUresult cuEventElapsedTime(float *pMilliseconds, CUevent hStart, CUevent hEnd)
    public readonly delegate* unmanaged<float*, CUevent, CUevent, CUresult> cuEventElapsedTime;
}
