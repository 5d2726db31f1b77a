namespace YoloZeroCopy.Cuda.Tests;

/// <summary>Writes headers of H.264 and HEVC bit by bit, as an encoder does.</summary>
internal sealed class HeaderWriter
{
    private readonly List<byte> bytes = [];
    private int current;
    private int count;

    public static byte[] Sequence(
        CudaVideoCodec codec, int width, int height, int left, int top, int right, int bottom, int number = 0, int reordered = 0) =>
        codec == CudaVideoCodec.H264
            ? new HeaderWriter().Bits(8, 77).Bits(16, 0).Unsigned(number).Unsigned(0).Unsigned(2).Unsigned(1).Bits(1, 0)
                .Unsigned((width / 16) - 1).Unsigned((height / 16) - 1).Bits(2, 3).Crop(left, right, top, bottom).Bits(1, 0).Unit(0x67)
            : new HeaderWriter().Bits(8, 0).Bits(96, 0).Unsigned(number).Unsigned(1).Unsigned(width).Unsigned(height)
                .Crop(left, right, top, bottom).Unsigned(0).Unsigned(0).Unsigned(4).Bits(1, 1).Unsigned(4).Unsigned(reordered).Unsigned(0)
                .Unit(33 << 1, 1);

    public static byte[] PictureSet(CudaVideoCodec codec, int number, int sequence)
    {
        HeaderWriter writer = new HeaderWriter().Unsigned(number).Unsigned(sequence).Bits(5, 0);
        return codec == CudaVideoCodec.H264 ? writer.Unit(0x68) : writer.Unit(34 << 1, 1);
    }

    /// <summary>The beginning of a slice: of a picture to begin with, or not.</summary>
    public static byte[] Slice(CudaVideoCodec codec, int pictureSet, bool isKey) => codec == CudaVideoCodec.H264
        ? new HeaderWriter().Unsigned(0).Unsigned(7).Unsigned(pictureSet).Bits(16, 0xABCD).Unit((byte)(isKey ? 0x65 : 0x41))
        : new HeaderWriter().Bits(isKey ? 2 : 1, -1).Unsigned(pictureSet).Bits(16, 0xABCD).Unit((byte)((isKey ? 19 : 1) << 1), 1);

    public HeaderWriter Bits(int size, long value)
    {
        for (int i = size - 1; i >= 0; i--)
        {
            current = (current << 1) | (i < 64 ? (int)(value >> i) & 1 : 0);
            if (++count % 8 == 0)
            {
                bytes.Add((byte)current);
                current = 0;
            }
        }

        return this;
    }

    public HeaderWriter Unsigned(long value)
    {
        int size = 64 - (int)long.LeadingZeroCount(value + 1);
        return Bits(size - 1, 0).Bits(size, value + 1);
    }

    public HeaderWriter Signed(int value) => Unsigned(value > 0 ? (2 * value) - 1 : -2 * value);

    public HeaderWriter Crop(int left, int right, int top, int bottom) =>
        Bits(1, 1).Unsigned(left / 2).Unsigned(right / 2).Unsigned(top / 2).Unsigned(bottom / 2);

    /// <summary>The unit with its start code, the given header, and what keeps it from looking like a start code.</summary>
    public byte[] Unit(params byte[] header)
    {
        _ = Bits(1, 1);
        _ = Bits((8 - (count % 8)) % 8, 0);
        List<byte> unit = [0, 0, 1, .. header];
        int zeros = 0;
        foreach (byte value in bytes)
        {
            if (zeros >= 2 && value <= 3)
            {
                unit.Add(3);
                zeros = 0;
            }

            unit.Add(value);
            zeros = value == 0 ? zeros + 1 : 0;
        }

        return [.. unit];
    }
}
