using System.Globalization;
using System.Numerics;
using System.Text.Unicode;

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

    public Fraction Inverse => new(Denominator, Numerator);

    public bool TryFormat(Span<byte> destination, out int written) =>
        Utf8.TryWrite(destination, CultureInfo.InvariantCulture, $"{Numerator}/{Denominator}", out written);
}
