namespace YoloZeroCopy.Tests;

public class HalfToSingleTests
{
    [Fact]
    public void Converts_every_half_as_the_framework_does()
    {
        ushort[] halves = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        float[] floats = new float[halves.Length];
        HalfToSingle.Convert(halves, floats);
        for (int i = 0; i < halves.Length; i++)
        {
            float wanted = (float)BitConverter.UInt16BitsToHalf(halves[i]);
            // NaN stays NaN with its sign; whether it is quiet is nobody's business here.
            bool same = float.IsNaN(wanted)
                ? float.IsNaN(floats[i]) && float.IsNegative(wanted) == float.IsNegative(floats[i])
                : BitConverter.SingleToInt32Bits(wanted) == BitConverter.SingleToInt32Bits(floats[i]);
            Assert.True(same, $"Half 0x{i:X4}: {floats[i]}, wanted {wanted}.");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(31)]
    public void Writes_exactly_as_many_as_it_reads(int count)
    {
        ushort[] halves = [.. Enumerable.Range(1, count).Select(value => BitConverter.HalfToUInt16Bits((Half)value))];
        float[] floats = new float[count + 3];
        floats.AsSpan().Fill(-1);
        HalfToSingle.Convert(halves, floats);
        Assert.Equal(Enumerable.Range(1, count).Select(value => (float)value).Concat([-1f, -1f, -1f]), floats);
        if (count > 0)
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => HalfToSingle.Convert(halves, floats.AsSpan(0, count - 1)));
        }
    }
}
