namespace YoloZeroCopy;

/// <summary>Factors that turn Y, Cb and Cr into RGB, in the fixed-point form of <see cref="Nv12RowReader"/>.</summary>
/// <remarks>
/// With Kr and Kb of the standard and Kg = 1 - Kr - Kb: R = y + 2 (1 - Kr) cr, B = y + 2 (1 - Kb) cb, G = y - (2 Kb (1 - Kb) / Kg) cb - (2 Kr (1 - Kr) / Kg) cr
/// (ITU-R BT.601 and BT.709). Limited range stretches y from 219 and cb, cr from 224 steps to 255.
/// </remarks>
internal readonly struct Nv12Coefficients
{
    public Nv12Coefficients(YuvColor color)
    {
        (double kr, double kb, bool limited) = color switch
        {
            YuvColor.Bt601Limited => (0.299, 0.114, true),
            YuvColor.Bt601Full => (0.299, 0.114, false),
            YuvColor.Bt709Limited => (0.2126, 0.0722, true),
            YuvColor.Bt709Full => (0.2126, 0.0722, false),
            _ => throw new ArgumentOutOfRangeException(nameof(color), color, "Unknown colour matrix of an NV12 frame."),
        };
        double kg = 1 - kr - kb;
        double chroma = limited ? 255 / 224.0 : 1;
        Black = (byte)(limited ? 16 : 0);
        Luma = ToFixed((limited ? 255 / 219.0 : 1) / 2);
        RedCr = ToFixed(2 * (1 - kr) * chroma / 4);
        GreenCb = ToFixed(-2 * kb * (1 - kb) / kg * chroma / 4);
        GreenCr = ToFixed(-2 * kr * (1 - kr) / kg * chroma / 4);
        BlueCb = ToFixed(2 * (1 - kb) * chroma / 4);
    }

    /// <summary>Luminance of black.</summary>
    public byte Black { get; }

    /// <summary>Half the factor of luminance, with 15 fractional bits.</summary>
    public short Luma { get; }

    /// <summary>A quarter of red's factor of Cr, with 15 fractional bits; likewise the others.</summary>
    public short RedCr { get; }

    public short GreenCb { get; }

    public short GreenCr { get; }

    public short BlueCb { get; }

    private static short ToFixed(double factor) => (short)Math.Round(factor * 32768);
}
