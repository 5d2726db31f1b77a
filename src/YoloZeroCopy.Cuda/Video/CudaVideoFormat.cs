namespace YoloZeroCopy.Cuda;

/// <summary>What the headers of a bitstream say about its pictures, all of them 4:2:0.</summary>
/// <param name="Codec">How they are compressed.</param>
/// <param name="Width">Width of what is to be shown, in pixels.</param>
/// <param name="Height">Height of what is to be shown, in pixels.</param>
/// <param name="CodedWidth">Width of the coded picture, of which the shown one is a part: whole blocks.</param>
/// <param name="CodedHeight">Height of the coded picture: 1088 where 1080 rows are shown, for example.</param>
/// <param name="Left">First column that is shown. Always even.</param>
/// <param name="Top">First row that is shown. Always even.</param>
/// <param name="BitDepth">8, or 10 for samples in the high bits of 16.</param>
/// <param name="IsFullRange">True when black is 0 and white is the largest value; false for the limited range, which most videos have.</param>
/// <param name="Matrix">Matrix coefficients by the number of ITU-T H.273: 1 is BT.709, 5 and 6 are BT.601, 2 is not said.</param>
public readonly record struct CudaVideoFormat(
    CudaVideoCodec Codec,
    int Width,
    int Height,
    int CodedWidth,
    int CodedHeight,
    int Left,
    int Top,
    int BitDepth,
    bool IsFullRange,
    int Matrix);
