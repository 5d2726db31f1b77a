using System.Globalization;

namespace YoloZeroCopy.Results;

/// <summary>Numbers as a table shows them.</summary>
internal static class Numbers
{
    private const double Thousand = 1000;

    /// <summary>A figure with its unit, and what it was measured to vary by where that is more than nothing.</summary>
    public static string Text(Figure figure)
    {
        if (figure.Unit is "ns" or "us" or "ms")
        {
            string text = Time(figure.Value, figure.Unit);
            return figure.Deviation is double deviation && figure.Value > 0
                ? string.Create(CultureInfo.InvariantCulture, $"{text} ± {100 * deviation / figure.Value:0} %")
                : text;
        }

        return Short(figure.Value);
    }

    /// <summary>A time in the unit in which it is at least 1.</summary>
    public static string Time(double value, string unit)
    {
        string[] units = ["ns", "us", "ms", "s"];
        int at = Array.IndexOf(units, unit);
        while (value >= Thousand && at < units.Length - 1)
        {
            value /= Thousand;
            at++;
        }

        return $"{Short(value)} {units[at]}";
    }

    /// <summary>Three digits, or all before the point.</summary>
    public static string Short(double value) => Math.Abs(value) switch
    {
        0 => "0",
        < 0.0005 => "0.000",
        < 1 => value.ToString("0.###", CultureInfo.InvariantCulture),
        < 9.995 => value.ToString("0.00", CultureInfo.InvariantCulture),
        < 99.95 => value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.ToString("#,##0", CultureInfo.InvariantCulture),
    };

    /// <summary>A ratio.</summary>
    public static string Ratio(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    public static string Percent(double value) => value.ToString("0.0", CultureInfo.InvariantCulture) + " %";
}
