using System.Buffers.Binary;

namespace YoloZeroCopy;

/// <summary>Turns H.264 and HEVC as MP4 and Matroska hold it, each unit behind its length, into the form of streams, each behind a start code, which
/// decoders take.</summary>
/// <remarks>Lengths of four bytes, which is what is written, become start codes where they stand. ffmpeg's own filters for it are one for each codec,
/// and which one it is is not known before ffmpeg runs.</remarks>
internal static class NalUnits
{
    private const int LengthBytes = 4;
    private static readonly byte[] StartCode = [0, 0, 0, 1];

    /// <summary>Whether a codec's data are a record of MP4, so that its packets have lengths.</summary>
    public static bool HasLengths(VideoCodec codec, ReadOnlySpan<byte> extradata) =>
        codec is VideoCodec.H264 or VideoCodec.Hevc && !extradata.IsEmpty && !extradata.StartsWith((ReadOnlySpan<byte>)[0, 0]);

    /// <summary>The parameter sets in a record of MP4 (ISO/IEC 14496-15), each behind a start code.</summary>
    /// <exception cref="InvalidDataException">The record is damaged, or has lengths that are not of four bytes.</exception>
    public static byte[] ReadParameterSets(VideoCodec codec, ReadOnlySpan<byte> record)
    {
        bool isHevc = codec == VideoCodec.Hevc;
        int position = isHevc ? 21 : 4;
        int lengthBytes = (Take(record, ref position, 1)[0] & 3) + 1;
        if (lengthBytes != LengthBytes)
        {
            throw new InvalidDataException($"its packets have lengths of {lengthBytes} bytes; {LengthBytes} are read");
        }

        // HEVC: arrays, each with the type of its units; H.264: the sequence's sets, then the pictures'.
        List<byte> sets = [];
        int arrays = isHevc ? Take(record, ref position, 1)[0] : 2;
        for (int i = 0; i < arrays; i++)
        {
            _ = isHevc ? Take(record, ref position, 1) : default;
            int units = isHevc ? BinaryPrimitives.ReadUInt16BigEndian(Take(record, ref position, 2))
                : Take(record, ref position, 1)[0] & (i == 0 ? 31 : 255);
            for (; units > 0; units--)
            {
                int length = BinaryPrimitives.ReadUInt16BigEndian(Take(record, ref position, 2));
                sets.AddRange(StartCode);
                sets.AddRange(Take(record, ref position, length));
            }
        }

        return [.. sets];
    }

    /// <summary>Makes start codes of the lengths in a packet.</summary>
    /// <exception cref="InvalidDataException">They go past its end.</exception>
    public static void MakeStartCodes(Span<byte> packet)
    {
        while (!packet.IsEmpty)
        {
            uint length = packet.Length < LengthBytes ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(packet);
            if (length > packet.Length - LengthBytes)
            {
                throw new InvalidDataException("a unit in it goes past its end");
            }

            StartCode.CopyTo(packet);
            packet = packet[(LengthBytes + (int)length)..];
        }
    }

    private static ReadOnlySpan<byte> Take(ReadOnlySpan<byte> record, ref int position, int count)
    {
        if (count > record.Length - position)
        {
            throw new InvalidDataException($"its parameter sets go past the end of their record of {record.Length} bytes");
        }

        position += count;
        return record.Slice(position - count, count);
    }
}
