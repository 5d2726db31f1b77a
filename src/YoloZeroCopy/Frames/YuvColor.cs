namespace YoloZeroCopy;

/// <summary>The matrix and range that turn <see cref="PixelFormat.Nv12"/> and <see cref="PixelFormat.P010"/> into RGB.</summary>
public enum YuvColor
{
    /// <summary>ITU-R BT.601, luminance 16 to 235. What OpenCV assumes, and the default.</summary>
    Bt601Limited,

    /// <summary>ITU-R BT.601, luminance 0 to 255, as JPEG uses it.</summary>
    Bt601Full,

    /// <summary>ITU-R BT.709, luminance 16 to 235: HD video.</summary>
    Bt709Limited,

    /// <summary>ITU-R BT.709, luminance 0 to 255.</summary>
    Bt709Full,
}
