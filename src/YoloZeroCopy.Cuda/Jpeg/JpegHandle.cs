using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>nvJPEG started for a context: <c>nvjpegHandle_t</c>.</summary>
internal sealed unsafe class JpegHandle : CudaHandle
{
    public JpegHandle(CudaContext context, JpegApi jpeg, CudaJpegBackend backend)
        : base(context)
    {
        Jpeg = jpeg;
        using ContextBinding binding = context.Bind();
        Backend = backend == CudaJpegBackend.Automatic ? CudaJpegBackend.Engine : backend;
        nint made;
        NvjpegStatus status = jpeg.nvjpegCreateEx(Backend, null, null, 0, &made);
        if (IsMissing(status) && backend == CudaJpegBackend.Automatic)
        {
            Backend = backend;
            status = jpeg.nvjpegCreateEx(Backend, null, null, 0, &made);
        }

        if (IsMissing(status))
        {
            throw new NotSupportedException($"{context.Device.Name} does not decode JPEGs by {nameof(CudaJpegBackend)}.{backend} ({status}).");
        }

        if (status != NvjpegStatus.NVJPEG_STATUS_SUCCESS)
        {
            throw new CudaJpegException(status, nameof(JpegApi.nvjpegCreateEx), $"starting nvJPEG ({jpeg.Library})");
        }

        Own(made);
    }

    public JpegApi Jpeg { get; }

    /// <summary>What is used; automatic where nvJPEG chooses.</summary>
    public CudaJpegBackend Backend { get; }

    public nint Native => Live;

    // The device has no such part.
    private static bool IsMissing(NvjpegStatus status) =>
        status is NvjpegStatus.NVJPEG_STATUS_ARCH_MISMATCH or NvjpegStatus.NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED;

    private protected override CUresult Destroy(nint native) => StatusOf(Jpeg.nvjpegDestroy(native));

    /// <summary>A refused release as the driver's own would be counted.</summary>
    internal static CUresult StatusOf(NvjpegStatus status) =>
        status == NvjpegStatus.NVJPEG_STATUS_SUCCESS ? CUresult.CUDA_SUCCESS : CUresult.CUDA_ERROR_UNKNOWN;
}
