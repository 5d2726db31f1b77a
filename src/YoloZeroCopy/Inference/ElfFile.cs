using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace YoloZeroCopy;

/// <summary>Reads from a native library of Linux what the system's loader reads first: the names of the libraries it needs.</summary>
/// <remarks>The loader itself names only the first one that is missing. Layout: the System V gABI, chapters 4 and 5.</remarks>
internal static class ElfFile
{
    private const int HeaderBytes = 64;
    private const int SegmentBytes = 56;
    private const int EntryBytes = 16;
    private const int MaxSegments = 256;
    private const int MaxDynamicBytes = 1 << 20;
    private const int MaxNameBytes = 256;

    private enum Segment
    {
        Load = 1,
        Dynamic = 2,
    }

    private enum Tag
    {
        End = 0,
        Needed = 1,
        Strings = 5,
    }

    /// <summary>Names in the file's order; empty when it is not a readable 64-bit library of this byte order.</summary>
    public static IReadOnlyList<string> NeededLibraries(string path)
    {
        try
        {
            using SafeFileHandle file = File.OpenHandle(path);
            return Read(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static List<string> Read(SafeFileHandle file)
    {
        byte[] header = ReadAt(file, 0, HeaderBytes);
        if (header.Length < HeaderBytes || !header.AsSpan().StartsWith("\u007fELF\u0002\u0001"u8))
        {
            return [];
        }

        int count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(56));
        byte[] table = ReadAt(file, BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(32)), Math.Min(count, MaxSegments) * SegmentBytes);
        List<(ulong Address, ulong Offset, ulong Bytes)> loaded = [];
        byte[] entries = [];
        for (int at = 0; at + SegmentBytes <= table.Length; at += SegmentBytes)
        {
            ReadOnlySpan<byte> segment = table.AsSpan(at);
            ulong offset = BinaryPrimitives.ReadUInt64LittleEndian(segment[8..]);
            ulong bytes = BinaryPrimitives.ReadUInt64LittleEndian(segment[32..]);
            switch ((Segment)BinaryPrimitives.ReadInt32LittleEndian(segment))
            {
                case Segment.Load:
                    loaded.Add((BinaryPrimitives.ReadUInt64LittleEndian(segment[16..]), offset, bytes));
                    break;
                case Segment.Dynamic:
                    entries = ReadAt(file, offset, (int)Math.Min(bytes, MaxDynamicBytes));
                    break;
            }
        }

        List<ulong> names = [];
        ulong strings = 0;
        for (int at = 0; at + EntryBytes <= entries.Length; at += EntryBytes)
        {
            ulong value = BinaryPrimitives.ReadUInt64LittleEndian(entries.AsSpan(at + 8));
            switch ((Tag)BinaryPrimitives.ReadInt64LittleEndian(entries.AsSpan(at)))
            {
                case Tag.Needed:
                    names.Add(value);
                    break;
                case Tag.Strings:
                    strings = value;
                    break;
                case Tag.End:
                    at = entries.Length;
                    break;
            }
        }

        // The table of strings is named by its address; the segment that it is loaded with says where it lies in the file.
        (ulong address, ulong place, _) = loaded.Find(segment => strings - segment.Address < segment.Bytes);
        return [.. names.Select(name => TextAt(file, strings - address + place + name)).Where(static name => name.Length > 0)];
    }

    private static string TextAt(SafeFileHandle file, ulong offset)
    {
        byte[] text = ReadAt(file, offset, MaxNameBytes);
        int end = Array.IndexOf(text, (byte)0);
        return end < 0 ? "" : Encoding.UTF8.GetString(text, 0, end);
    }

    /// <summary>So many bytes, or fewer where the file ends.</summary>
    private static byte[] ReadAt(SafeFileHandle file, ulong offset, int count)
    {
        if (offset > long.MaxValue)
        {
            return [];
        }

        byte[] bytes = new byte[count];
        return bytes[..RandomAccess.Read(file, bytes, (long)offset)];
    }
}
