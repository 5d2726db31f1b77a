/* Prints sizes, offsets and constants of NVIDIA's headers that the bindings depend on, one `kind name value` line each. */
#include <stdio.h>

#include "nvcuvid.h"

#define SIZE(type) printf("sizeof %s %zu\n", #type, sizeof(type));
#define FIELD(type, field) printf("offsetof %s.%s %zu\n", #type, #field, offsetof(type, field));
/* A field that is nested in C and not in C#. */
#define NESTED(type, field, name) printf("offsetof %s.%s %zu\n", #type, #name, offsetof(type, field));
/* Bits have no address; these lie between two fields that do. */
#define BEFORE(type, field, bytes, name) printf("offsetof %s.%s %zu\n", #type, #name, offsetof(type, field) - (bytes));
#define VALUE(name) printf("value %s %lld\n", #name, (long long)(name));

#define CAPS(X) \
    X(eCodecType) X(eChromaFormat) X(nBitDepthMinus8) X(reserved1) X(bIsSupported) X(nNumNVDECs) X(nOutputFormatMask) X(nMaxWidth) X(nMaxHeight) \
    X(nMaxMBCount) X(nMinWidth) X(nMinHeight) X(bIsHistogramSupported) X(nCounterBitDepth) X(nMaxHistogramBins) X(reserved3)
#define CREATE(X) \
    X(ulWidth) X(ulHeight) X(ulNumDecodeSurfaces) X(CodecType) X(ChromaFormat) X(ulCreationFlags) X(bitDepthMinus8) X(ulIntraDecodeOnly) \
    X(ulMaxWidth) X(ulMaxHeight) X(Reserved1) X(display_area) X(OutputFormat) X(DeinterlaceMode) X(ulTargetWidth) X(ulTargetHeight) \
    X(ulNumOutputSurfaces) X(vidLock) X(target_rect) X(enableHistogram) X(Reserved2)
#define RECONFIGURE(X) \
    X(ulWidth) X(ulHeight) X(ulTargetWidth) X(ulTargetHeight) X(ulNumDecodeSurfaces) X(reserved1) X(display_area) X(target_rect) X(reserved2)
#define PICTURE(X) \
    X(PicWidthInMbs) X(FrameHeightInMbs) X(CurrPicIdx) X(field_pic_flag) X(bottom_field_flag) X(second_field) X(nBitstreamDataLen) \
    X(pBitstreamData) X(nNumSlices) X(pSliceDataOffsets) X(ref_pic_flag) X(intra_pic_flag)
#define PROCESS(X) \
    X(progressive_frame) X(second_field) X(top_field_first) X(unpaired_field) X(reserved_flags) X(reserved_zero) X(raw_input_dptr) \
    X(raw_input_pitch) X(raw_input_format) X(raw_output_dptr) X(raw_output_pitch) X(Reserved1) X(output_stream) X(Reserved) X(histogram_dptr) \
    X(Reserved2)
#define STATUS(X) X(decodeStatus) X(reserved) X(pReserved)
#define FORMAT(X) \
    X(codec) X(progressive_sequence) X(bit_depth_luma_minus8) X(bit_depth_chroma_minus8) X(min_num_decode_surfaces) X(coded_width) \
    X(coded_height) X(display_area) X(chroma_format) X(bitrate) X(seqhdr_data_length)
#define PACKET(X) X(flags) X(payload_size) X(payload) X(timestamp)
#define SHOWN(X) X(picture_index) X(progressive_frame) X(top_field_first) X(repeat_first_field) X(timestamp)
#define PARSER(X) \
    X(CodecType) X(ulMaxNumDecodeSurfaces) X(ulClockRate) X(ulErrorThreshold) X(ulMaxDisplayDelay) X(uReserved1) X(pUserData) \
    X(pfnSequenceCallback) X(pfnDecodePicture) X(pfnDisplayPicture) X(pfnGetOperatingPoint) X(pfnGetSEIMsg) X(pvReserved2) X(pExtVideoInfo)
#define VALUES(X) \
    X(cudaVideoCodec_H264) X(cudaVideoCodec_HEVC) X(cudaVideoCodec_AV1) X(cudaVideoChromaFormat_Monochrome) X(cudaVideoChromaFormat_420) \
    X(cudaVideoChromaFormat_422) X(cudaVideoChromaFormat_444) X(cudaVideoSurfaceFormat_NV12) X(cudaVideoSurfaceFormat_P016) \
    X(cuvidDecodeStatus_InProgress) X(cuvidDecodeStatus_Error) X(cuvidDecodeStatus_Error_Concealed) X(CUVID_PKT_ENDOFSTREAM) \
    X(CUVID_PKT_TIMESTAMP) X(CUVID_PKT_ENDOFPICTURE) X(cudaVideoCreate_PreferCUVID)

int main(void) {
    SIZE(CUVIDDECODECAPS)
#define X(field) FIELD(CUVIDDECODECAPS, field)
    CAPS(X)
#undef X
    SIZE(CUVIDDECODECREATEINFO)
#define X(field) FIELD(CUVIDDECODECREATEINFO, field)
    CREATE(X)
#undef X
    SIZE(CUVIDRECONFIGUREDECODERINFO)
#define X(field) FIELD(CUVIDRECONFIGUREDECODERINFO, field)
    RECONFIGURE(X)
#undef X
    /* Only the head of it is mirrored, so its size is not. */
#define X(field) FIELD(CUVIDPICPARAMS, field)
    PICTURE(X)
#undef X
    SIZE(CUVIDPROCPARAMS)
#define X(field) FIELD(CUVIDPROCPARAMS, field)
    PROCESS(X)
#undef X
    SIZE(CUVIDGETDECODESTATUS)
#define X(field) FIELD(CUVIDGETDECODESTATUS, field)
    STATUS(X)
#undef X
    SIZE(CUVIDEOFORMAT)
#define X(field) FIELD(CUVIDEOFORMAT, field)
    FORMAT(X)
#undef X
    NESTED(CUVIDEOFORMAT, frame_rate.numerator, frame_rate_numerator)
    NESTED(CUVIDEOFORMAT, frame_rate.denominator, frame_rate_denominator)
    NESTED(CUVIDEOFORMAT, display_aspect_ratio.x, display_aspect_ratio_x)
    NESTED(CUVIDEOFORMAT, display_aspect_ratio.y, display_aspect_ratio_y)
    NESTED(CUVIDEOFORMAT, video_signal_description, video_signal_flags)
    NESTED(CUVIDEOFORMAT, video_signal_description.color_primaries, color_primaries)
    NESTED(CUVIDEOFORMAT, video_signal_description.transfer_characteristics, transfer_characteristics)
    NESTED(CUVIDEOFORMAT, video_signal_description.matrix_coefficients, matrix_coefficients)
    SIZE(CUVIDSOURCEDATAPACKET)
#define X(field) FIELD(CUVIDSOURCEDATAPACKET, field)
    PACKET(X)
#undef X
    SIZE(CUVIDPARSERDISPINFO)
#define X(field) FIELD(CUVIDPARSERDISPINFO, field)
    SHOWN(X)
#undef X
    SIZE(CUVIDPARSERPARAMS)
#define X(field) FIELD(CUVIDPARSERPARAMS, field)
    PARSER(X)
#undef X
    BEFORE(CUVIDPARSERPARAMS, uReserved1, sizeof(unsigned), bits)
    VALUES(VALUE)
    return 0;
}
