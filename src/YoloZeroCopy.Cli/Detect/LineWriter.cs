using System.Buffers;

namespace YoloZeroCopy.Cli;

/// <summary>Writes whole lines only: to a file or to standard output.</summary>
internal sealed class LineWriter : IDisposable
{
    private const int FlushBytes = 64 * 1024;

    private readonly string target;
    private readonly Stream stream;
    private readonly ArrayBufferWriter<byte> buffer = new(FlushBytes);
    private long written;

    internal LineWriter(string target, Stream stream)
    {
        this.target = target;
        this.stream = stream;
    }

    /// <summary>Where the next line's bytes go; <see cref="EndLine"/> ends it.</summary>
    public IBufferWriter<byte> Line => buffer;

    /// <summary>Opens a file, replacing what it held; <c>-</c> is standard output.</summary>
    public static LineWriter Open(string path)
    {
        if (path == "-")
        {
            return new LineWriter("standard output", StandardOutput.OpenStream());
        }

        try
        {
            return new LineWriter($"'{path}'", new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0));
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
            written += buffer.WrittenCount;
            buffer.ResetWrittenCount();
        }
        catch (IOException error)
        {
            DropHalfLine();
            throw StandardOutput.Failed(target, error);
        }
    }

    public void Dispose() => stream.Dispose();

    // A disk that filled up took a part of the lines: the file goes back to the last state in which every line was complete.
    private void DropHalfLine()
    {
        try
        {
            if (stream.CanSeek && stream.Length > written)
            {
                stream.SetLength(written);
            }
        }
        catch (Exception error) when (error is IOException or NotSupportedException or UnauthorizedAccessException or ArgumentException)
        {
            // A device, not a file: there is nothing to take back.
        }
    }
}
