using System.Buffers.Binary;
using System.IO.Compression;

namespace YoloZeroCopy.Imaging.Tests;

/// <summary>The pictures of pictures/pictures.zip and their pixels.</summary>
internal static class Pictures
{
    private static readonly Dictionary<string, byte[]> Entries = Read();

    public static IEnumerable<string> Names => Entries.Keys.Where(name => Entries.ContainsKey(name + ".bgr")).Order(StringComparer.Ordinal);

    public static byte[] File(string name) => [.. Entries[name]];

    public static (int Width, int Height, byte[] Pixels) Pixels(string name, string suffix)
    {
        byte[] bytes = Entries[name + suffix];
        return (BinaryPrimitives.ReadUInt16LittleEndian(bytes), BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(2)), bytes[4..]);
    }

    private static Dictionary<string, byte[]> Read()
    {
        using ZipArchive archive = ZipFile.OpenRead(Path.Combine(AppContext.BaseDirectory, "pictures.zip"));
        return archive.Entries.ToDictionary(entry => entry.FullName, entry =>
        {
            using Stream content = entry.Open();
            byte[] bytes = new byte[entry.Length];
            content.ReadExactly(bytes);
            return bytes;
        });
    }
}
