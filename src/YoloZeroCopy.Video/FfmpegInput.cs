using System.Text;

namespace YoloZeroCopy;

/// <summary>What a video is read from, as ffmpeg is told.</summary>
/// <param name="Name">As messages name it: the path or URL without credentials.</param>
/// <param name="Arguments">ffmpeg's, up to the input.</param>
internal sealed record FfmpegInput(string Name, string[] Arguments)
{
    // Of pictures, which have no time.
    private const double PicturesASecond = 25;
    private const string SchemeEnd = "://";
    private const string CameraPrefix = "/dev/video";
    private const string CameraLinks = "/dev/v4l/";
    private static readonly string[] Rtsp = ["rtsp", "rtsps"];
    private static readonly string[] Http = ["http", "https"];
    private static readonly string[] Ending = [.. Http, "ftp", "sftp", "file"];
    private static readonly string[] JpegEndings = [".jpg", ".jpeg"];
    private static readonly string[] OtherEndings = [".png", ".bmp", ".webp"];

    // For an answer in a quarter of a second instead of a whole one: what the server says of the stream is believed.
    private static readonly (string Name, string Value)[] Quick = [("probesize", "32"), ("analyzeduration", "0")];

    /// <summary>The URL as it was given; null where there is none.</summary>
    public string? Url { get; init; }

    /// <summary>Frames a second, where ffmpeg does not say; 0 where it may.</summary>
    public double FrameRate { get; init; }

    /// <summary>What ffmpeg reads from its standard input; null for nothing.</summary>
    public string? Script { get; init; }

    /// <summary>Finds out what a path is.</summary>
    /// <param name="path">A file, a folder of pictures, a camera or a URL.</param>
    /// <param name="options">Whether it may be a URL, and is live.</param>
    /// <param name="program">The ffmpeg that is to read it.</param>
    /// <param name="isQuick">Whether a stream is to be read without looking into it first.</param>
    /// <exception cref="MediaException">There is no such file, or folder with pictures, or camera.</exception>
    public static FfmpegInput Of(string path, VideoReaderOptions options, FfmpegProgram program, bool isQuick = false)
    {
        string name = UrlCredentials.Name(path);
        if (SchemeOf(path, options) is string scheme)
        {
            return OfUrl(name, path, scheme, options, program, isQuick);
        }

        if (IsCamera(path))
        {
            return File.Exists(path) ? OfCamera(name, path, options.ReadsPackets) : throw new MediaException(name, "there is no such camera.");
        }

        string full = Path.GetFullPath(path);
        return Directory.Exists(full) ? OfFolder(name, full)
            : File.Exists(full) ? new FfmpegInput(name, ["-protocol_whitelist", "file", "-i", "file:" + full])
            : throw new MediaException(name, "there is no such file.");
    }

    /// <summary>True for what has an end even where nobody says how long it is: files, and what HTTP gives.</summary>
    public static bool EndsByItself(string path, VideoReaderOptions options) =>
        SchemeOf(path, options) is string scheme ? Ending.Contains(scheme) : !IsCamera(path);

    /// <summary>Whether it is read over RTSP, whose server says what the stream is.</summary>
    public static bool IsRtsp(string path, VideoReaderOptions options) => SchemeOf(path, options) is string scheme && Rtsp.Contains(scheme);

    /// <summary>A camera of this machine, whose packets are JPEG.</summary>
    public static FfmpegInput OfCamera(string name, string device, bool readsPackets) =>
        new(name, ["-f", "v4l2", .. readsPackets ? (string[])["-input_format", "mjpeg"] : [], "-i", device]);

    private static string? SchemeOf(string path, VideoReaderOptions options)
    {
        int end = path.IndexOf(SchemeEnd, StringComparison.Ordinal);
        return options.AllowUrl && end >= 0 ? path[..end].ToLowerInvariant() : null;
    }

    // Also one that is not there now: it may be plugged in again.
    private static bool IsCamera(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        string full = Path.GetFullPath(path);
        string target = File.Exists(full) ? File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full : full;
        return target.StartsWith(CameraPrefix, StringComparison.Ordinal) || target.StartsWith(CameraLinks, StringComparison.Ordinal);
    }

    // Credentials go through a pipe, as a list with one entry, so that the machine's table of processes does not show them. Of an HTTP file such a
    // list would hide the length, too.
    private static FfmpegInput OfUrl(string name, string url, string scheme, VideoReaderOptions options, FfmpegProgram program, bool isQuick)
    {
        bool isRtsp = Rtsp.Contains(scheme);
        List<(string Name, string Value)> settings = [];
        if (isRtsp)
        {
            // RTSP loses no packets where the server lets them go through the connection, and goes on without where it does not.
            settings.Add(("rtsp_flags", "prefer_tcp"));
        }

        if (isRtsp && isQuick)
        {
            settings.AddRange(Quick);
        }

        bool mayBeList = program.ListsTakeOptions && (isRtsp || (options.IsLive == true && Http.Contains(scheme)));
        if (name == url || !mayBeList)
        {
            string[] given = [.. settings.SelectMany(static setting => (string[])["-" + setting.Name, setting.Value])];
            return new FfmpegInput(name, [.. given, "-i", url]) { Url = url };
        }

        StringBuilder script = new($"ffconcat version 1.0\nfile {Quote(name, url)}\n");
        foreach ((string option, string value) in settings)
        {
            _ = script.Append("option ").Append(option).Append(' ').Append(value).Append('\n');
        }

        // The outer input is the list itself, which needs no look.
        string[] arguments =
        [
            "-probesize", "32", "-analyzeduration", "0", "-f", "concat", "-safe", "0",
            "-protocol_whitelist", "pipe,tcp,udp,rtp,rtsp,rtsps,tls,http,https,httpproxy,crypto", "-i", "pipe:0",
        ];
        return new FfmpegInput(name, arguments) { Url = url, Script = script.ToString() };
    }

    // Pictures of one codec, as ffmpeg reads lists, in the order of their names.
    private static FfmpegInput OfFolder(string name, string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(folder).Where(IsPicture).Order(StringComparer.Ordinal)];
        if (files.Length == 0)
        {
            throw new MediaException(name, "the folder has no pictures (JPEG, PNG, BMP, WebP).");
        }

        string[] kinds = [.. files.Select(KindOf).Distinct()];
        if (kinds.Length > 1)
        {
            throw new MediaException(name, $"the folder has pictures of several kinds ({string.Join(", ", kinds)}); those of one kind are read.");
        }

        StringBuilder script = new("ffconcat version 1.0\n");
        foreach (string file in files)
        {
            _ = script.Append("file ").Append(Quote(name, "file:" + file)).Append("\nduration 0.04\n");
        }

        return new FfmpegInput(name, ["-f", "concat", "-safe", "0", "-protocol_whitelist", "pipe,file", "-i", "pipe:0"])
        {
            Script = script.ToString(),
            FrameRate = PicturesASecond,
        };

        static bool IsPicture(string file) => JpegEndings.Contains(KindOf(file)) || OtherEndings.Contains(KindOf(file));
        static string KindOf(string file)
        {
            string ending = Path.GetExtension(file).ToLowerInvariant();
            return JpegEndings.Contains(ending) ? JpegEndings[0] : ending;
        }
    }

    private static string Quote(string name, string text) => text.AsSpan().IndexOfAny('\n', '\r', '\0') < 0
        ? "'" + text.Replace("'", @"'\''", StringComparison.Ordinal) + "'"
        : throw new MediaException(name, "a name with a line break in it is not read.");
}
