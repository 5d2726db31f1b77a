using System.Buffers.Binary;
using System.Numerics;

namespace YoloZeroCopy;

/// <summary>Collects a JPEG file: markers, segments, and codes with stuffed zero bytes.</summary>
internal sealed class JpegBitWriter
{
    private byte[] file;
    private int length;
    private ulong bits;
    private int count;

    public JpegBitWriter(int capacity) => file = new byte[capacity];

    public void WriteMarker(byte marker)
    {
        Reserve(2);
        file[length++] = 0xFF;
        file[length++] = marker;
    }

    public void WriteSegment(byte marker, ReadOnlySpan<byte> content)
    {
        WriteMarker(marker);
        Reserve(2 + content.Length);
        BinaryPrimitives.WriteUInt16BigEndian(file.AsSpan(length), (ushort)(2 + content.Length));
        content.CopyTo(file.AsSpan(length + 2));
        length += 2 + content.Length;
    }

    /// <summary>Writes a code: its length in the upper half, its bits in the lower.</summary>
    public void WriteCode(uint code) => WriteBits((int)(code & 0xFFFF), (int)(code >> 16));

    /// <summary>Writes the code of a run and a category, then the value's bits (T.81 F.1.2).</summary>
    public void WriteValue(ReadOnlySpan<uint> codes, int run, int value)
    {
        int category = 32 - BitOperations.LeadingZeroCount((uint)Math.Abs(value));
        WriteCode(codes[(run << 4) | category]);
        if (category != 0)
        {
            int low = value < 0 ? value - 1 : value;
            WriteBits(low & ((1 << category) - 1), category);
        }
    }

    /// <summary>Fills the last byte with ones.</summary>
    public void Finish()
    {
        if (count % 8 != 0)
        {
            int missing = 8 - (count % 8);
            WriteBits((1 << missing) - 1, missing);
        }

        Flush();
    }

    public byte[] ToArray() => file.AsSpan(0, length).ToArray();

    private void WriteBits(int value, int size)
    {
        if (count + size > 64)
        {
            Flush();
        }

        bits = (bits << size) | (uint)value;
        count += size;
    }

    private void Flush()
    {
        Reserve(16);
        while (count >= 8)
        {
            byte next = (byte)(bits >> (count - 8));
            count -= 8;
            file[length++] = next;
            if (next == 0xFF)
            {
                file[length++] = 0;
            }
        }
    }

    private void Reserve(int more)
    {
        if (length + more > file.Length)
        {
            Array.Resize(ref file, Math.Max(length + more, 2 * file.Length));
        }
    }
}
