using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>An ffmpeg program, and what its version decides.</summary>
/// <param name="Executable">The program's file.</param>
/// <param name="Version">As the program names itself: a release, or the mark of whoever built it.</param>
/// <param name="FormatVersion">Version of its libavformat, which every build has: 59.27 is that of release 5.1.</param>
internal sealed record FfmpegProgram(string Executable, string Version, Version FormatVersion)
{
    public const string Name = "ffmpeg";
    public const string Variable = "YZC_FFMPEG";

    private static readonly Version Release44 = new(58, 76);
    private static readonly Version Release51 = new(59, 27);
    private static readonly Version Release61 = new(60, 16);

    // An answer takes tens of milliseconds. A program is asked once, until its file changes.
    private static readonly ConcurrentDictionary<(string Path, DateTime Written), FfmpegProgram> Known = [];
    private const int MaxAnswer = 1 << 16;
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(30);

    /// <summary>Arguments that give every frame once, whatever its time stamp: the option was renamed in release 5.1, and the old name is to
    /// go.</summary>
    public string[] EveryFrame => FormatVersion >= Release51 ? ["-fps_mode", "passthrough"] : ["-vsync", "passthrough"];

    /// <summary>Arguments that keep the time base of what is read, and with it every time stamp as it is: the value was renamed in release 6.1, and
    /// the old name is to go.</summary>
    public string[] SourceTimeBase => ["-enc_time_base", FormatVersion >= Release61 ? "demux" : "-1"];

    /// <summary>Arguments that give packets the time stamps that NUT takes: none below zero, and none missing, as the first of a camera with B-frames
    /// is; of a bare stream, which has none, ffmpeg's count of frames. Times of decoding, which NUT does not have and ffmpeg guesses of a camera, are
    /// out of the way, since it moves frames by them. The filter came with release 4.4; before, all times are moved up, and such a camera cannot be
    /// read.</summary>
    public string[] PacketTimes => FormatVersion >= Release44
        ? ["-avoid_negative_ts", "disabled", "-bsf:v", @"setts=pts=max(if(lt(PTS\,-1e18)\,DTS\,PTS)\,0):dts=N-1000"]
        : [];

    /// <summary>Whether a list of inputs may set options of its entries: so in release 5.1, and not in 4.1, with which it was tried.</summary>
    public bool ListsTakeOptions => FormatVersion >= Release51;

    /// <summary>Whether an MP4 file of a varying rate shows its last frame. Tried with release 5.1, and with 4.1, whose file ends where the decoder
    /// takes the last frame and not where it is shown, and at once where the unit of time is short.</summary>
    public bool KeepsLastFrame => FormatVersion >= Release51;

    /// <summary>Finds the program (option, <c>YZC_FFMPEG</c>, PATH, the application's <c>runtimes/</c>) and asks its version.</summary>
    /// <param name="option">What the caller asked for; no other place is tried then.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <exception cref="NativeLibraryException">It is in none of the places, which the message lists; or it cannot be started, or gives no
    /// version.</exception>
    public static async Task<FfmpegProgram> OpenAsync(string? option, CancellationToken cancellationToken)
    {
        string path = Find(option);
        (string, DateTime) key = (path, File.GetLastWriteTimeUtc(path));
        if (!Known.TryGetValue(key, out FfmpegProgram? program))
        {
            (string text, string log) = await AskVersionAsync(path, cancellationToken).ConfigureAwait(false);
            program = Parse(path, text, log);
            Known[key] = program;
        }

        return program;
    }

    /// <summary>Path of the program.</summary>
    public static string Find(string? option) =>
        Find(option, Environment.GetEnvironmentVariable(Variable), AppContext.BaseDirectory, Environment.GetEnvironmentVariable("PATH"));

    internal static string Find(string? option, string? variable, string applicationFolder, string? searchPath)
    {
        if (!string.IsNullOrEmpty(option))
        {
            return File.Exists(option) ? option : throw NotFound($"the option names '{option}', which is no file");
        }

        if (!string.IsNullOrEmpty(variable))
        {
            return File.Exists(variable) ? variable : throw NotFound($"the variable {Variable} names '{variable}', which is no file");
        }

        string file = OperatingSystem.IsWindows() ? Name + ".exe" : Name;
        foreach (string folder in (searchPath ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            string candidate = Path.Combine(folder, file);
            if (Path.IsPathFullyQualified(candidate) && File.Exists(candidate))
            {
                return candidate;
            }
        }

        string bundled = Path.Combine(applicationFolder, "runtimes", Rid(), "native", file);
        return File.Exists(bundled)
            ? bundled
            : throw NotFound($"tried: option (not set), variable {Variable} (not set), every folder of PATH ('{searchPath}'), and '{bundled}'");
    }

    /// <summary>Reads what <c>ffmpeg -version</c> prints.</summary>
    /// <exception cref="NativeLibraryException">The text is not ffmpeg's.</exception>
    internal static FfmpegProgram Parse(string path, string text, string log = "")
    {
        string[] lines = text.Split('\n', StringSplitOptions.TrimEntries);
        string[] first = lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (first is ["ffmpeg", "version", string version, ..] && FindFormatVersion(lines) is Version format)
        {
            return new FfmpegProgram(path, version, format);
        }

        string given = text.Length == 0 ? "nothing" : $"'{lines[0][..Math.Min(lines[0].Length, 200)]}'";
        string said = log.Length == 0 ? "" : $" It said: {log}";
        throw new NativeLibraryException(
            Name, $"'{path}' is not ffmpeg: asked for -version it gives {given}, not its name and that of libavformat.{said}");
    }

    /// <summary>For messages: version and path.</summary>
    public override string ToString() => $"{Name} {Version} ('{Executable}')";

    // "libavformat    59. 27.100 / 59. 27.100": the version it was built with, and the one it runs with, which counts.
    private static Version? FindFormatVersion(string[] lines)
    {
        const string Library = "libavformat ";
        if (Array.Find(lines, static line => line.StartsWith(Library, StringComparison.Ordinal)) is not string line)
        {
            return null;
        }

        string[] numbers =
            line[(line.LastIndexOf('/') + 1)..].Replace(Library, "", StringComparison.Ordinal).Split('.', StringSplitOptions.TrimEntries);
        return numbers.Length >= 2
            && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
            ? new Version(major, minor)
            : null;
    }

    private static async Task<(string Text, string Log)> AskVersionAsync(string path, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(AnswerLimit);
        FfmpegProcess process = FfmpegProcess.Start(path, ["-version"]);
        string answer;
        try
        {
            using StreamReader reader = new(process.Output);
            char[] text = new char[MaxAnswer];
            int length = await reader.ReadBlockAsync(text, limit.Token).ConfigureAwait(false);
            answer = new string(text, 0, length);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new NativeLibraryException(Name, $"'{path}' gave no version in {AnswerLimit.TotalSeconds} seconds.", error);
        }
        finally
        {
            process.Kill();
            _ = await process.WaitAsync().ConfigureAwait(false);
            process.Dispose();
        }

        return (answer, process.Log.Tail);
    }

    private static NativeLibraryException NotFound(string tried) =>
        new(Name, $"the program was not found; {tried}. Video needs it: install ffmpeg (a separate program under its own licence) "
            + $"or name one by the option or {Variable}.");

    private static string Rid()
    {
        string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        string machine = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.Arm64 => "arm64",
            Architecture.X86 => "x86",
            Architecture.Arm => "arm",
            _ => "x64",
        };
        return $"{system}-{machine}";
    }
}
