using System.Numerics;

namespace YoloZeroCopy;

/// <summary>Reads frames, raw or coded, from a stream in NUT that holds one video stream, as our ffmpeg is told to make it.</summary>
/// <remarks>
/// One thread. Never reads past what it knows to be a header, so that the bytes of a frame go from the stream into the caller's memory. No length is
/// believed: whatever the stream holds, it takes no memory beyond the fixed buffer and ends with an exception. No allocation for a frame.
/// </remarks>
/// <param name="stream">Where NUT is read from; a read blocks. Not disposed.</param>
internal sealed class NutReader(Stream stream)
{
    private const int MaxPacket = 1 << 20;

    // Of HEVC, x265 puts its settings into the codec's data, a few thousand bytes.
    private const int MaxHeader = 1 << 16;
    private const int MaxReserved = 64;
    private const int MaxElisions = 128;

    // Codecs have 16 at most.
    private const int MaxDecodeDelay = 64;

    // The header that is read now, from its first byte on.
    private readonly byte[] buffer = new byte[MaxHeader];
    private readonly FrameCode[] codes = new FrameCode[256];
    private byte[][] elisions = [[]];
    private int position;
    private int length;

    // Bytes of the header that certainly follow those that were taken; in a packet none may be read beyond its length.
    private int certain;
    private bool isPacket;

    private UInt128 baseNumerator;
    private UInt128 baseDenominator;
    private int ptsBits;
    private long pts;

    // The times of the last frames, by size: as many as a frame may wait for its turn to be shown.
    private long[] waiting = [];
    private int waitingCount;

    // The frame whose bytes are read now.
    private byte[] prefix = [];
    private int prefixTaken;

    /// <summary>Width of the frames in pixels, as far as it is one that an <see cref="int"/> holds.</summary>
    public int Width { get; private set; }

    /// <summary>Height of the frames in pixels.</summary>
    public int Height { get; private set; }

    /// <summary>How the frames are coded; other for raw ones.</summary>
    public VideoCodec Codec { get; private set; }

    /// <summary>The codec's data, which a decoder needs before the first frame; empty where there are none.</summary>
    public byte[] Extradata { get; private set; } = [];

    /// <summary>When the frame that was begun last is shown, by the video's clock.</summary>
    public TimeSpan Timestamp { get; private set; }

    /// <summary>When it is decoded; null as long as that cannot be told.</summary>
    public TimeSpan? DecodeTimestamp { get; private set; }

    /// <summary>Whether decoding may begin with it.</summary>
    public bool IsKey { get; private set; }

    /// <summary>Reads what comes before the first frame.</summary>
    /// <returns>False when the stream is empty.</returns>
    /// <exception cref="InvalidDataException">It is not NUT with one video stream.</exception>
    /// <exception cref="EndOfStreamException">It ends too early.</exception>
    public bool ReadHeaders()
    {
        if (!TryBegin())
        {
            return false;
        }

        ReadOnlySpan<byte> id = NutFormat.FileId;
        certain = id.Length;
        for (int i = 0; i < id.Length; i++)
        {
            if (Next() != id[i])
            {
                throw new InvalidDataException("it does not begin as NUT");
            }
        }

        BeginPacket(NutFormat.MainHeader, "the main header");
        ReadMainHeader();
        BeginPacket(NutFormat.StreamHeader, "the stream's header");
        ReadStreamHeader();
        return true;
    }

    /// <summary>Reads up to the bytes of the next frame, which <see cref="ReadPayload"/> then takes, all of them.</summary>
    /// <param name="size">Bytes of the frame.</param>
    /// <returns>False at the end of the stream.</returns>
    /// <exception cref="InvalidDataException">The stream is damaged.</exception>
    /// <exception cref="EndOfStreamException">It ends within a header.</exception>
    public bool TryBeginFrame(out long size)
    {
        while (TryBegin())
        {
            if (buffer[0] == NutFormat.StartCode)
            {
                ReadPacket();
            }
            else if (ReadFrameHeader(out size))
            {
                return true;
            }
        }

        size = 0;
        return false;
    }

    /// <summary>Reads bytes of the frame that was begun.</summary>
    /// <param name="destination">Filled to its end; no more in all than the frame has.</param>
    /// <exception cref="EndOfStreamException">The stream ends before.</exception>
    public void ReadPayload(Span<byte> destination)
    {
        int left = prefix.Length - prefixTaken;
        if (left > 0)
        {
            int count = Math.Min(left, destination.Length);
            prefix.AsSpan(prefixTaken, count).CopyTo(destination);
            prefixTaken += count;
            destination = destination[count..];
        }

        stream.ReadExactly(destination);
    }

    // The first byte of what follows, or the end.
    private bool TryBegin()
    {
        isPacket = false;
        position = 0;
        certain = 0;
        length = stream.Read(buffer, 0, 1);
        return length > 0;
    }

    private void BeginPacket(ulong startCode, string name)
    {
        if (!TryBegin())
        {
            throw new EndOfStreamException($"it ends before {name}");
        }

        int bytes = ReadPacketStart(out ulong found);
        if (found != startCode)
        {
            throw new InvalidDataException($"{name} is not where it belongs");
        }

        TakePacket(bytes);
    }

    private void ReadPacket()
    {
        int bytes = ReadPacketStart(out ulong startCode);
        if (startCode == NutFormat.Syncpoint)
        {
            // Time stamps begin anew from here, which may be before zero: it is when the next frame is decoded. The distance back to an earlier one,
            // behind it, is for those who jump.
            TakePacket(bytes);
            pts = unchecked((long)ReadVar(mostBits: 64));
            return;
        }

        // Repeated headers, and what else may stand between frames.
        uint checksum = 0;
        while (bytes > 0)
        {
            int count = Math.Min(bytes, buffer.Length);
            stream.ReadExactly(buffer, 0, count);
            checksum = NutFormat.Checksum(buffer.AsSpan(0, count), checksum);
            bytes -= count;
        }

        ThrowIfNot(checksum == 0, "a packet's checksum is wrong");
    }

    private int ReadPacketStart(out ulong startCode)
    {
        certain = sizeof(ulong) + 1;
        startCode = 0;
        for (int i = 0; i < sizeof(ulong); i++)
        {
            startCode = (startCode << 8) | Next();
        }

        ulong bytes = ReadVar();
        ThrowIfOutside((long)bytes, NutFormat.ChecksumBytes, MaxPacket, "the bytes of a packet");
        if (bytes > NutFormat.LongPacket)
        {
            TakeChecksum("a packet's length has a wrong checksum");
        }

        return (int)bytes;
    }

    // Into the buffer, as a whole.
    private void TakePacket(int bytes)
    {
        ThrowIfOutside(bytes, NutFormat.ChecksumBytes, buffer.Length, "the bytes of a header");
        stream.ReadExactly(buffer, 0, bytes);
        ThrowIfNot(NutFormat.Checksum(buffer.AsSpan(0, bytes)) == 0, "a header's checksum is wrong");
        isPacket = true;
        position = 0;
        length = bytes - NutFormat.ChecksumBytes;
    }

    private void ReadMainHeader()
    {
        _ = ReadInt(NutFormat.Version, NutFormat.Version, "the version");
        _ = ReadInt(1, 1, "the number of streams");
        _ = ReadVar();
        _ = ReadInt(1, 1, "the number of time bases");
        baseNumerator = (UInt128)ReadInt(1, int.MaxValue, "the time base's numerator");
        baseDenominator = (UInt128)ReadInt(1, int.MaxValue, "the time base's denominator");
        ReadFrameCodes();
        if (position < length)
        {
            ReadElisions();
        }
    }

    // Runs of codes that share their properties; what a run does not name is that of the run before, or 0.
    private void ReadFrameCodes()
    {
        FrameCode code = new() { Multiplier = 1 };
        int next = 0;
        while (next < codes.Length)
        {
            code.Flags = (NutFlags)ReadInt(0, ushort.MaxValue, "a frame code's flags");
            int fields = ReadInt(0, int.MaxValue, "the number of a frame code's fields");
            code.PtsDelta = fields > 0 ? ReadSigned() : code.PtsDelta;
            code.Multiplier = fields > 1 ? ReadInt(0, ushort.MaxValue, "a frame code's multiplier") : code.Multiplier;
            code.StreamId = fields > 2 ? ReadInt(0, int.MaxValue, "a frame code's stream") : code.StreamId;
            code.Size = fields > 3 ? ReadInt(0, ushort.MaxValue, "a frame code's size") : 0;
            code.ReservedCount = fields > 4 ? ReadInt(0, int.MaxValue, "a frame code's reserved fields") : 0;
            int count = fields > 5 ? ReadInt(0, int.MaxValue, "the number of frame codes") : code.Multiplier - code.Size;
            if (fields > 6)
            {
                _ = ReadSigned();
            }

            code.HeaderIndex = fields > 7 ? ReadInt(0, int.MaxValue, "a frame code's beginning") : code.HeaderIndex;
            for (int i = 8; i < fields; i++)
            {
                _ = ReadVar();
            }

            ThrowIfOutside(count, 1, int.MaxValue, "the number of frame codes");
            for (; count > 0 && next < codes.Length; next++)
            {
                if (next == NutFormat.StartCode)
                {
                    codes[next].Flags = NutFlags.Invalid;
                    continue;
                }

                codes[next] = code;
                code.Size++;
                count--;
            }
        }
    }

    private void ReadElisions()
    {
        elisions = new byte[1 + ReadInt(0, MaxElisions, "the number of beginnings")][];
        elisions[0] = [];
        for (int i = 1; i < elisions.Length; i++)
        {
            elisions[i] = Take("the bytes of a beginning").ToArray();
        }
    }

    private void ReadStreamHeader()
    {
        _ = ReadInt(0, 0, "the stream's number");
        _ = ReadInt(0, 0, "the stream's kind, 0 for video,");
        Codec = NutCodec.Parse(Take("the bytes of the codec's name"));
        _ = ReadInt(0, 0, "the stream's time base");
        ptsBits = ReadInt(0, 31, "the bits of a time stamp");
        _ = ReadVar();
        waiting = new long[1 + ReadInt(0, MaxDecodeDelay, "the delay of decoding")];
        _ = ReadVar();
        Extradata = Take("the bytes of the codec's data").ToArray();
        Width = ReadInt(1, int.MaxValue, "the width");
        Height = ReadInt(1, int.MaxValue, "the height");
    }

    // False for a mark without a frame.
    private bool ReadFrameHeader(out long size)
    {
        ref readonly FrameCode code = ref codes[buffer[0]];
        position = 1;
        NutFlags flags = code.Flags;
        if ((flags & NutFlags.Coded) != 0)
        {
            certain = 1;
            flags ^= (NutFlags)ReadInt(0, ushort.MaxValue, "a frame's flags");
        }

        ThrowIfNot((flags & (NutFlags.Invalid | NutFlags.SideData)) == 0, "a frame has a code or side data that are not read");
        const NutFlags Fields =
            NutFlags.StreamId | NutFlags.CodedPts | NutFlags.SizeMsb | NutFlags.MatchTime | NutFlags.HeaderIndex | NutFlags.Reserved;
        certain = BitOperations.PopCount((uint)(flags & Fields)) + ((flags & NutFlags.Checksum) != 0 ? NutFormat.ChecksumBytes : 0);
        ThrowIfOutside((flags & NutFlags.StreamId) != 0 ? (long)ReadVar() : code.StreamId, 0, 0, "a frame's stream");
        pts = NextPts((flags & NutFlags.CodedPts) != 0, code.PtsDelta);
        size = code.Size + ((flags & NutFlags.SizeMsb) != 0 ? ReadInt(0, int.MaxValue, "a frame's size") * (long)code.Multiplier : 0);
        if ((flags & NutFlags.MatchTime) != 0)
        {
            _ = ReadSigned();
        }

        long beginning = (flags & NutFlags.HeaderIndex) != 0 ? (long)ReadVar() : code.HeaderIndex;
        ThrowIfOutside(beginning, 0, elisions.Length - 1, "a frame's beginning");
        long reserved = (flags & NutFlags.Reserved) != 0 ? (long)ReadVar() : code.ReservedCount;
        ThrowIfOutside(reserved, 0, MaxReserved, "the number of a frame's reserved fields");
        for (int i = 0; i < reserved; i++)
        {
            _ = ReadVar();
        }

        if ((flags & NutFlags.Checksum) != 0)
        {
            TakeChecksum("a frame's header has a wrong checksum");
        }

        prefix = size > NutFormat.LongFrame ? elisions[0] : elisions[beginning];
        prefixTaken = 0;
        ThrowIfNot(prefix.Length <= size, "a frame that is shorter than its beginning");
        IsKey = (flags & NutFlags.Key) != 0;
        Timestamp = TimeOf(pts);
        DecodeTimestamp = NextDecodeTime() is long time ? TimeOf(time) : null;
        return size > 0 || (flags & NutFlags.EndOfRelevance) == 0;
    }

    // Coded: the low bits of a time near the last one, or all of it above them.
    private long NextPts(bool isCoded, long delta)
    {
        long next;
        if (isCoded)
        {
            long coded = (long)ReadVar();
            long range = 1L << ptsBits;
            long from = pts - ((range - 1) / 2);
            next = coded < range ? ((coded - from) & (range - 1)) + from : coded - range;
        }
        else
        {
            next = unchecked(pts + delta);
        }

        ThrowIfNot(next >= 0, "a frame's time is negative");
        return next;
    }

    // Frames are decoded in the order of their bytes, at the times they are shown at, sorted.
    private long? NextDecodeTime()
    {
        int at = waitingCount;
        for (; at > 0 && waiting[at - 1] > pts; at--)
        {
            waiting[at] = waiting[at - 1];
        }

        waiting[at] = pts;
        waitingCount++;
        if (waitingCount < waiting.Length)
        {
            return null;
        }

        long time = waiting[0];
        waiting.AsSpan(1).CopyTo(waiting);
        waitingCount--;
        return time;
    }

    private TimeSpan TimeOf(long time)
    {
        UInt128 ticks = (((UInt128)time * baseNumerator * (UInt128)TimeSpan.TicksPerSecond) + (baseDenominator / 2)) / baseDenominator;
        ThrowIfNot(ticks <= (UInt128)TimeSpan.MaxValue.Ticks, "a frame's time is beyond all measure");
        return new TimeSpan((long)ticks);
    }

    private byte Next()
    {
        if (position == length)
        {
            Fill();
        }

        certain--;
        return buffer[position++];
    }

    private void Fill()
    {
        ThrowIfNot(!isPacket, "a field goes past the end of its header");
        int count = Math.Max(certain, 1);
        ThrowIfOutside(length + count, 0, buffer.Length, "the bytes of a header");
        stream.ReadExactly(buffer, length, count);
        length += count;
    }

    private ulong ReadVar(int mostBits = 63)
    {
        ulong value = 0;
        while (true)
        {
            byte next = Next();
            ThrowIfNot(value >> (mostBits - 7) == 0, "a number of more bits than are read");
            value = (value << 7) | (next & 127u);
            if (next < 128)
            {
                return value;
            }

            certain++;
        }
    }

    private int ReadInt(int least, int most, string name)
    {
        long value = (long)ReadVar();
        ThrowIfOutside(value, least, most, name);
        return (int)value;
    }

    private long ReadSigned()
    {
        ulong value = ReadVar() + 1;
        return (value & 1) != 0 ? -(long)(value >> 1) : (long)(value >> 1);
    }

    private ReadOnlySpan<byte> Take(string name)
    {
        long count = (long)ReadVar();
        ThrowIfOutside(count, 0, length - position, name);
        position += (int)count;
        return buffer.AsSpan(position - (int)count, (int)count);
    }

    // Over the header from its first byte on.
    private void TakeChecksum(string fault)
    {
        uint checksum = NutFormat.Checksum(buffer.AsSpan(0, position));
        certain = NutFormat.ChecksumBytes;
        uint given = 0;
        for (int i = 0; i < NutFormat.ChecksumBytes; i++)
        {
            given = (given << 8) | Next();
        }

        ThrowIfNot(given == checksum, fault);
    }

    private static void ThrowIfNot(bool isGood, string fault)
    {
        if (!isGood)
        {
            throw new InvalidDataException(fault);
        }
    }

    private static void ThrowIfOutside(long value, long least, long most, string name)
    {
        if (value < least || value > most)
        {
            throw new InvalidDataException(least == most ? $"{name} is {value}; {least} is read" : $"{name} is {value}; {least} to {most} is read");
        }
    }

    private struct FrameCode
    {
        public NutFlags Flags;
        public long PtsDelta;
        public int Multiplier;
        public int StreamId;
        public int Size;
        public int ReservedCount;
        public int HeaderIndex;
    }
}
