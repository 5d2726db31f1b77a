using System.Globalization;
using System.Numerics;

namespace YoloZeroCopy;

/// <summary>A fraction in lowest terms, above zero.</summary>
internal readonly record struct Fraction
{
    public Fraction(int numerator, int denominator)
    {
        int divisor = (int)BigInteger.GreatestCommonDivisor(numerator, denominator);
        Numerator = numerator / divisor;
        Denominator = denominator / divisor;
    }

    public int Numerator { get; }

    public int Denominator { get; }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Numerator}/{Denominator}");
}
