using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>What nvJPEG keeps of one picture while it decodes it: <c>nvjpegJpegState_t</c>.</summary>
internal sealed unsafe class JpegState : CudaHandle
{
    private readonly JpegHandle parent;

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

    private protected override CUresult Destroy(nint native) => JpegHandle.StatusOf(parent.Jpeg.nvjpegJpegStateDestroy(native));

    private protected override void ReleaseParents() => parent.DangerousRelease();
}
