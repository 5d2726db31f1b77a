using System.Globalization;
using System.Security.Cryptography;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Tests;

/// <summary>A clip that is inside this assembly: its packets, and what ffmpeg decodes them to (make_clips.py).</summary>
internal sealed class VideoClip
{
    public VideoClip(string name)
    {
        Name = name;
        Codec = name.StartsWith("h264", StringComparison.Ordinal) ? CudaVideoCodec.H264 : CudaVideoCodec.Hevc;
        byte[] stream = Read($"{name}.{(Codec == CudaVideoCodec.H264 ? "h264" : "hevc")}");
        int at = 0;
        using StreamReader lines = new(new MemoryStream(Read($"{name}.txt")));
        while (lines.ReadLine() is string line)
        {
            string[] words = line.Split(' ');
            long timestamp = long.Parse(words[1], CultureInfo.InvariantCulture);
            int first = int.Parse(words[2], CultureInfo.InvariantCulture);
            if (words[0] == "packet")
            {
                Packets.Add((timestamp, stream[at..(at + first)]));
                at += first;
            }
            else
            {
                Frames.Add(new VideoClipFrame(timestamp, first, int.Parse(words[3], CultureInfo.InvariantCulture), words[4]));
            }
        }

        Assert.Equal(stream.Length, at);
    }

    public string Name { get; }

    public CudaVideoCodec Codec { get; }

    /// <summary>In the order of decoding.</summary>
    public List<(long Timestamp, byte[] Bytes)> Packets { get; } = [];

    /// <summary>In the order of display.</summary>
    public List<VideoClipFrame> Frames { get; } = [];

    private static byte[] Read(string name)
    {
        using Stream stream = typeof(VideoClip).Assembly.GetManifestResourceStream($"clips-{name}")!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}

/// <summary>A frame of a clip, with the hash of its NV12 or P010, rows without padding.</summary>
internal readonly record struct VideoClipFrame(long Timestamp, int Width, int Height, string Sha256)
{
    public static VideoClipFrame Of(long timestamp, int width, int height, ReadOnlySpan<byte> pixels) =>
        new(timestamp, width, height, Convert.ToHexStringLower(SHA256.HashData(pixels)));
}
