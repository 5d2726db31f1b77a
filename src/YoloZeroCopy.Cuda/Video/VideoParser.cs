using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Cuts a bitstream into pictures and says in which order they are decoded and shown; its callbacks run inside
/// <see cref="Parse"/>.</summary>
internal sealed unsafe class VideoParser : CudaHandle
{
    private readonly VideoApi video;
    private GCHandle target;

    /// <param name="context">Context to work in.</param>
    /// <param name="video">The library.</param>
    /// <param name="codec">What is parsed.</param>
    /// <param name="displayDelay">Pictures that wait before the first is shown.</param>
    /// <param name="decoder">Gets the callbacks. Not kept alive: one that is not disposed can be collected, and the parser with it.</param>
    /// <exception cref="CudaException">The driver refused.</exception>
    public VideoParser(CudaContext context, VideoApi video, CudaVideoCodec codec, int displayDelay, CudaVideoDecoder decoder)
        : base(context)
    {
        this.video = video;
        using ContextBinding binding = context.Bind();
        target = GCHandle.Alloc(decoder, GCHandleType.Weak);
        CUVIDPARSERPARAMS parameters = new()
        {
            CodecType = codec,
            // The answer to the first sequence header replaces it.
            ulMaxNumDecodeSurfaces = 1,
            ulMaxDisplayDelay = (uint)displayDelay,
            pUserData = (void*)GCHandle.ToIntPtr(target),
            pfnSequenceCallback = &CudaVideoDecoder.OnSequence,
            pfnDecodePicture = &CudaVideoDecoder.OnDecode,
            pfnDisplayPicture = &CudaVideoDecoder.OnDisplay,
        };
        nint parser;
        CUresult status = video.cuvidCreateVideoParser(&parser, &parameters);
        if (status != CUresult.CUDA_SUCCESS)
        {
            target.Free();
            context.Throw(status, "making a parser of a bitstream", nameof(VideoApi.cuvidCreateVideoParser));
        }

        Own(parser);
    }

    /// <summary>Parses one packet. The context is current, and the caller holds a lease.</summary>
    public CUresult Parse(CUVIDSOURCEDATAPACKET packet) => video.cuvidParseVideoData(handle, &packet);

    private protected override CUresult Destroy(nint native) => video.cuvidDestroyVideoParser(native);

    private protected override void ReleaseParents() => target.Free();
}
