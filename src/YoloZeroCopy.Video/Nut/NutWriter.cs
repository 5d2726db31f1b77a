using System.Buffers.Binary;
using System.Text;

namespace YoloZeroCopy;

/// <summary>Writes frames of raw video into a stream as NUT with one video stream.</summary>
/// <remarks>One thread. No allocation for a frame.</remarks>
/// <param name="stream">Where it goes, in few and short writes beside the frames. Not disposed.</param>
internal sealed class NutWriter(Stream stream)
{
    // In a frame's header are its time and its size, as they are, behind the code 0.
    private const NutFlags FrameFlags = NutFlags.Key | NutFlags.CodedPts | NutFlags.SizeMsb | NutFlags.Checksum;
    private const byte FrameCode = 0;
    private const int FrameCodes = 255;

    // What ffmpeg takes for the most.
    private const int MaxDistance = 65536;

    private readonly byte[] buffer = new byte[256];
    private int length;

    /// <summary>Writes what comes before the first frame.</summary>
    /// <param name="fourCc">What ffmpeg calls the pixel format: four bytes.</param>
    /// <param name="width">Of the frames, in pixels.</param>
    /// <param name="height">Of the frames, in pixels.</param>
    /// <param name="timeBase">Seconds of one unit of time.</param>
    /// <param name="frameRate">Frames a second, or about as many.</param>
    public void WriteHeaders(ReadOnlySpan<byte> fourCc, int width, int height, Fraction timeBase, Fraction frameRate)
    {
        stream.Write(NutFormat.FileId);
        foreach (int value in (ReadOnlySpan<int>)[NutFormat.Version, 1, MaxDistance, 1, timeBase.Numerator, timeBase.Denominator])
        {
            Put(value);
        }

        // One run of codes of the same kind, in six fields: time 0, multiplier 1, stream 0, size 0, nothing reserved, their number. No beginnings of
        // frames that are left out.
        foreach (int value in (ReadOnlySpan<int>)[(int)FrameFlags, 6, 0, 1, 0, 0, 0, FrameCodes, 0])
        {
            Put(value);
        }

        WritePacket(NutFormat.MainHeader);

        // Stream 0, video, its codec; then time base 0, times always whole, no limit of their distance, no delay, no flags, no data of the codec.
        Put(0);
        Put(0);
        Put(fourCc);
        foreach (int value in (ReadOnlySpan<int>)[0, 0, int.MaxValue, 0, 0, 0, width, height, 0, 0, 0])
        {
            Put(value);
        }

        WritePacket(NutFormat.StreamHeader);

        // Of stream 0, no chapter, one entry, a text (kind -1).
        foreach (int value in (ReadOnlySpan<int>)[1, 0, 0, 0, 1])
        {
            Put(value);
        }

        Put("r_frame_rate"u8);
        Put(2);
        Put(Encoding.ASCII.GetBytes(frameRate.ToString()));
        WritePacket(NutFormat.InfoPacket);
    }

    /// <summary>Writes what comes before the bytes of a frame.</summary>
    /// <param name="time">When it is shown, in units of the time base; later than the frame before.</param>
    /// <param name="size">Its bytes, which the caller writes next.</param>
    public void BeginFrame(long time, int size)
    {
        // The distance back to an earlier syncpoint is for those who jump.
        Put(time);
        Put(0);
        EndPacket(NutFormat.Syncpoint);
        int start = length;
        buffer[length++] = FrameCode;
        Put(time + 1);
        Put(size);
        PutChecksum(start);
        Flush();
    }

    private void WritePacket(ulong startCode)
    {
        EndPacket(startCode);
        Flush();
    }

    private void Flush()
    {
        stream.Write(buffer, 0, length);
        length = 0;
    }

    // Puts start code and length before what is in the buffer, and a checksum behind. No packet here is longer than 127 bytes.
    private void EndPacket(ulong startCode)
    {
        const int Start = sizeof(ulong) + 1;
        PutChecksum(0);
        buffer.AsSpan(0, length).CopyTo(buffer.AsSpan(Start));
        BinaryPrimitives.WriteUInt64BigEndian(buffer, startCode);
        buffer[sizeof(ulong)] = checked((byte)(sbyte)length);
        length += Start;
    }

    private void PutChecksum(int start)
    {
        BinaryPrimitives.WriteUInt32BigEndian(buffer.AsSpan(length), NutFormat.Checksum(buffer.AsSpan(start, length - start)));
        length += NutFormat.ChecksumBytes;
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        Put(bytes.Length);
        bytes.CopyTo(buffer.AsSpan(length));
        length += bytes.Length;
    }

    private void Put(long value)
    {
        int shift = 0;
        while (value >> shift > 127)
        {
            shift += 7;
        }

        for (; shift > 0; shift -= 7)
        {
            buffer[length++] = (byte)(128 | (value >> shift & 127));
        }

        buffer[length++] = (byte)(value & 127);
    }
}
