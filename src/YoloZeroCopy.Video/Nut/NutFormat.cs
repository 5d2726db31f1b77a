namespace YoloZeroCopy;

/// <summary>Constants of NUT, the container that ffmpeg sends and takes frames in: each frame is one piece behind a header of a few bytes, which has
/// its time stamp.</summary>
/// <remarks>As <c>nut.txt</c> of the FFmpeg project describes version 3. Numbers are <c>v</c>: seven bits a byte, the highest first, the
/// eighth set where another byte follows.</remarks>
internal static class NutFormat
{
    public const ulong MainHeader = 0x4E4D_7A56_1F5F_04AD;
    public const ulong StreamHeader = 0x4E53_1140_5BF2_F9DB;
    public const ulong InfoPacket = 0x4E49_AB68_B596_BA78;
    public const ulong Syncpoint = 0x4E4B_E4AD_EECA_4569;

    /// <summary>First byte of every start code, and of no frame.</summary>
    public const byte StartCode = (byte)'N';

    public const int Version = 3;
    public const int ChecksumBytes = 4;

    /// <summary>A packet longer than this has a checksum behind its length, too.</summary>
    public const int LongPacket = 4096;

    /// <summary>A frame longer than this has all its bytes: those that many frames begin with are left out of short ones only.</summary>
    public const int LongFrame = 4096;

    private static readonly uint[] Table = MakeTable();

    /// <summary>What comes before everything else.</summary>
    public static ReadOnlySpan<byte> FileId => "nut/multimedia container\0"u8;

    /// <summary>CRC-32 with the polynomial 0x04C11DB7, the highest bit first, from 0. Over bytes with their own checksum behind them it is
    /// 0.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes, uint before = 0)
    {
        uint checksum = before;
        foreach (byte value in bytes)
        {
            checksum = (checksum << 8) ^ Table[(checksum >> 24) ^ value];
        }

        return checksum;
    }

    private static uint[] MakeTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint value = i << 24;
            for (int bit = 0; bit < 8; bit++)
            {
                value = (value << 1) ^ ((value >> 31) * 0x04C1_1DB7);
            }

            table[i] = value;
        }

        return table;
    }
}

/// <summary>What a frame's header has in it.</summary>
[Flags]
internal enum NutFlags
{
    None = 0,
    Key = 1,
    EndOfRelevance = 2,
    CodedPts = 8,
    StreamId = 16,
    SizeMsb = 32,
    Checksum = 64,
    Reserved = 128,
    SideData = 256,
    HeaderIndex = 1024,
    MatchTime = 2048,
    Coded = 4096,
    Invalid = 8192,
}
