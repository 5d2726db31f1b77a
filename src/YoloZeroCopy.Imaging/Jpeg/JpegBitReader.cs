using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>Reads the bits of entropy-coded JPEG data, drops stuffed zero bytes and stops at the next marker.</summary>
internal ref struct JpegBitReader
{
    private readonly ReadOnlySpan<byte> data;
    private int position;

    // The next bits, most significant first; bits below `count` may hold a part of the next byte already, which is ORed in again later with the same value.
    private ulong bits;
    private int count;

    // Zero bits appended behind the data's end so that decoding can go on until somebody looks.
    private int padding;

    public JpegBitReader(ReadOnlySpan<byte> data, int position)
    {
        this.data = data;
        this.position = position;
    }

    /// <summary>Index in the file of the first byte that was not read: at or before the marker that ends the data.</summary>
    public readonly int Position => position;

    /// <summary>True when more bits were taken than there were.</summary>
    public readonly bool IsOverrun => count < padding;

    /// <summary>Makes at least 32 bits available: the longest code (16) and the longest value behind it (15).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Need32()
    {
        if (count < 32)
        {
            Fill();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly int Peek(int length) => (int)(bits >> (64 - length));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Skip(int length)
    {
        bits <<= length;
        count -= length;
    }

    /// <summary>Takes 1 to 16 bits as an unsigned number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Take(int length)
    {
        int value = Peek(length);
        Skip(length);
        return value;
    }

    /// <summary>Takes one bit and fills first where needed.</summary>
    public int TakeBit()
    {
        Need32();
        return Take(1);
    }

    /// <summary>Takes the value that follows a category (T.81 F.2.2.1): numbers with a leading zero bit are negative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int TakeSigned(int length)
    {
        int value = Take(length);
        return value < (1 << (length - 1)) ? value - (1 << length) + 1 : value;
    }

    /// <summary>Goes behind the restart marker with the given number (0 to 7), which must be the next marker.</summary>
    public void Restart(int number)
    {
        bits = 0;
        count = 0;
        padding = 0;
        int marker = JpegMarkers.Find(data, position);
        if (marker < 0 || data[marker] != JpegMarkers.Restart0 + number)
        {
            string found = marker < 0 ? "the end of the file" : $"marker FF{data[marker]:X2}";
            throw new InvalidDataException($"truncated or damaged JPEG data: restart marker FF{JpegMarkers.Restart0 + number:X2} was expected, {found} was found.");
        }

        position = marker + 1;
    }

    private void Fill()
    {
        if (position <= data.Length - 8)
        {
            ulong next = BinaryPrimitives.ReadUInt64BigEndian(data[position..]);

            // No byte is FF: take as many whole bytes as fit.
            if (((~next - 0x0101010101010101) & next & 0x8080808080808080) == 0)
            {
                bits |= next >> count;
                int taken = (64 - count) >> 3;
                position += taken;
                count += taken * 8;
                return;
            }
        }

        while (count <= 56)
        {
            ulong value = 0;
            if (position >= data.Length)
            {
                padding += 8;
            }
            else if (data[position] != 0xFF)
            {
                value = data[position++];
            }
            else if (position + 1 < data.Length && data[position + 1] == 0)
            {
                value = 0xFF;
                position += 2;
            }
            else
            {
                padding += 8;
            }

            bits |= value << (56 - count);
            count += 8;
        }
    }
}
