using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary>
/// What <c>--input</c> names: files, folders, patterns, URLs, cameras and standard input, in the order they are given; files of a folder by ordinal
/// name, then its folders where they are asked for.
/// </summary>
internal sealed class InputList
{
    /// <summary>How an input says that it is standard input.</summary>
    public const string StandardInput = "-";

    private const string UrlMark = "://";
    private const string CameraPrefix = "/dev/video";
    private const string CameraLinks = "/dev/v4l/";
    private const int MaxCameraDigits = 3;

    private readonly bool recursive;
    private readonly Action<string> failed;
    private readonly List<(string Name, InputItem Item)> found = [];
    private readonly List<string> skipped = [];

    private InputList(bool recursive, Action<string> failed)
    {
        this.recursive = recursive;
        this.failed = failed;
    }

    public IReadOnlyList<InputItem> Items { get; private set; } = [];

    /// <summary>Files of folders and patterns that are neither pictures nor videos.</summary>
    public IReadOnlyList<string> Skipped => skipped;

    /// <summary>Finds the inputs. What leads to none is told to <paramref name="failed"/>, and the others go on.</summary>
    public static InputList Expand(IEnumerable<string> inputs, bool recursive, Action<string> failed)
    {
        InputList list = new(recursive, failed);
        foreach (string input in inputs)
        {
            list.Add(input);
        }

        IEnumerable<IGrouping<string, string>> names = list.found.GroupBy(static one => one.Name, static one => one.Name, StringComparer.Ordinal);
        HashSet<string> shared = [.. names.Where(static group => group.Count() > 1).Select(static group => group.Key)];
        list.Items = [.. list.found.Select(one => one.Item with { Source = shared.Contains(one.Name) ? one.Item.Source : one.Name })];
        return list;
    }

    /// <summary>Whether an input is a file, a folder or a pattern of such, by its looks.</summary>
    public static bool IsPath(string input) => input != StandardInput && !input.Contains(UrlMark, StringComparison.Ordinal);

    private void Add(string input)
    {
        if (input == StandardInput)
        {
            AddStandardInput();
        }
        else if (Directory.Exists(input))
        {
            AddFolder(input);
        }
        else if (CameraOf(input) is string camera)
        {
            found.Add((camera, new InputItem(camera, camera, InputKind.Video) { Origin = InputOrigin.Camera }));
        }
        else if (File.Exists(input))
        {
            if (!TryAddFile(input))
            {
                failed($"'{input}' is neither a picture ({FileKind.Pictures}) nor named like a video ({FileKind.Videos}).");
            }
        }
        else if (input.Contains(UrlMark, StringComparison.Ordinal))
        {
            AddUrl(input);
        }
        else if (PathPattern.IsPattern(input))
        {
            AddPattern(input);
        }
        else
        {
            failed($"input '{input}' does not exist.");
        }
    }

    private void AddStandardInput()
    {
        if (found.Exists(static one => one.Item.Origin == InputOrigin.StandardInput))
        {
            failed("standard input ('-') can be read once only.");
            return;
        }

        found.Add((StandardInput, new InputItem(StandardInput, StandardInput, InputKind.Picture) { Origin = InputOrigin.StandardInput }));
    }

    private void AddUrl(string url)
    {
        string shown = UrlCredentials.Name(url);
        bool isPicture = Uri.TryCreate(url, UriKind.Absolute, out Uri? address)
            && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps)
            && FileKind.IsPictureName(address.AbsolutePath);
        found.Add((shown, new InputItem(url, shown, isPicture ? InputKind.Picture : InputKind.Video) { Origin = InputOrigin.Url }));
    }

    private void AddPattern(string pattern)
    {
        IReadOnlyCollection<string> files = PathPattern.Find(pattern, failed);
        if (!AddFiles(files))
        {
            failed(files.Count == 0
                ? $"no file matches '{pattern}'."
                : $"none of the {files.Count} files that match '{pattern}' is a picture ({FileKind.Pictures}) or a video.");
        }
    }

    private void AddFolder(string folder)
    {
        int before = found.Count;
        AddFilesOf(folder);
        if (found.Count == before)
        {
            string where = recursive ? "holds, in its folders too," : "holds";
            failed($"folder '{folder}' {where} no pictures ({FileKind.Pictures}) and no videos.");
        }
    }

    private void AddFilesOf(string folder)
    {
        string[] files;
        string[] folders;
        try
        {
            files = Directory.GetFiles(folder);
            folders = recursive ? Directory.GetDirectories(folder) : [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            failed($"folder '{folder}' cannot be read: {error.Message}");
            return;
        }

        Array.Sort(files, StringComparer.Ordinal);
        AddFiles(files);
        Array.Sort(folders, StringComparer.Ordinal);
        foreach (string inner in folders)
        {
            // A link may lead back up, and what begins with a dot belongs to some program.
            if (new DirectoryInfo(inner).LinkTarget is null && Path.GetFileName(inner)[0] != '.')
            {
                AddFilesOf(inner);
            }
        }
    }

    private bool AddFiles(IEnumerable<string> files)
    {
        bool any = false;
        foreach (string file in files)
        {
            if (TryAddFile(file))
            {
                any = true;
            }
            else if (Path.GetFileName(file)[0] != '.')
            {
                skipped.Add(file);
            }
        }

        return any;
    }

    private bool TryAddFile(string path)
    {
        string name = Path.GetFileName(path);
        try
        {
            if (FileKind.Of(path) is not InputKind kind)
            {
                return false;
            }

            found.Add((name, new InputItem(path, path, kind)));
        }
        catch (MediaException error)
        {
            found.Add((name, new InputItem(path, path, InputKind.Picture) { Frames = 1, Failure = error }));
        }

        return true;
    }

    // A number is a camera's, as long as no file has that name.
    private static string? CameraOf(string input)
    {
        bool isNumber = input.Length is > 0 and <= MaxCameraDigits && input.All(char.IsAsciiDigit) && !File.Exists(input);
        if (isNumber)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{CameraPrefix}{int.Parse(input, CultureInfo.InvariantCulture)}");
        }

        bool isDevice = input.StartsWith(CameraPrefix, StringComparison.Ordinal) || input.StartsWith(CameraLinks, StringComparison.Ordinal);
        return isDevice ? input : null;
    }
}
