namespace YoloZeroCopy.Cuda;

/// <summary>A decoded picture that lies in device memory of its decoder.</summary>
/// <remarks>
/// It stays there until <see cref="CudaJpegDecoder.Release"/> is called with its token, which must be done exactly once. Work that reads it first
/// waits for <see cref="Ready"/>: <see cref="CudaStream.WaitFor(CUevent)"/>. Release it when that work has passed, not when it is queued.
/// </remarks>
/// <param name="Address">First byte. Of three planes the next one begins <see cref="Pitch"/> times <see cref="Height"/> bytes behind.</param>
/// <param name="Pitch">Bytes from one row to the next.</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="Layout">How the samples lie.</param>
/// <param name="Ready">Passes when the picture is complete.</param>
/// <param name="Token">Names the picture to <see cref="CudaJpegDecoder.Release"/>.</param>
public readonly record struct CudaJpegFrame(
    CUdeviceptr Address, int Pitch, int Width, int Height, CudaJpegLayout Layout, CUevent Ready, long Token);
