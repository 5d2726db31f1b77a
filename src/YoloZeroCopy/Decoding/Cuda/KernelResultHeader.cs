using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Begins each picture's result on the device; its <see cref="Detection"/>s follow. <c>yzc_result_header</c>.</summary>
/// <param name="Count">Detections that follow; 0 when <paramref name="Status"/> is not <see cref="KernelDecodeStatus.Decoded"/>.</param>
/// <param name="Candidates">Anchors above the score threshold.</param>
/// <param name="Cut">Candidates beyond <see cref="DecodeKernels.CandidateLimit"/>, those with the lowest scores, which took no part.</param>
/// <param name="Status">Whether the output could be decoded.</param>
/// <param name="WrongAnchor">Anchor of the value that the status is about, the lowest; -1 when decoded.</param>
/// <param name="WrongElement">Which of the anchor's values, the lowest: 0 to 3 the box, then as the layout has them; -1 also for a product of
/// objectness and class score.</param>
/// <param name="WrongValue">The value's bits as binary32.</param>
/// <param name="Reserved">0.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct KernelResultHeader(
    int Count, int Candidates, int Cut, KernelDecodeStatus Status, int WrongAnchor, int WrongElement, uint WrongValue, int Reserved);

/// <summary>Whether an output could be decoded: <c>yzc_decode_status</c>.</summary>
internal enum KernelDecodeStatus
{
    Decoded,

    /// <summary>A score, or a candidate's box, is NaN or infinite.</summary>
    NotFinite,

    /// <summary>End to end: the class is none of the model's.</summary>
    UnknownClass,
}
