using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

/// <summary>The outcome of opening libnvcuvid: its function table, or the reason that there is none. Opening never throws.</summary>
internal sealed record VideoOpening(VideoApi? Api, string Reason);

/// <summary>The functions of one libnvcuvid, which comes with the display driver: a parser of bitstreams and the decoders of the device.</summary>
/// <remarks>A table of function pointers for the same reason as <see cref="DriverApi"/>: tests play several libraries in one process.</remarks>
internal sealed unsafe class VideoApi
{
    /// <summary>Environment variable that names another library than the system's.</summary>
    public const string LibraryVariable = "YZC_NVCUVID";

    private static readonly Lazy<VideoOpening> Opening = new(static () =>
        Open(Candidates(Environment.GetEnvironmentVariable(LibraryVariable), OperatingSystem.IsWindows())));

    private VideoApi(DriverExports exports)
    {
        cuvidGetDecoderCaps = (delegate* unmanaged<CUVIDDECODECAPS*, CUresult>)exports.Required(nameof(cuvidGetDecoderCaps));
        cuvidCreateDecoder = (delegate* unmanaged<nint*, CUVIDDECODECREATEINFO*, CUresult>)exports.Required(nameof(cuvidCreateDecoder));
        cuvidDestroyDecoder = (delegate* unmanaged<nint, CUresult>)exports.Required(nameof(cuvidDestroyDecoder));
        cuvidDecodePicture = (delegate* unmanaged<nint, CUVIDPICPARAMS*, CUresult>)exports.Required(nameof(cuvidDecodePicture));
        cuvidGetDecodeStatus =
            (delegate* unmanaged<nint, int, CUVIDGETDECODESTATUS*, CUresult>)exports.Required(nameof(cuvidGetDecodeStatus));
        cuvidReconfigureDecoder =
            (delegate* unmanaged<nint, CUVIDRECONFIGUREDECODERINFO*, CUresult>)exports.Required(nameof(cuvidReconfigureDecoder));
        cuvidMapVideoFrame64 =
            (delegate* unmanaged<nint, int, CUdeviceptr*, uint*, CUVIDPROCPARAMS*, CUresult>)exports.Required(nameof(cuvidMapVideoFrame64));
        cuvidUnmapVideoFrame64 = (delegate* unmanaged<nint, CUdeviceptr, CUresult>)exports.Required(nameof(cuvidUnmapVideoFrame64));
        cuvidCreateVideoParser = (delegate* unmanaged<nint*, CUVIDPARSERPARAMS*, CUresult>)exports.Required(nameof(cuvidCreateVideoParser));
        cuvidParseVideoData = (delegate* unmanaged<nint, CUVIDSOURCEDATAPACKET*, CUresult>)exports.Required(nameof(cuvidParseVideoData));
        cuvidDestroyVideoParser = (delegate* unmanaged<nint, CUresult>)exports.Required(nameof(cuvidDestroyVideoParser));
    }

    /// <summary>The system's library, looked for once in a process.</summary>
    public static VideoOpening Opened => Opening.Value;

    // CUresult cuvidGetDecoderCaps(CUVIDDECODECAPS *pdc)
    public readonly delegate* unmanaged<CUVIDDECODECAPS*, CUresult> cuvidGetDecoderCaps;

    // CUresult cuvidCreateDecoder(CUvideodecoder *phDecoder, CUVIDDECODECREATEINFO *pdci)
    public readonly delegate* unmanaged<nint*, CUVIDDECODECREATEINFO*, CUresult> cuvidCreateDecoder;

    // CUresult cuvidDestroyDecoder(CUvideodecoder hDecoder)
    public readonly delegate* unmanaged<nint, CUresult> cuvidDestroyDecoder;

    // CUresult cuvidDecodePicture(CUvideodecoder hDecoder, CUVIDPICPARAMS *pPicParams)
    public readonly delegate* unmanaged<nint, CUVIDPICPARAMS*, CUresult> cuvidDecodePicture;

    // CUresult cuvidGetDecodeStatus(CUvideodecoder hDecoder, int nPicIdx, CUVIDGETDECODESTATUS *pDecodeStatus)
    public readonly delegate* unmanaged<nint, int, CUVIDGETDECODESTATUS*, CUresult> cuvidGetDecodeStatus;

    // CUresult cuvidReconfigureDecoder(CUvideodecoder hDecoder, CUVIDRECONFIGUREDECODERINFO *pDecReconfigParams)
    public readonly delegate* unmanaged<nint, CUVIDRECONFIGUREDECODERINFO*, CUresult> cuvidReconfigureDecoder;

    // CUresult cuvidMapVideoFrame64(CUvideodecoder hDecoder, int nPicIdx, unsigned long long *pDevPtr, unsigned int *pPitch, CUVIDPROCPARAMS *pVPP)
    public readonly delegate* unmanaged<nint, int, CUdeviceptr*, uint*, CUVIDPROCPARAMS*, CUresult> cuvidMapVideoFrame64;

    // CUresult cuvidUnmapVideoFrame64(CUvideodecoder hDecoder, unsigned long long DevPtr)
    public readonly delegate* unmanaged<nint, CUdeviceptr, CUresult> cuvidUnmapVideoFrame64;

    // CUresult cuvidCreateVideoParser(CUvideoparser *pObj, CUVIDPARSERPARAMS *pParams)
    public readonly delegate* unmanaged<nint*, CUVIDPARSERPARAMS*, CUresult> cuvidCreateVideoParser;

    // CUresult cuvidParseVideoData(CUvideoparser obj, CUVIDSOURCEDATAPACKET *pPacket)
    public readonly delegate* unmanaged<nint, CUVIDSOURCEDATAPACKET*, CUresult> cuvidParseVideoData;

    // CUresult cuvidDestroyVideoParser(CUvideoparser obj)
    public readonly delegate* unmanaged<nint, CUresult> cuvidDestroyVideoParser;

    /// <summary>What to try, in this order.</summary>
    public static string[] Candidates(string? named, bool isWindows) => !string.IsNullOrEmpty(named)
        ? [named]
        : isWindows ? ["nvcuvid.dll"] : ["libnvcuvid.so.1", "libnvcuvid.so"];

    /// <summary>Opens the first library that loads. It stays loaded.</summary>
    public static VideoOpening Open(string[] candidates)
    {
        List<string> trouble = [];
        foreach (string candidate in candidates)
        {
            try
            {
                DriverExports exports = new(NativeLibrary.Load(candidate));
                VideoApi api = new(exports);
                return exports.Missing.Count == 0
                    ? new VideoOpening(api, "")
                    : new VideoOpening(null, $"'{candidate}' lacks functions that are needed: {string.Join(", ", exports.Missing)}.");
            }
            catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
            {
                string text = error.Message.TrimEnd();
                trouble.Add($"{candidate} ({text[(text.LastIndexOf('\n') + 1)..]})");
            }
        }

        return new VideoOpening(
            null,
            $"NVIDIA's library for video decoding was not found: tried were {string.Join(", ", trouble)}. It comes with the display driver; in a "
            + "container, the driver capability 'video' must be asked for (NVIDIA_DRIVER_CAPABILITIES=compute,utility,video).");
    }
}
