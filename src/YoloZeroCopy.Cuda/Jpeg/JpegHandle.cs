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
        nint made;
        NvjpegStatus status = jpeg.nvjpegCreateEx(backend, null, null, 0, &made);
        if (status is NvjpegStatus.NVJPEG_STATUS_ARCH_MISMATCH or NvjpegStatus.NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED)
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

    public nint Native => Live;

    private protected override CUresult Destroy(nint native) => StatusOf(Jpeg.nvjpegDestroy(native));

    /// <summary>A refused release as the driver's own would be counted.</summary>
    internal static CUresult StatusOf(NvjpegStatus status) =>
        status == NvjpegStatus.NVJPEG_STATUS_SUCCESS ? CUresult.CUDA_SUCCESS : CUresult.CUDA_ERROR_UNKNOWN;
}
