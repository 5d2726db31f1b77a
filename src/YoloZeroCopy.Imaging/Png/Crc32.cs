namespace YoloZeroCopy;

/// <summary>The check sum of PNG chunks: CRC-32 of ISO 3309, four bytes a step.</summary>
internal static class Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private static readonly uint[][] Tables = MakeTables();

    public static uint Compute(ReadOnlySpan<byte> bytes)
    {
        uint[][] tables = Tables;
        uint crc = uint.MaxValue;
        int i = 0;
        for (; i + 4 <= bytes.Length; i += 4)
        {
            crc ^= BitConverter.ToUInt32(bytes[i..]);
            crc = tables[3][crc & 255] ^ tables[2][(crc >> 8) & 255] ^ tables[1][(crc >> 16) & 255] ^ tables[0][crc >> 24];
        }

        for (; i < bytes.Length; i++)
        {
            crc = tables[0][(crc ^ bytes[i]) & 255] ^ (crc >> 8);
        }

        return ~crc;
    }

    // Table n: what a byte does to the sum when n more bytes follow it.
    private static uint[][] MakeTables()
    {
        uint[][] tables = [new uint[256], new uint[256], new uint[256], new uint[256]];
        for (uint value = 0; value < 256; value++)
        {
            uint crc = value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ Polynomial : crc >> 1;
            }

            tables[0][value] = crc;
        }

        for (int n = 1; n < 4; n++)
        {
            for (int value = 0; value < 256; value++)
            {
                uint crc = tables[n - 1][value];
                tables[n][value] = tables[0][crc & 255] ^ (crc >> 8);
            }
        }

        return tables;
    }
}
