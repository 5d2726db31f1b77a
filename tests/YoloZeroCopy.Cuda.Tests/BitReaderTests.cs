namespace YoloZeroCopy.Cuda.Tests;

/// <summary>Numbers of headers, up to the stop bit and not further.</summary>
public sealed class BitReaderTests
{
    [Fact]
    public void Numbers_are_read_as_they_were_written()
    {
        int[] values = [0, 1, 2, 3, 6, 7, 255, 65_535, 1_000_000_000, int.MaxValue - 1];
        HeaderWriter writer = new();
        foreach (int value in values)
        {
            _ = writer.Unsigned(value).Signed(value / 2).Signed(-(value / 2)).Bits(31, value).Bits(1, value & 1);
        }

        BitReader reader = new(writer.Unit().AsSpan(3));
        foreach (int value in values)
        {
            Assert.Equal(value, reader.Unsigned());
            Assert.Equal((value / 2, -(value / 2)), (reader.Signed(), reader.Signed()));
            Assert.Equal(value, reader.Bits(31));
            Assert.Equal((value & 1) != 0, reader.Flag());
        }

        Assert.False(reader.HasFailed);
        Assert.False(reader.Flag());
        Assert.True(reader.HasFailed);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("00", 0)]
    [InlineData("80", 0)]
    [InlineData("FF", 7)]
    [InlineData("A0", 2)]
    [InlineData("FF80", 8)]
    [InlineData("FF800000", 8)]
    [InlineData("0000030080", 24)]
    [InlineData("00000003000003C0", 41)]
    public void The_last_bit_is_the_one_before_the_stop_bit(string unit, int bits)
    {
        BitReader reader = new(Convert.FromHexString(unit));
        reader.Skip(bits);
        Assert.False(reader.HasFailed);
        Assert.Equal(0, reader.Bits(31));
        Assert.True(reader.HasFailed);
        Assert.Equal((0, 0, false), (reader.Unsigned(), reader.Signed(), reader.Flag()));
    }

    [Theory]
    [InlineData("00000001FFFFFFFFFF")]
    [InlineData("00000300000300000300000001")]
    public void A_number_that_is_too_large_is_none(string unit)
    {
        BitReader reader = new(Convert.FromHexString(unit));
        Assert.Equal(0, reader.Unsigned());
        Assert.True(reader.HasFailed);
    }
}
