using System.Text;
using Microsoft.Win32.SafeHandles;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace YoloZeroCopy.Cli;

/// <summary>The tool's standard output. A reader that has gone and a disk that is full are exit code 5.</summary>
internal static class StandardOutput
{
    private const string Name = "standard output";

    /// <summary>Whether it goes to a file, where nobody watches it.</summary>
    public static bool IsFile
    {
        get
        {
            using FileStream stream = Handle();
            return Console.IsOutputRedirected && stream.CanSeek;
        }
    }

    /// <summary>Opens it for bytes, without a buffer.</summary>
    public static Stream OpenStream()
    {
        Stream stream = OpenRaw();
        return Console.IsOutputRedirected ? stream : new AboveStatus(stream);
    }

    private static Stream OpenRaw()
    {
        if (OperatingSystem.IsWindows())
        {
            return Console.OpenStandardOutput();
        }

        // The framework's console stream on Unix swallows EPIPE: `yzc ... | head` would work on for nobody. A file stream does not, but in a file it
        // writes at a position of its own and leaves the shared one behind, so that the next program of a script would overwrite what this one wrote.
        FileStream stream = Handle();
        return stream.CanSeek ? Console.OpenStandardOutput() : stream;
    }

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

    /// <summary>Writes a text, and on a terminal the table that says the same.</summary>
    public static void Write(string text, Func<IRenderable> table)
    {
        if (Console.IsOutputRedirected)
        {
            Write(text);
        }
        else
        {
            AnsiConsole.Write(table());
        }
    }

    /// <summary>The error for an output that takes no more bytes.</summary>
    public static CliException Failed(string target, Exception error) =>
        new(ExitCode.OutputFailed, $"{target} cannot be written: {error.Message}", "Check the path, the free space and the permissions.", error);

    private static FileStream Handle() => new(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);

    /// <summary>Standard output on a terminal, which may show a status line, too.</summary>
    private sealed class AboveStatus(Stream stream) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer) => StandardError.Above(buffer, stream.Write);

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush() => stream.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            stream.Dispose();
            base.Dispose(disposing);
        }
    }
}
