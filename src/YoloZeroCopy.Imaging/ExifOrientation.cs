using System.Buffers.Binary;

namespace YoloZeroCopy;

/// <summary>Finds the orientation tag in an Exif block (a TIFF header and its first directory).</summary>
internal static class ExifOrientation
{
    public const int Upright = 1;

    private const ushort OrientationTag = 0x0112;
    private const ushort ShortType = 3;
    private const int EntryBytes = 12;

    /// <summary>Reads the orientation, 1 to 8; anything missing or damaged is <see cref="Upright"/>, since the picture itself is not
    /// affected.</summary>
    private static int Read(ReadOnlySpan<byte> tiff)
    {
        if (tiff.Length < 8)
        {
            return Upright;
        }

        bool littleEndian = tiff.StartsWith("II*\0"u8);
        if (!littleEndian && !tiff.StartsWith("MM\0*"u8))
        {
            return Upright;
        }

        uint directory = littleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..]) : BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]);
        if (directory > (uint)(tiff.Length - 2))
        {
            return Upright;
        }

        ReadOnlySpan<byte> entries = tiff[((int)directory + 2)..];
        int count = Math.Min(ReadUInt16(tiff[(int)directory..], littleEndian), entries.Length / EntryBytes);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = entries.Slice(i * EntryBytes, EntryBytes);
            if (ReadUInt16(entry, littleEndian) == OrientationTag && ReadUInt16(entry[2..], littleEndian) == ShortType)
            {
                int value = ReadUInt16(entry[8..], littleEndian);
                return value is >= 1 and <= 8 ? value : Upright;
            }
        }

        return Upright;
    }

    /// <summary>Reads the orientation in a PNG's chunk eXIf, which Skia passes over.</summary>
    /// <remarks>The chunk must stand before the pixels: what comes behind them would not be known when a decoder has to place them.</remarks>
    public static int OfPng(ReadOnlySpan<byte> file)
    {
        int position = 8;
        while (position + 12 <= file.Length)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(file[position..]);
            ReadOnlySpan<byte> kind = file.Slice(position + 4, 4);
            if (length > (uint)(file.Length - position - 12) || kind.SequenceEqual("IDAT"u8))
            {
                break;
            }

            if (kind.SequenceEqual("eXIf"u8))
            {
                return Read(file.Slice(position + 8, (int)length));
            }

            position += 12 + (int)length;
        }

        return Upright;
    }

    /// <summary>True when width and height change places.</summary>
    public static bool SwapsAxes(int orientation) => orientation >= 5;

    private static ushort ReadUInt16(ReadOnlySpan<byte> bytes, bool littleEndian) =>
        littleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
}
