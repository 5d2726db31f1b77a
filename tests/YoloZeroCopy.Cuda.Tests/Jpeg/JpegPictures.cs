using System.IO.Compression;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>JPEGs of the collection that the tests of picture files use, and what OpenCV makes of them.</summary>
internal static class JpegPictures
{
    // A header of 4 bytes, width and height, lies before OpenCV's pixels.
    private const int SizeBytes = 4;

    private static readonly Dictionary<string, byte[]> Files = ReadAll();

    /// <summary>Those that a camera could send.</summary>
    public static string[] Sequential =>
    [
        "s111111", "s211111", "s221111", "s121111", "s411111", "s222121", "gray", "restart420", "q100", "q5", "size1x1", "size5x4", "size17x1",
        "noise420", "tall422", "exif1",
    ];

    /// <summary>Progressive, of several scans, and of other colours.</summary>
    public static string[] Others => ["progressive420", "progressivegray", "separate420", "rgb", "cmyk", "ycck"];

    public static byte[] Get(string name) => [.. Files[$"{name}.jpg"]];

    /// <summary>Width, height and BGR pixels.</summary>
    public static (int Width, int Height, byte[] Pixels) GetPixels(string name)
    {
        byte[] file = Files[$"{name}.jpg.bgr"];
        return (BitConverter.ToUInt16(file, 0), BitConverter.ToUInt16(file, 2), file[SizeBytes..]);
    }

    /// <summary>Where segments lie: marker, offset of the FF, and bytes with marker and length; up to the scan's header.</summary>
    public static List<(byte Marker, int Offset, int Length)> Segments(byte[] jpeg)
    {
        List<(byte, int, int)> segments = [];
        int position = 2;
        while (segments.Count == 0 || segments[^1].Item1 != 0xDA)
        {
            int length = 2 + (jpeg[position + 2] << 8) + jpeg[position + 3];
            segments.Add((jpeg[position + 1], position, length));
            position += length;
        }

        return segments;
    }

    /// <summary>The JPEG without its segments of a marker.</summary>
    public static byte[] Without(byte[] jpeg, byte marker)
    {
        List<byte> rest = [.. jpeg];
        foreach ((byte found, int offset, int length) in Enumerable.Reverse(Segments(jpeg)))
        {
            if (found == marker)
            {
                rest.RemoveRange(offset, length);
            }
        }

        return [.. rest];
    }

    /// <summary>The JPEG with bytes before its first segment of a marker.</summary>
    public static byte[] With(byte[] jpeg, byte marker, params byte[] inserted)
    {
        List<byte> all = [.. jpeg];
        all.InsertRange(Segments(jpeg).First(segment => segment.Marker == marker).Offset, inserted);
        return [.. all];
    }

    private static Dictionary<string, byte[]> ReadAll()
    {
        using Stream stream = typeof(JpegPictures).Assembly.GetManifestResourceStream("pictures.zip")!;
        using ZipArchive archive = new(stream);
        return archive.Entries.Where(entry => entry.Name.Contains(".jpg", StringComparison.Ordinal)).ToDictionary(entry => entry.Name, entry =>
        {
            using Stream content = entry.Open();
            using MemoryStream bytes = new();
            content.CopyTo(bytes);
            return bytes.ToArray();
        });
    }
}
