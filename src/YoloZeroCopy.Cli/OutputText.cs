using System.Text;

namespace YoloZeroCopy.Cli;

/// <summary>A text that a command writes to a file: all of it or nothing.</summary>
internal static class OutputText
{
    /// <summary>Fails with exit code 5 where <see cref="Write"/> would: before what takes its time. Nothing happens without a path.</summary>
    public static void ThrowIfNotWritable(string? path)
    {
        if (path is not null)
        {
            Try(path, OutputFile.ThrowIfNotWritable);
        }
    }

    public static void Write(string path, string text) => Try(path, name =>
    {
        using OutputFile file = OutputFile.Create(name);
        file.Stream.Write(Encoding.UTF8.GetBytes(text));
        file.Complete();
    });

    private static void Try(string path, Action<string> action)
    {
        try
        {
            action(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw StandardOutput.Failed($"'{path}'", error);
        }
    }
}
