namespace YoloZeroCopy.Cuda;

/// <summary>What a device decodes of one codec at one bit depth, 4:2:0.</summary>
/// <param name="IsSupported">False when it decodes none of it; the other values are 0 then.</param>
/// <param name="Engines">Decoding engines that the device has for it. One decoder never uses more than one at a time.</param>
/// <param name="MinWidth">Least width of a coded picture, in pixels.</param>
/// <param name="MinHeight">Least height of a coded picture, in pixels.</param>
/// <param name="MaxWidth">Largest width of a coded picture, in pixels.</param>
/// <param name="MaxHeight">Largest height of a coded picture, in pixels.</param>
/// <param name="MaxMacroblocks">Largest number of blocks of 16x16 pixels in a coded picture.</param>
public readonly record struct CudaVideoLimits(
    bool IsSupported, int Engines, int MinWidth, int MinHeight, int MaxWidth, int MaxHeight, long MaxMacroblocks);
