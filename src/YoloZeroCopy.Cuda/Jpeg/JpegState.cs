using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>What nvJPEG keeps of one picture while it decodes it: <c>nvjpegJpegState_t</c>.</summary>
internal sealed unsafe class JpegState : CudaHandle
{
    private readonly JpegHandle parent;
    private bool isInitialized;

    public JpegState(JpegHandle parent)
        : base(parent.Context)
    {
        this.parent = parent;
        using ContextBinding binding = Context.Bind();
        bool added = false;
        try
        {
            parent.DangerousAddRef(ref added);
            nint made;
            NvjpegStatus status = parent.Jpeg.nvjpegJpegStateCreate(parent.Native, &made);
            if (status != NvjpegStatus.NVJPEG_STATUS_SUCCESS)
            {
                throw new CudaJpegException(status, nameof(JpegApi.nvjpegJpegStateCreate), "making what decodes one picture");
            }

            Own(made);
        }
        finally
        {
            if (IsInvalid && added)
            {
                parent.DangerousRelease();
            }
        }
    }

    /// <summary>Decodes a picture: the Huffman code now or on the device, the rest in the order of the stream. The context is current.</summary>
    public NvjpegStatus Decode(ReadOnlySpan<byte> jpeg, CudaJpegLayout layout, in NvjpegImage to, CUstream stream)
    {
        NvjpegImage image = to;
        fixed (byte* bytes = jpeg)
        {
            return parent.Jpeg.nvjpegDecode(parent.Native, Live, bytes, (nuint)jpeg.Length, layout, &image, stream);
        }
    }

    /// <summary>Decodes a picture on the device's engines, which nvJPEG uses for batches only; with one state it is always this or always
    /// <see cref="Decode"/>. The context is current.</summary>
    /// <remarks>The engines do not wait for what the stream holds, and may write at once: the memory must be free. What follows on the stream waits
    /// for them.</remarks>
    public NvjpegStatus DecodeOnEngine(ReadOnlySpan<byte> jpeg, CudaJpegLayout layout, in NvjpegImage to, CUstream stream)
    {
        NvjpegStatus status = NvjpegStatus.NVJPEG_STATUS_SUCCESS;
        if (!isInitialized)
        {
            status = parent.Jpeg.nvjpegDecodeBatchedInitialize(parent.Native, Live, 1, 1, layout);
        }

        if (status == NvjpegStatus.NVJPEG_STATUS_SUCCESS)
        {
            NvjpegImage image = to;
            nuint length = (nuint)jpeg.Length;
            fixed (byte* bytes = jpeg)
            {
                byte* data = bytes;
                status = parent.Jpeg.nvjpegDecodeBatched(parent.Native, Live, &data, &length, &image, stream);
            }
        }

        // After a batch that failed it is to be done again.
        isInitialized = status == NvjpegStatus.NVJPEG_STATUS_SUCCESS;
        return status;
    }

    private protected override CUresult Destroy(nint native) => JpegHandle.StatusOf(parent.Jpeg.nvjpegJpegStateDestroy(native));

    private protected override void ReleaseParents() => parent.DangerousRelease();
}
