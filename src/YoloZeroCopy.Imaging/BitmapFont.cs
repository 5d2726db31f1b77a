namespace YoloZeroCopy;

/// <summary>A bitmap font of printable ASCII, 5 x 7 dots, drawn for this library.</summary>
internal static class BitmapFont
{
    public const int Width = 5;
    public const int Height = 7;

    // An empty box stands for what the font does not have.
    private const ulong Unknown = 0x7E318C63F;

    // One glyph a number, 35 bits: rows from the top, in each the leftmost dot first. From the blank (32) to the tilde (126), eight a line.
    private static ReadOnlySpan<ulong> Glyphs =>
    [
        0x000000000, 0x108421004, 0x294000000, 0x295F57D4A, 0x11F4717C4, 0x632222263, 0x32544564D, 0x108000000,
        0x088842082, 0x208210888, 0x009575480, 0x0084F9080, 0x000001888, 0x0000F8000, 0x00000018C, 0x042222210,
        0x3A33AE62E, 0x11842108E, 0x3A213221F, 0x7C441062E, 0x08CA97C42, 0x7E1E0862E, 0x1910F462E, 0x7C2221108,
        0x3A317462E, 0x3A317844C, 0x018C03180, 0x018C03088, 0x088882082, 0x001F07C00, 0x208208888, 0x3A2111004,
        0x3A37ADA0E, 0x3A31FC631, 0x7A31F463E, 0x3A308422E, 0x7A318C63E, 0x7E10F421F, 0x7E10F4210, 0x3A30BC62F,
        0x4631FC631, 0x38842108E, 0x1C4210A4C, 0x4654C5251, 0x42108421F, 0x4775AC631, 0x4739ACE71, 0x3A318C62E,
        0x7A31F4210, 0x3A318D64D, 0x7A31F5251, 0x3E107043E, 0x7C8421084, 0x46318C62E, 0x46318A944, 0x4631AD771,
        0x462A22A31, 0x462A21084, 0x7C222221F, 0x39084210E, 0x420820821, 0x38421084E, 0x115100000, 0x00000001F,
        0x208000000, 0x000E0BE2F, 0x421E8C63E, 0x000E8420E, 0x042F8C62F, 0x000E8FE0E, 0x1908F2108, 0x01F18BC2E,
        0x421E8C631, 0x100C2108E, 0x080610A4C, 0x4212A6292, 0x308421082, 0x001AAD6B5, 0x001E8C631, 0x000E8C62E,
        0x03D18FA10, 0x01F18BC21, 0x0016CC210, 0x000F8383E, 0x211E42106, 0x00118C66D, 0x00118C544, 0x0011AD6AA,
        0x001151151, 0x02318BC2E, 0x001F1111F, 0x0C8441083, 0x108421084, 0x608411098, 0x0008A8800,
    ];

    /// <summary>True where the glyph has ink.</summary>
    public static bool IsSet(char character, int column, int row)
    {
        ulong glyph = character is >= ' ' and <= '~' ? Glyphs[character - ' '] : Unknown;
        return (glyph >> ((Width * Height) - 1 - (row * Width) - column) & 1) != 0;
    }
}
