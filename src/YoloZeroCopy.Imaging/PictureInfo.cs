namespace YoloZeroCopy;

/// <summary>File format of a picture.</summary>
public enum PictureKind
{
    /// <summary>ITU-T T.81: Huffman-coded, 8 bits a sample; gray, YCbCr, RGB, CMYK and YCCK.</summary>
    Jpeg,

    /// <summary>Portable Network Graphics, every kind.</summary>
    Png,

    /// <summary>WebP, lossy and lossless; of an animation the first frame.</summary>
    WebP,

    /// <summary>Windows bitmap.</summary>
    Bmp,

    /// <summary>Graphics Interchange Format; of an animation the first frame.</summary>
    Gif,
}

/// <summary>What the header of a picture file says.</summary>
/// <param name="Kind">File format.</param>
/// <param name="Width">Width in pixels as decoded, that is after the Exif orientation was applied.</param>
/// <param name="Height">Height in pixels as decoded.</param>
public readonly record struct PictureInfo(PictureKind Kind, int Width, int Height);
