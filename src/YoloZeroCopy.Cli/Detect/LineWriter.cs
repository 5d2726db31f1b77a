using System.Buffers;

namespace YoloZeroCopy.Cli;

/// <summary>Writes whole lines only: to standard output, or to a file that is complete once its last line is there.</summary>
internal sealed class LineWriter : IDisposable
{
    private const int FlushBytes = 64 * 1024;

    private readonly string target;
    private readonly Stream stream;
    private readonly OutputFile? file;
    private readonly ArrayBufferWriter<byte> buffer = new(FlushBytes);

    private LineWriter(string target, Stream stream, OutputFile? file)
    {
        this.target = target;
        this.stream = stream;
        this.file = file;
    }

    /// <summary>Where the next line's bytes go; <see cref="EndLine"/> ends it.</summary>
    public IBufferWriter<byte> Line => buffer;

    /// <summary>Begins a file, and makes its folder; it replaces an older one when it is complete; <c>-</c> is standard output.</summary>
    public static LineWriter Open(string path)
    {
        if (path == "-")
        {
            return new LineWriter("standard output", StandardOutput.OpenStream(), file: null);
        }

        try
        {
            if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
            {
                Directory.CreateDirectory(folder);
            }

            OutputFile file = OutputFile.Create(path);
            return new LineWriter($"'{path}'", file.Stream, file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw StandardOutput.Failed($"'{path}'", error);
        }
    }

    public void EndLine()
    {
        buffer.Write("\n"u8);
        if (buffer.WrittenCount >= FlushBytes)
        {
            Flush();
        }
    }

    /// <summary>Hands all lines over.</summary>
    public void Flush()
    {
        if (buffer.WrittenCount == 0)
        {
            return;
        }

        try
        {
            stream.Write(buffer.WrittenSpan);
            buffer.ResetWrittenCount();
        }
        catch (Exception error) when (error is IOException or ArgumentOutOfRangeException)
        {
            // The second is the framework's answer to a file that is too large for its disk's format.
            throw StandardOutput.Failed(target, error);
        }
    }

    /// <summary>Hands all lines over and puts the file in its place.</summary>
    public void Complete()
    {
        Flush();
        try
        {
            file?.Complete();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw StandardOutput.Failed(target, error);
        }
    }

    /// <summary>Without <see cref="Complete"/>, no file is left, and an older one stays as it was.</summary>
    public void Dispose()
    {
        stream.Dispose();
        file?.Dispose();
    }
}
