using System.Text;
using System.Text.RegularExpressions;

namespace YoloZeroCopy;

/// <summary>Keeps the credentials of URLs, <c>scheme://user:password@host</c> or <c>scheme://host/user=name&amp;password=word</c>, out of messages
/// and kept log lines.</summary>
internal static partial class UrlCredentials
{
    private const string SchemeEnd = "://";
    private const string Hidden = "***";

    // What ends a URL's host in running text. In a URL alone only the first three do, so that a password may hold the others.
    private const string EndInText = "/?#'\"<>|\\ \t\r\n";
    private const string EndInUrl = "/?#";

    /// <summary>A URL with its credentials replaced, whatever characters they have.</summary>
    public static string Name(string url) => ParameterOfUrl().Replace(Of(url) is string user ? ReplaceUser(url, user) : url, Hidden);

    /// <summary>The text with the credentials of every URL in it replaced.</summary>
    /// <param name="text">Text with URLs in it.</param>
    /// <param name="url">The URL that the text is about; null where there is none.</param>
    public static string Hide(string text, string? url)
    {
        if (url is not null)
        {
            text = text.Replace(url, Name(url), StringComparison.Ordinal);
            text = Of(url) is string user ? ReplaceUser(text, user) : text;
        }

        int from = 0;
        StringBuilder? result = null;
        while (Find(text, from, EndInText) is (int start, int length))
        {
            result = (result ?? new StringBuilder(text.Length)).Append(text, from, start - from).Append(Hidden);
            from = start + length;
        }

        return Parameter().Replace(result is null ? text : result.Append(text, from, text.Length - from).ToString(), Hidden);
    }

    /// <summary>The same for the beginning of a longer text: a URL whose host has not begun, as far as one can see, may end within its password, and
    /// is left out.</summary>
    public static string HideInCut(string text, string? url)
    {
        int last = text.LastIndexOf(SchemeEnd, StringComparison.Ordinal);
        bool isWhole = last < 0 || text.AsSpan(last + SchemeEnd.Length).ContainsAny(EndInUrl);
        return Hide(isWhole ? text : text[..(last + SchemeEnd.Length)] + "...", url);
    }

    // What stands before the @ of a URL.
    private static string? Of(string url) => Find(url, 0, EndInUrl) is (int start, int length) ? url.Substring(start, length) : null;

    private static string ReplaceUser(string text, string user) => text.Replace(user + "@", Hidden + "@", StringComparison.Ordinal);

    [GeneratedRegex(@"(?<=\b(?:password|passwd|pwd|token|secret)=)[^&]+", RegexOptions.IgnoreCase)]
    private static partial Regex ParameterOfUrl();

    // A colon behind it is not the word's: a message goes on there.
    [GeneratedRegex(@"(?<=\b(?:password|passwd|pwd|token|secret)=)[^&\s'""]+?(?=:?(?:[&\s'""]|$))", RegexOptions.IgnoreCase)]
    private static partial Regex Parameter();

    // The last @ of a host counts: ffmpeg takes a password with an @ in it.
    private static (int Start, int Length)? Find(string text, int from, string ends)
    {
        while (true)
        {
            int mark = text.IndexOf(SchemeEnd, from, StringComparison.Ordinal);
            if (mark < 0)
            {
                return null;
            }

            int start = mark + SchemeEnd.Length;
            int end = text.AsSpan(start).IndexOfAny(ends);
            int length = text.AsSpan(start, end < 0 ? text.Length - start : end).LastIndexOf('@');
            if (length >= 0)
            {
                return (start, length);
            }

            from = start;
        }
    }
}
