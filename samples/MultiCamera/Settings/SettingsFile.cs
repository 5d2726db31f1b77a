using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using YoloZeroCopy;
using IoPath = System.IO.Path;

namespace MultiCamera.Settings;

/// <summary>The JSON file, as it was read once.</summary>
internal sealed class SettingsFile
{
    // A camera of a hundred zones takes some kilobytes.
    private const int MaxBytes = 16 << 20;

    // What the serializer says of the place, which is said here in another way.
    private static readonly SearchValues<string> Places = SearchValues.Create([" Path: ", " LineNumber: "], StringComparison.Ordinal);

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        NumberHandling = JsonNumberHandling.Strict,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    private readonly JsonLines lines;

    private SettingsFile(string path, string text, SiteSettings site, JsonLines lines)
    {
        (Path, Text, Site, this.lines) = (path, text, site, lines);
    }

    public static JsonReaderOptions ReaderOptions => new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    public string Path { get; }

    /// <summary>What stands in it.</summary>
    public string Text { get; }

    public SiteSettings Site { get; }

    /// <summary>Reads and checks the file. What it names, such as the model, is looked for from the file's own folder.</summary>
    /// <exception cref="SettingsException">It cannot be read, is not JSON, or is not as it must be.</exception>
    public static SettingsFile Read(string path)
    {
        string text = ReadAll(path);
        try
        {
            JsonLines lines = new(Encoding.UTF8.GetBytes(text));
            SiteSettings site = JsonSerializer.Deserialize<SiteSettings>(text, Options) ?? throw new JsonException("the file says null");
            SettingsFile file = new(path, text, site.LocatedIn(IoPath.GetDirectoryName(IoPath.GetFullPath(path))!), lines);
            file.ThrowIfAny(file.Site.Check());
            return file;
        }
        catch (JsonException error)
        {
            throw new SettingsException(Describe(path, error), error);
        }
    }

    /// <summary>Compares the cameras with what the detector can.</summary>
    /// <param name="classes">The model's classes.</param>
    /// <param name="hasGpu">Whether it runs on a GPU.</param>
    /// <exception cref="SettingsException">A rule names a class that the model does not have, or the GPU is to decode where there is
    /// none.</exception>
    public void ThrowIfUnfit(IReadOnlyCollection<string> classes, bool hasGpu)
    {
        ThrowIfAny(
            from camera in Site.Cameras.Index()
            where camera.Item.Decoding == VideoDecoding.Gpu && !hasGpu
            select ($"cameras[{camera.Index}].decoding", "is gpu, and the detector runs on the processor; wanted is auto or cpu"));
        ThrowIfAny(
            from camera in Site.Cameras.Index()
            from rule in camera.Item.Rules.Index()
            from name in rule.Item.Classes.Index()
            where !classes.Contains(name.Item)
            select ($"cameras[{camera.Index}].rules[{rule.Index}].classes[{name.Index}]",
                $"is '{name.Item}'; the model's classes are {string.Join(", ", classes)}"));
    }

    /// <summary>Whether two parts of the settings say the same.</summary>
    public static bool AreSame<T>(T one, T other) => JsonSerializer.Serialize(one, Options) == JsonSerializer.Serialize(other, Options);

    /// <summary>What stands in a file; null where it cannot be read, as while an editor puts another in its place.</summary>
    public static string? TryReadText(string path)
    {
        try
        {
            return ReadAll(path);
        }
        catch (SettingsException)
        {
            return null;
        }
    }

    private static string ReadAll(string path)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: > MaxBytes } large
                ? throw new SettingsException($"{path} has {large.Length} bytes; at most {MaxBytes} are read.")
                : File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(error.Message, error);
        }
    }

    private static string Describe(string path, JsonException error)
    {
        string message = error.Message;
        int end = message.AsSpan().IndexOfAny(Places);
        string field = error.Path is { Length: > 2 } where ? $"{where[2..]}: " : "";
        return $"{path}, line {(error.LineNumber ?? 0) + 1}: {field}{(end < 0 ? message : message[..end])}";
    }

    private void ThrowIfAny(IEnumerable<(string Field, string Problem)> problems)
    {
        string message = string.Join(
            Environment.NewLine, problems.Select(problem => $"{Path}, line {lines.Of(problem.Field)}: {problem.Field} {problem.Problem}"));
        if (message.Length > 0)
        {
            throw new SettingsException(message);
        }
    }
}
