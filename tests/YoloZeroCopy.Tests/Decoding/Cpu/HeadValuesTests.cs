namespace YoloZeroCopy.Tests;

public sealed class HeadValuesTests
{
    [Fact]
    public void The_exponential_is_within_one_unit_of_the_last_place()
    {
        // Every half, and many floats in between.
        double worst = 0;
        for (int bits = 0; bits < 0x10000; bits++)
        {
            Half half = BitConverter.UInt16BitsToHalf((ushort)bits);
            if (Half.IsFinite(half))
            {
                worst = Math.Max(worst, UnitsOff((float)half));
            }
        }

        for (float x = -105; x < 90; x += 1f / 1021)
        {
            worst = Math.Max(worst, UnitsOff(x));
        }

        Assert.InRange(worst, 0.5, 1);
    }

    [Fact]
    public void The_exponential_has_its_ends_and_keeps_what_is_no_number()
    {
        Assert.Equal(1, HeadValues.Exp(0));
        Assert.Equal(1, HeadValues.Exp(-0f));
        Assert.Equal(0, HeadValues.Exp(float.NegativeInfinity));
        Assert.Equal(0, HeadValues.Exp(-65504));
        Assert.Equal(float.PositiveInfinity, HeadValues.Exp(65504));
        Assert.Equal(float.PositiveInfinity, HeadValues.Exp(float.PositiveInfinity));
        Assert.True(float.IsNaN(HeadValues.Exp(float.NaN)));
        Assert.Equal(0.5f, HeadValues.Score(0));
        Assert.Equal(0, HeadValues.Score(-65504));
        Assert.Equal(1, HeadValues.Score(65504));
    }

    private static double UnitsOff(float x)
    {
        double exact = Math.Exp(x);
        float got = HeadValues.Exp(x);
        if (exact > float.MaxValue)
        {
            return float.IsPositiveInfinity(got) || got == float.MaxValue ? 0 : double.PositiveInfinity;
        }

        float near = (float)exact;
        return Math.Abs(got - exact) / (near == float.MaxValue ? near - MathF.BitDecrement(near) : MathF.BitIncrement(near) - (double)near);
    }
}
