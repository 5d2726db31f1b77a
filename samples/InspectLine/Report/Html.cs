using System.Net;

namespace InspectLine;

/// <summary>Small helpers for HTML and SVG text.</summary>
internal static class Html
{
    /// <summary>Text as it may stand between tags and in quoted attributes. Whatever comes from a file goes through here.</summary>
    public static string Text(string text) => WebUtility.HtmlEncode(text);

    public static string Join<T>(IEnumerable<T> items, Func<T, string> html) => string.Join('\n', items.Select(html));

    /// <summary>A coordinate in an SVG picture.</summary>
    public static string Number(double value) => value.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture);
}
