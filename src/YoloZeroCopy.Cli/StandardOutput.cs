using System.Text;
using Microsoft.Win32.SafeHandles;

namespace YoloZeroCopy.Cli;

/// <summary>The tool's standard output. Unlike the framework's own it reports a reader that has gone and a disk that is full, as exit code 5.</summary>
internal static class StandardOutput
{
    private const string Name = "standard output";

    /// <summary>Opens it for bytes, without a buffer.</summary>
    // The framework's console stream on Unix swallows EPIPE: `yzc ... | head` would work on for nobody.
    public static Stream OpenStream() => OperatingSystem.IsWindows()
        ? Console.OpenStandardOutput()
        : new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);

    /// <summary>Opens it for text; nothing is written before <see cref="TextWriter.Flush"/>.</summary>
    public static StreamWriter OpenWriter() => new(OpenStream(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: 16384);

    /// <summary>Writes a text, complete, or fails with exit code 5.</summary>
    public static void Write(string text)
    {
        try
        {
            using Stream stream = OpenStream();
            stream.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (IOException error)
        {
            throw Failed(Name, error);
        }
    }

    /// <summary>The error for an output that takes no more bytes.</summary>
    public static CliException Failed(string target, Exception error) =>
        new(ExitCode.OutputFailed, $"{target} cannot be written: {error.Message}", "Check the path, the free space and the permissions.", error);
}
