using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Factors that turn Y, Cb and Cr into RGB, with <see cref="FractionBits"/> fractional bits.</summary>
/// <remarks>
/// light = max(Y - Black, 0) * Luma, cb = Cb - 128, cr = Cr - 128; R = light + RedCr cr, G = light + GreenCb cb + GreenCr cr, B = light + BlueCb cb;
/// each (value + 2^19) >> 20, clamped to 0..255.
/// BT.601 limited has the factors of OpenCV's <c>COLOR_YUV2RGB_NV12</c> (1.164, 1.596, -0.813, -0.391, 2.018) and equals it to the bit.
/// The others follow from Kr and Kb of the standard (ITU-R BT.601 and BT.709), with Kg = 1 - Kr - Kb: R = y + 2 (1 - Kr) cr, B = y + 2 (1 - Kb) cb,
/// G = y - (2 Kb (1 - Kb) / Kg) cb - (2 Kr (1 - Kr) / Kg) cr, limited range stretching y from 219 and cb, cr from 224 steps to 255, all rounded to 20
/// bits.
/// Of P010's samples of 10 bits, four times as large: light = max(Y - Black, 0) * Luma, cb = Cb - 512, cr = Cr - 512; each (value + 2^21) >> 22. In
/// limited range, whose black, white and reach of colour are four times those of 8 bits, the factors are NV12's: samples without their lowest two
/// bits give what NV12 gives of the rest. In full range white is 1023 instead of 4 times 255, so the factors are 4 * 255 / 1023 times as large.
/// Light and colour fit 32 bits, but not always their sum: it is taken modulo 2^32 with an <see cref="Offset10"/> that makes it positive.
/// The fields in this order are part of <see cref="KernelPicture"/>.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct YuvCoefficients
{
    /// <summary>Fractional bits of every factor.</summary>
    public const int FractionBits = 20;

    /// <summary>Fractional bits of products with samples of 10 bits.</summary>
    public const int FractionBits10 = FractionBits + 2;

    /// <summary>Levels added to what is made of samples of 10 bits, so that none is negative: the least is -270.</summary>
    public const int Offset10 = 320;

    /// <summary>The factors for samples of 8 bits or, as P010 has them, of 10.</summary>
    public YuvCoefficients(YuvColor color, bool tenBits)
    {
        (double kr, double kb, bool limited) = color switch
        {
            YuvColor.Bt601Limited => (0.299, 0.114, true),
            YuvColor.Bt601Full => (0.299, 0.114, false),
            YuvColor.Bt709Limited => (0.2126, 0.0722, true),
            YuvColor.Bt709Full => (0.2126, 0.0722, false),
            _ => throw new ArgumentOutOfRangeException(nameof(color), color, "Unknown colour matrix of a frame."),
        };
        Black = !limited ? 0 : tenBits ? 64 : 16;
        if (color == YuvColor.Bt601Limited)
        {
            (Luma, RedCr, GreenCb, GreenCr, BlueCb) = (1_220_542, 1_673_527, -409_993, -852_492, 2_116_026);
            return;
        }

        double kg = 1 - kr - kb;
        double whole = tenBits ? 4 * 255 / 1023.0 : 1;
        double chroma = limited ? 255 / 224.0 : whole;
        Luma = ToFixed(limited ? 255 / 219.0 : whole);
        RedCr = ToFixed(2 * (1 - kr) * chroma);
        GreenCb = ToFixed(-2 * kb * (1 - kb) / kg * chroma);
        GreenCr = ToFixed(-2 * kr * (1 - kr) / kg * chroma);
        BlueCb = ToFixed(2 * (1 - kb) * chroma);
    }

    /// <summary>Luminance of black.</summary>
    public int Black { get; }

    /// <summary>Factor of luminance.</summary>
    public int Luma { get; }

    /// <summary>Red's factor of Cr; likewise the others.</summary>
    public int RedCr { get; }

    public int GreenCb { get; }

    public int GreenCr { get; }

    public int BlueCb { get; }

    private static int ToFixed(double factor) => (int)Math.Round(factor * (1 << FractionBits));
}
