using System.Numerics;

namespace YoloZeroCopy.Cuda;

/// <summary>Reads the bits of a NAL unit of H.264 or HEVC, without the bytes that only keep its data from looking like a start code.</summary>
/// <remarks>Behind the last bit everything reads as 0, and <see cref="HasFailed"/> says so.</remarks>
internal ref struct BitReader
{
    // Ends with the byte in which the data end.
    private readonly ReadOnlySpan<byte> bytes;

    // Of the last byte: the stop bit, and the zeros behind it.
    private readonly int unused;
    private int next;
    private int zeros;
    private int current;
    private int left;

    public BitReader(ReadOnlySpan<byte> unit)
    {
        bytes = unit.TrimEnd((byte)0);
        unused = bytes.IsEmpty ? 0 : BitOperations.TrailingZeroCount(bytes[^1]) + 1;
    }

    /// <summary>True when more was read than is there, or a number is too large.</summary>
    public bool HasFailed { get; private set; }

    public bool Flag() => Bit() != 0;

    /// <summary>A number of at most 31 bits.</summary>
    public int Bits(int count)
    {
        int value = 0;
        for (; count > 0; count--)
        {
            value = (value << 1) | Bit();
        }

        return value;
    }

    public void Skip(int count)
    {
        for (; count > 0; count--)
        {
            _ = Bit();
        }
    }

    /// <summary>An Exp-Golomb code, ue(v): as many zeros as bits follow the first one. At most 2^31 - 2, as every number of a header is.</summary>
    public int Unsigned()
    {
        int count = 0;
        while (Bit() == 0)
        {
            if (++count > 30 || HasFailed)
            {
                HasFailed = true;
                return 0;
            }
        }

        return (1 << count) - 1 + Bits(count);
    }

    /// <summary>A signed Exp-Golomb code, se(v).</summary>
    public int Signed()
    {
        int code = Unsigned();
        return (code & 1) != 0 ? (code >> 1) + 1 : -(code >> 1);
    }

    private int Bit()
    {
        if (left == 0 && !Advance())
        {
            HasFailed = true;
            return 0;
        }

        left--;
        return (current >> left) & 1;
    }

    private bool Advance()
    {
        // A 3 behind two zeros was put there by the encoder.
        if (zeros >= 2 && next < bytes.Length && bytes[next] == 3)
        {
            zeros = 0;
            next++;
        }

        if (next >= bytes.Length)
        {
            return false;
        }

        byte value = bytes[next++];
        zeros = value == 0 ? zeros + 1 : 0;
        int end = next == bytes.Length ? unused : 0;
        current = value >> end;
        left = 8 - end;
        return left > 0;
    }
}
