using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

// Mirrors of the structs of cuviddec.h and nvcuvid.h; a test holds them to what a C compiler says of NVIDIA's headers (native/tests/nvcuvid_double).
// `tcu_ulong` is C's unsigned long: 8 bytes on Linux and 4 on Windows, and so is CULong.

internal enum cudaVideoChromaFormat
{
    cudaVideoChromaFormat_Monochrome = 0,
    cudaVideoChromaFormat_420 = 1,
    cudaVideoChromaFormat_422 = 2,
    cudaVideoChromaFormat_444 = 3,
}

internal enum cudaVideoSurfaceFormat
{
    cudaVideoSurfaceFormat_NV12 = 0,
    cudaVideoSurfaceFormat_P016 = 1,
}

internal enum cuvidDecodeStatus
{
    cuvidDecodeStatus_InProgress = 1,
    cuvidDecodeStatus_Error = 8,
    cuvidDecodeStatus_Error_Concealed = 9,
}

internal static class VideoFlags
{
    public const uint CUVID_PKT_ENDOFSTREAM = 1;
    public const uint CUVID_PKT_TIMESTAMP = 2;
    public const uint CUVID_PKT_ENDOFPICTURE = 8;
    public const uint cudaVideoCreate_PreferCUVID = 4;
}

[StructLayout(LayoutKind.Sequential)]
internal struct VideoRectangle16
{
    public short left;
    public short top;
    public short right;
    public short bottom;
}

[StructLayout(LayoutKind.Sequential)]
internal struct VideoRectangle32
{
    public int left;
    public int top;
    public int right;
    public int bottom;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUVIDDECODECAPS
{
    public CudaVideoCodec eCodecType;
    public cudaVideoChromaFormat eChromaFormat;
    public uint nBitDepthMinus8;
    public fixed uint reserved1[3];
    public byte bIsSupported;
    public byte nNumNVDECs;
    public ushort nOutputFormatMask;
    public uint nMaxWidth;
    public uint nMaxHeight;
    public uint nMaxMBCount;
    public ushort nMinWidth;
    public ushort nMinHeight;
    public byte bIsHistogramSupported;
    public byte nCounterBitDepth;
    public ushort nMaxHistogramBins;
    public fixed uint reserved3[10];
}

[StructLayout(LayoutKind.Sequential)]
internal struct CUVIDDECODECREATEINFO
{
    public CULong ulWidth;
    public CULong ulHeight;
    public CULong ulNumDecodeSurfaces;
    public CudaVideoCodec CodecType;
    public cudaVideoChromaFormat ChromaFormat;
    public CULong ulCreationFlags;
    public CULong bitDepthMinus8;
    public CULong ulIntraDecodeOnly;
    public CULong ulMaxWidth;
    public CULong ulMaxHeight;
    public CULong Reserved1;
    public VideoRectangle16 display_area;
    public cudaVideoSurfaceFormat OutputFormat;
    public int DeinterlaceMode;
    public CULong ulTargetWidth;
    public CULong ulTargetHeight;
    public CULong ulNumOutputSurfaces;
    public nint vidLock;
    public VideoRectangle16 target_rect;
    public CULong enableHistogram;
    public FourLongs Reserved2;

    [InlineArray(4)]
    public struct FourLongs
    {
        private CULong first;
    }
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUVIDRECONFIGUREDECODERINFO
{
    public uint ulWidth;
    public uint ulHeight;
    public uint ulTargetWidth;
    public uint ulTargetHeight;
    public uint ulNumDecodeSurfaces;
    public fixed uint reserved1[12];
    public VideoRectangle16 display_area;
    public VideoRectangle16 target_rect;
    public fixed uint reserved2[11];
}

/// <summary>The head of what describes one picture to the decoder. The parser makes it, and it goes to the decoder untouched.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUVIDPICPARAMS
{
    public int PicWidthInMbs;
    public int FrameHeightInMbs;
    public int CurrPicIdx;
    public int field_pic_flag;
    public int bottom_field_flag;
    public int second_field;
    public uint nBitstreamDataLen;
    public byte* pBitstreamData;
    public uint nNumSlices;
    public uint* pSliceDataOffsets;
    public int ref_pic_flag;
    public int intra_pic_flag;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUVIDPROCPARAMS
{
    public int progressive_frame;
    public int second_field;
    public int top_field_first;
    public int unpaired_field;
    public uint reserved_flags;
    public uint reserved_zero;
    public ulong raw_input_dptr;
    public uint raw_input_pitch;
    public uint raw_input_format;
    public ulong raw_output_dptr;
    public uint raw_output_pitch;
    public uint Reserved1;
    public CUstream output_stream;
    public fixed uint Reserved[46];
    public nint histogram_dptr;
    public nint Reserved2;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUVIDGETDECODESTATUS
{
    public cuvidDecodeStatus decodeStatus;
    public fixed uint reserved[31];
    public fixed long pReserved[8];
}

[StructLayout(LayoutKind.Sequential)]
internal struct CUVIDEOFORMAT
{
    public CudaVideoCodec codec;
    public uint frame_rate_numerator;
    public uint frame_rate_denominator;
    public byte progressive_sequence;
    public byte bit_depth_luma_minus8;
    public byte bit_depth_chroma_minus8;
    public byte min_num_decode_surfaces;
    public uint coded_width;
    public uint coded_height;
    public VideoRectangle32 display_area;
    public cudaVideoChromaFormat chroma_format;
    public uint bitrate;
    public int display_aspect_ratio_x;
    public int display_aspect_ratio_y;

    // video_format : 3, video_full_range_flag : 1, the rest is reserved.
    public byte video_signal_flags;
    public byte color_primaries;
    public byte transfer_characteristics;
    public byte matrix_coefficients;
    public uint seqhdr_data_length;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUVIDSOURCEDATAPACKET
{
    public CULong flags;
    public CULong payload_size;
    public byte* payload;
    public long timestamp;
}

[StructLayout(LayoutKind.Sequential)]
internal struct CUVIDPARSERDISPINFO
{
    public int picture_index;
    public int progressive_frame;
    public int top_field_first;
    public int repeat_first_field;
    public long timestamp;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUVIDPARSERPARAMS
{
    public CudaVideoCodec CodecType;
    public uint ulMaxNumDecodeSurfaces;
    public uint ulClockRate;
    public uint ulErrorThreshold;
    public uint ulMaxDisplayDelay;

    // bAnnexb : 1, bMemoryOptimize : 1, the rest is reserved.
    public uint bits;
    public fixed uint uReserved1[4];
    public void* pUserData;
    public delegate* unmanaged<void*, CUVIDEOFORMAT*, int> pfnSequenceCallback;
    public delegate* unmanaged<void*, CUVIDPICPARAMS*, int> pfnDecodePicture;
    public delegate* unmanaged<void*, CUVIDPARSERDISPINFO*, int> pfnDisplayPicture;
    public nint pfnGetOperatingPoint;
    public nint pfnGetSEIMsg;
    public fixed long pvReserved2[5];
    public nint pExtVideoInfo;
}
