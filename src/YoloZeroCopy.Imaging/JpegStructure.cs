using System.Buffers.Binary;

namespace YoloZeroCopy;

/// <summary>Walks over the segments and scans of a JPEG, to find what libjpeg passes over in silence: it shows a picture that ends early with the
/// rest in gray.</summary>
internal static class JpegStructure
{
    private const byte Progressive = 0xC2;
    private const byte StartOfScan = 0xDA;
    private const byte EndOfImage = 0xD9;

    /// <summary>Finds where the picture's data end, and whether they are a single scan.</summary>
    /// <param name="file">A file that begins like a JPEG.</param>
    /// <param name="isSingleScan">True when one sequential scan holds all components. Whoever decodes it without the marker that follows learns
    /// whether it is complete.</param>
    /// <returns>Offset of the marker behind a single scan, or behind the end marker of several.</returns>
    /// <exception cref="InvalidDataException">The file ends before the end marker, or scans of a component are missing.</exception>
    public static int FindEnd(ReadOnlySpan<byte> file, out bool isSingleScan)
    {
        isSingleScan = false;
        ReadOnlySpan<byte> components = default;
        bool isProgressive = false;
        int scanned = 0;
        int position = 2;
        while (true)
        {
            byte marker = ReadMarker(file, ref position);
            if (marker == EndOfImage)
            {
                int all = (1 << components.Length) - 1;
                return scanned == all && all != 0
                    ? position
                    : throw new InvalidDataException("the picture is truncated: it ends before the scans of all components.");
            }

            if (HasNoPayload(marker))
            {
                continue;
            }

            ReadOnlySpan<byte> payload = ReadPayload(file, ref position);
            if (IsFrame(marker) && payload.Length >= 6)
            {
                if (marker is not (0xC0 or 0xC1 or Progressive))
                {
                    throw new InvalidDataException(
                        $"a JPEG of the kind FF{marker:X2}; baseline, extended and progressive Huffman coding are read (FFC0 to FFC2).");
                }

                // A component's entry has three bytes, of which the first is its name.
                int count = Math.Min(payload[5], (payload.Length - 6) / 3);
                byte[] names = new byte[Math.Min(count, 4)];
                for (int i = 0; i < names.Length; i++)
                {
                    names[i] = payload[6 + (3 * i)];
                }

                components = names;
                isProgressive = marker == Progressive;
            }
            else if (marker == StartOfScan && payload.Length >= 1)
            {
                int count = Math.Min(payload[0], (payload.Length - 1) / 2);
                for (int i = 0; i < count; i++)
                {
                    int index = components.IndexOf(payload[1 + (2 * i)]);
                    scanned |= index >= 0 ? 1 << index : 0;
                }

                position = FindMarker(file, position);
                if (!isProgressive && count == components.Length && position < file.Length)
                {
                    isSingleScan = true;
                    return position;
                }
            }
        }
    }

    // Start of frame: C0 to CF without the tables of Huffman codes and of arithmetic coding, and without a reserved one.
    private static bool IsFrame(byte marker) => marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);

    private static bool HasNoPayload(byte marker) => marker is (>= 0xD0 and <= 0xD8) or 0x01 or 0x00;

    private static byte ReadMarker(ReadOnlySpan<byte> file, ref int position)
    {
        int start = position < file.Length ? file[position..].IndexOf((byte)0xFF) : -1;
        int behind = start < 0 ? -1 : file[(position + start)..].IndexOfAnyExcept((byte)0xFF);
        if (behind < 0)
        {
            throw new InvalidDataException("the picture is truncated: its end marker is missing.");
        }

        position += start + behind + 1;
        return file[position - 1];
    }

    private static ReadOnlySpan<byte> ReadPayload(ReadOnlySpan<byte> file, ref int position)
    {
        int length = file.Length - position < 2 ? int.MaxValue : Math.Max(2, (int)BinaryPrimitives.ReadUInt16BigEndian(file[position..]));
        if (length > file.Length - position)
        {
            throw new InvalidDataException("the picture is truncated: it ends within a segment.");
        }

        ReadOnlySpan<byte> payload = file.Slice(position + 2, length - 2);
        position += length;
        return payload;
    }

    /// <summary>Skips coded data: in it FF is followed by 00, and restart markers belong to it.</summary>
    private static int FindMarker(ReadOnlySpan<byte> file, int position)
    {
        while (position < file.Length - 1)
        {
            int next = file[position..^1].IndexOf((byte)0xFF);
            if (next < 0)
            {
                break;
            }

            position += next;
            byte marker = file[position + 1];
            if (marker is not (0x00 or 0xFF or (>= 0xD0 and <= 0xD7)))
            {
                return position;
            }

            position += marker == 0xFF ? 1 : 2;
        }

        return file.Length;
    }
}
