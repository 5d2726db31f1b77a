namespace YoloZeroCopy;

/// <summary>How the bytes of a frame encode its pixels. Every sample has 8 bits, but for <see cref="P010"/>.</summary>
public enum PixelFormat
{
    /// <summary>Blue, green, red: 3 bytes a pixel, interleaved. OpenCV's and most cameras' order.</summary>
    Bgr24,

    /// <summary>Red, green, blue: 3 bytes a pixel, interleaved.</summary>
    Rgb24,

    /// <summary>Blue, green, red, alpha: 4 bytes a pixel, interleaved. Alpha is ignored.</summary>
    Bgra32,

    /// <summary>Red, green, blue, alpha: 4 bytes a pixel, interleaved. Alpha is ignored.</summary>
    Rgba32,

    /// <summary>One luminance byte a pixel; the model sees it in all three channels.</summary>
    Gray8,

    /// <summary>
    /// A full-size luminance plane, then a half-size plane of interleaved Cb and Cr at the same stride. Odd sizes round the chroma plane up.
    /// </summary>
    Nv12,

    /// <summary>Raw mosaic whose first row begins red, green and whose second begins green, blue.</summary>
    BayerRggb8,

    /// <summary>Raw mosaic whose first row begins blue, green and whose second begins green, red.</summary>
    BayerBggr8,

    /// <summary>Raw mosaic whose first row begins green, red and whose second begins blue, green.</summary>
    BayerGrbg8,

    /// <summary>Raw mosaic whose first row begins green, blue and whose second begins red, green.</summary>
    BayerGbrg8,

    /// <summary>
    /// NV12 with 10 bits a sample, as decoders of 10-bit HEVC give it: each sample is a 16-bit little-endian word that begins at an even address, its
    /// value in the upper 10 bits. The lower 6 are ignored.
    /// </summary>
    P010,

    /// <summary>Three full-size planes of bytes one behind the other, at one stride: blue, green, red.</summary>
    BgrPlanar,

    /// <summary>Three full-size planes of bytes one behind the other, at one stride: red, green, blue.</summary>
    RgbPlanar,
}
