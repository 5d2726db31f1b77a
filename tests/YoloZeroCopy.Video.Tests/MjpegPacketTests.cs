using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Video.Tests;

/// <summary>Packets of MJPEG as ffmpeg hands them on are whole JPEGs that a decoder on a GPU is given.</summary>
public sealed class MjpegPacketTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.avi", "yuvj420p", "97x61", "-threads 1")]
    [InlineData("a.mkv", "yuvj422p", "640x360", "-threads 4")] // Slices, parted by restart markers.
    [InlineData("a.mov", "yuvj444p", "33x17", "-huffman 0")]
    [InlineData("b.avi", "yuvj422p", "320x180", "-q:v 31")]
    public async Task Every_packet_is_taken(string name, string pixels, string size, string options)
    {
        string path = folder.File(name);
        _ = await Clips.RunFfmpegAsync(
        [
            "-f", "lavfi", "-i", $"testsrc=size={size}:rate=25:duration=0.4", "-pix_fmt", pixels, "-c:v", "mjpeg", .. options.Split(' '), path,
        ]);
        await using VideoReader reader = await VideoReader.OpenAsync(
            path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg(), ReadsPackets = true });
        Assert.Equal(VideoCodec.Mjpeg, reader.Codec);
        byte[] payload = new byte[1 << 20];
        int packets = 0;
        while (await reader.ReadPacketAsync(payload))
        {
            JpegBitstream picture = JpegBitstream.Read(payload.AsSpan(0, reader.Packet.Size));
            Assert.Equal(size, $"{picture.Width}x{picture.Height}");
            Assert.True(reader.Packet.IsKey);
            packets++;
        }

        Assert.Equal(10, packets);
    }
}
