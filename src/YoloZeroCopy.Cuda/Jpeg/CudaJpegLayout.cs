namespace YoloZeroCopy.Cuda;

/// <summary>How a decoded picture lies in memory, 8 bits a sample.</summary>
public enum CudaJpegLayout
{
    /// <summary>Three planes one behind the other: red, green, blue.</summary>
    RgbPlanar = 3,

    /// <summary>Three planes one behind the other: blue, green, red.</summary>
    BgrPlanar = 4,

    /// <summary>Red, green, blue: 3 bytes a pixel.</summary>
    Rgb = 5,

    /// <summary>Blue, green, red: 3 bytes a pixel.</summary>
    Bgr = 6,
}
