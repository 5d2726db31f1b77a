using System.Text.RegularExpressions;

namespace YoloZeroCopy;

/// <summary>Keeps the credentials of a camera's address out of messages, which end in logs.</summary>
internal static partial class UrlCredentials
{
    /// <summary>Replaces user and password, and what a query calls a password, by three stars in every address of a text.</summary>
    public static string Hide(string text) => Parameter().Replace(UserInfo().Replace(text, "***"), "***");

    // Up to the last @ of the authority, as ffmpeg reads it: a password may hold one.
    [GeneratedRegex(@"(?<=[a-z][a-z0-9+.-]*://)[^/?#\s'""]+(?=@)", RegexOptions.IgnoreCase)]
    private static partial Regex UserInfo();

    // Cameras take them in the path, too: rtsp://host/user=admin&password=secret. A colon behind an address is the message's own.
    [GeneratedRegex(@"(?<=\b(?:password|passwd|pwd|token|secret)=)[^&\s'""]+?(?=:?(?:[&\s'""]|$))", RegexOptions.IgnoreCase)]
    private static partial Regex Parameter();
}
