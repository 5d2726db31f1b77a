namespace YoloZeroCopy;

/// <summary>File format of a picture.</summary>
public enum PictureKind
{
    /// <summary>ITU-T T.81: baseline, extended sequential or progressive, 8 bits a sample.</summary>
    Jpeg,

    /// <summary>Portable Network Graphics.</summary>
    Png,
}

/// <summary>What the header of a picture file says.</summary>
/// <param name="Kind">File format.</param>
/// <param name="Width">Width in pixels as decoded, that is after the Exif orientation was applied.</param>
/// <param name="Height">Height in pixels as decoded.</param>
public readonly record struct PictureInfo(PictureKind Kind, int Width, int Height);
