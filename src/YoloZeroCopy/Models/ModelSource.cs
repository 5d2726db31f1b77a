using Microsoft.Win32.SafeHandles;

namespace YoloZeroCopy;

/// <summary>A model before it is opened: a file, or bytes in memory under a name. Immutable; any thread.</summary>
internal sealed class ModelSource
{
    private ModelSource(string path, ReadOnlyMemory<byte>? bytes)
    {
        Path = path;
        Bytes = bytes;
    }

    /// <summary>The file, or what messages call the bytes.</summary>
    public string Path { get; }

    /// <summary>The whole model, where it is in memory; null where it is a file.</summary>
    public ReadOnlyMemory<byte>? Bytes { get; }

    /// <summary>A file.</summary>
    public static implicit operator ModelSource(string path) => new(path, null);

    /// <summary>Bytes in memory, which do not change while the model is opened.</summary>
    public static ModelSource InMemory(ReadOnlyMemory<byte> bytes, string name) => new(name, bytes);

    /// <summary>Opens an ONNX model for reading.</summary>
    /// <exception cref="ModelException">As for <see cref="OpenContent"/>; or it has more bytes than an ONNX file can.</exception>
    public ModelContent OpenOnnx()
    {
        ModelContent content = OpenContent("an ONNX file");
        if (content.Length <= int.MaxValue)
        {
            return content;
        }

        content.Dispose();
        throw new ModelException(
            Path,
            $"the file has {content.Length} bytes; an ONNX file has at most {int.MaxValue}. "
            + "Larger models keep their weights as external data beside the file.");
    }

    /// <summary>Opens the model for reading.</summary>
    /// <param name="wanted">What kind of file is wanted, for the message about a folder.</param>
    /// <exception cref="ModelException">There is no such file, it is a folder, cannot be read, or is empty.</exception>
    public ModelContent OpenContent(string wanted)
    {
        if (Bytes is ReadOnlyMemory<byte> bytes)
        {
            return bytes.IsEmpty ? throw new ModelException(Path, "it is empty: no bytes were given.") : new ModelContent(Path, bytes);
        }

        if (Directory.Exists(Path))
        {
            throw new ModelException(Path, $"it is a folder; {wanted} is wanted.");
        }

        if (!File.Exists(Path))
        {
            throw new ModelException(Path, $"the file does not exist (looked for '{System.IO.Path.GetFullPath(Path)}').");
        }

        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(Path);
            long length = RandomAccess.GetLength(file);
            return length == 0 ? throw new ModelException(Path, "the file is empty.") : new ModelContent(Path, file, length);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw ModelContent.Unreadable(Path, error);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }
}

/// <summary>The bytes of a model that is open for reading.</summary>
internal sealed class ModelContent : IDisposable
{
    private readonly string path;
    private readonly ReadOnlyMemory<byte> bytes;
    private readonly SafeFileHandle? file;

    /// <summary>Bytes in memory.</summary>
    public ModelContent(string path, ReadOnlyMemory<byte> bytes)
    {
        this.path = path;
        this.bytes = bytes;
        Length = bytes.Length;
    }

    /// <summary>A file, which this takes over.</summary>
    public ModelContent(string path, SafeFileHandle file, long length)
    {
        this.path = path;
        this.file = file;
        Length = length;
    }

    /// <summary>Bytes of the model.</summary>
    public long Length { get; }

    public static ModelException Unreadable(string path, Exception error) => new(path, $"the file cannot be read: {error.Message}", error);

    /// <summary>Fills the target with what begins at an offset.</summary>
    /// <exception cref="ModelException">The model ends before, or cannot be read.</exception>
    public void ReadAll(Span<byte> target, long offset)
    {
        if (file is null)
        {
            bytes.Span.Slice((int)offset, target.Length).CopyTo(target);
            return;
        }

        try
        {
            while (target.Length > 0)
            {
                int read = RandomAccess.Read(file, target, offset);
                if (read == 0)
                {
                    throw new ModelException(path, "the file became shorter as it was read.");
                }

                target = target[read..];
                offset += read;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, error);
        }
    }

    public void Dispose() => file?.Dispose();
}
