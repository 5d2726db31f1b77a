namespace YoloZeroCopy.Cuda;

/// <summary>A decoded picture that lies in device memory of the decoder: NV12, or with 10 bits P010.</summary>
/// <remarks>
/// It stays there until <see cref="CudaVideoDecoder.Release"/> is called with its token, which must be done exactly once. Work that reads it first
/// waits for <see cref="Ready"/>: <see cref="CudaStream.WaitFor(CUevent)"/>. Release it when that work has passed, not when it is queued.
/// </remarks>
/// <param name="Luma">First byte of the first row that is shown: one byte a pixel, two (little-endian, in the high bits) with 10 bits.</param>
/// <param name="Chroma">First byte of the second plane: half the rows, blue and red difference by turns.</param>
/// <param name="Pitch">Bytes from one row to the next, in both planes.</param>
/// <param name="Format">What the picture is, with its width and height.</param>
/// <param name="Timestamp">The number that came with the packet.</param>
/// <param name="Ready">Passes when the picture is complete.</param>
/// <param name="FollowsDamage">True when a picture that this one may be predicted from was damaged: what is shown may be smeared.</param>
/// <param name="Token">Names the picture to <see cref="CudaVideoDecoder.Release"/>.</param>
public readonly record struct CudaVideoFrame(
    CUdeviceptr Luma,
    CUdeviceptr Chroma,
    int Pitch,
    CudaVideoFormat Format,
    long Timestamp,
    CUevent Ready,
    bool FollowsDamage,
    long Token);

/// <summary>Takes the pictures of a decoder.</summary>
public interface ICudaVideoReceiver
{
    /// <summary>A picture, in the order in which they are shown. Called inside <see cref="CudaVideoDecoder.Decode"/>, on its thread.</summary>
    /// <param name="frame">
    /// The picture. The receiver owns it now, and calls <see cref="CudaVideoDecoder.Release"/> here or later, on any thread. A receiver that throws
    /// has not taken it: the decoder takes it back, and the exception leaves Decode.
    /// </param>
    /// <remarks>It must not call the decoder's other methods, Dispose excepted. The context is current.</remarks>
    void OnFrame(in CudaVideoFrame frame);
}
