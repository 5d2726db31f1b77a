using Microsoft.Win32.SafeHandles;
using YoloZeroCopy.Server.Interop;

namespace YoloZeroCopy.Server;

/// <summary>Shared memory of the system.</summary>
/// <remarks>
/// It is read and written by calls and never mapped. Its owner can shorten it at any time, since unlike a memfd it has no seals, and what is mapped
/// then ends the process that reads it; a call only comes back with less.
/// </remarks>
internal sealed class SystemRegion : SharedRegion
{
    private readonly SafeFileHandle file;

    private SystemRegion(string name, string key, long offset, long byteCount, SafeFileHandle file)
        : base(name, byteCount)
    {
        Key = key;
        Offset = offset;
        this.file = file;
    }

    public string Key { get; }

    public long Offset { get; }

    public static SystemRegion Open(string name, string key, ulong offset, ulong byteCount)
    {
        SafeFileHandle file = PosixSharedMemory.Open(key);
        try
        {
            // Throws for what is no file with contents.
            long length = RandomAccess.GetLength(file);
            if (byteCount == 0 || offset > (ulong)length || byteCount > (ulong)length - offset)
            {
                throw RequestException.Invalid(
                    $"Shared memory '{ModelRepository.Echo(key)}' has {length} bytes; {byteCount} from {offset} on were to be registered.");
            }

            return new SystemRegion(name, key, (long)offset, (long)byteCount, file);
        }
        catch (Exception error)
        {
            file.Dispose();
            throw error as RequestException
                ?? RequestException.Invalid($"Shared memory '{ModelRepository.Echo(key)}' cannot be used: {error.Message}", error);
        }
    }

    public override void Read(long offset, Span<byte> destination)
    {
        ThrowIfNotWithin(offset, destination.Length);
        while (destination.Length > 0)
        {
            int count = RandomAccess.Read(file, destination, Offset + offset);
            if (count == 0)
            {
                throw RequestException.Invalid($"The memory of region '{Name}' has become shorter than it was registered.");
            }

            offset += count;
            destination = destination[count..];
        }
    }

    public override void Write(long offset, ReadOnlySpan<byte> source)
    {
        ThrowIfNotWithin(offset, source.Length);
        try
        {
            RandomAccess.Write(file, source, Offset + offset);
        }
        catch (IOException error)
        {
            throw RequestException.Invalid($"The memory of region '{Name}' cannot be written: {error.Message}", error);
        }
    }

    protected override void Close() => file.Dispose();
}
