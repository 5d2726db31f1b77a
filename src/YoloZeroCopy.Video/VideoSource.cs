namespace YoloZeroCopy;

/// <summary>What a <see cref="VideoReader"/> reads, as ffmpeg is told.</summary>
/// <param name="Name">As messages name it: the path or URL without credentials.</param>
/// <param name="Arguments">ffmpeg's, up to the input.</param>
/// <param name="Credentials">Those of the URL; null where it has none.</param>
/// <param name="EndsByItself">True for what has an end even where nobody says how long it is: files, and what HTTP gives.</param>
internal sealed record VideoSource(string Name, string[] Arguments, string? Credentials, bool EndsByItself)
{
    private const string SchemeEnd = "://";
    private const string CameraPrefix = "/dev/video";
    private static readonly string[] Rtsp = ["rtsp", "rtsps"];
    private static readonly string[] Ending = ["http", "https", "ftp", "sftp", "file"];

    /// <summary>Finds out what a path is.</summary>
    /// <param name="path">A file, a camera or a URL.</param>
    /// <param name="allowUrl">Whether it may be a URL.</param>
    /// <exception cref="MediaException">There is no such file.</exception>
    public static VideoSource Of(string path, bool allowUrl)
    {
        int schemeEnd = path.IndexOf(SchemeEnd, StringComparison.Ordinal);
        if (allowUrl && schemeEnd >= 0)
        {
            return OfUrl(path, path[..schemeEnd].ToLowerInvariant());
        }

        string name = UrlCredentials.Hide(path, UrlCredentials.Of(path));
        if (!File.Exists(path))
        {
            throw new MediaException(name, Directory.Exists(path) ? "is a folder, not a video." : "there is no such file.");
        }

        string full = Path.GetFullPath(path);
        string target = File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        return OperatingSystem.IsLinux() && target.StartsWith(CameraPrefix, StringComparison.Ordinal)
            ? OfCamera(name, target)
            : new VideoSource(name, ["-protocol_whitelist", "file", "-i", "file:" + full], Credentials: null, EndsByItself: true);
    }

    /// <summary>A camera of this machine.</summary>
    public static VideoSource OfCamera(string name, string device) => new(name, ["-f", "v4l2", "-i", device], Credentials: null, EndsByItself: false);

    // RTSP loses no packets where the server lets them go through the connection, and goes on without where it does not.
    private static VideoSource OfUrl(string url, string scheme)
    {
        string? credentials = UrlCredentials.Of(url);
        string[] transport = Rtsp.Contains(scheme) ? ["-rtsp_flags", "prefer_tcp"] : [];
        return new VideoSource(UrlCredentials.Hide(url, credentials), [.. transport, "-i", url], credentials, Ending.Contains(scheme));
    }
}
