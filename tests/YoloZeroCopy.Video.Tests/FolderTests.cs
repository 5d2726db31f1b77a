namespace YoloZeroCopy.Video.Tests;

/// <summary>A folder of pictures, read as a video.</summary>
public sealed class FolderTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("mjpeg", ".jpg")]
    [InlineData("png", ".png")]
    [InlineData("bmp", ".BMP")]
    public async Task Pictures_come_in_the_order_of_their_names(string encoder, string ending)
    {
        string path = Directory.CreateDirectory(folder.File("it's [a] folder")).FullName;
        FrameFormat format = new(PixelFormat.Bgr24, 320, 180);
        for (int i = 0; i < 12; i++)
        {
            byte[] pixels = new byte[format.ByteCount];
            Clips.Paint(pixels, format, i);
            File.WriteAllBytes(folder.File("raw"), pixels);
            await Clips.RunFfmpegAsync("-f", "rawvideo", "-pix_fmt", "bgr24", "-s", "320x180", "-i", folder.File("raw"), "-c:v", encoder,
                "-f", "image2", "-update", "1", Path.Combine(path, $"{i:00}{ending}"));
        }

        File.WriteAllText(Path.Combine(path, "notes.txt"), "no picture");
        await using VideoReader reader = await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg() });
        byte[] frame = new byte[reader.Format.ByteCount];
        List<int> numbers = [];
        while (await reader.ReadFrameAsync(frame))
        {
            numbers.Add(Clips.Read(frame, reader.Format));
        }

        Assert.Equal(Enumerable.Range(0, 12), numbers);
        Assert.Equal(format, reader.Format with { Color = format.Color });
        Assert.False(reader.IsLive);
        Assert.Equal(VideoState.Ended, reader.State);
        Assert.Equal((25, TimeSpan.FromSeconds(11 / 25.0)), (reader.FrameRate, reader.Timestamp));
    }

    [Fact]
    public async Task Packets_of_jpeg_pictures_are_the_files()
    {
        string[] files = [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "pictures"), "*.jpg").Order(StringComparer.Ordinal)];
        foreach (string file in files)
        {
            File.Copy(file, folder.File(Path.GetFileName(file)));
        }

        await using VideoReader reader =
            await VideoReader.OpenAsync(folder.Path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg(), ReadsPackets = true });
        byte[] packet = new byte[1 << 20];
        foreach (string file in files)
        {
            Assert.True(await reader.ReadPacketAsync(packet));
            Assert.Equal(File.ReadAllBytes(file), packet[..reader.Packet.Size]);
        }

        Assert.False(await reader.ReadPacketAsync(packet));
        Assert.Equal(VideoCodec.Mjpeg, reader.Codec);
    }

    [Fact]
    public async Task Folders_that_are_not_read_are_told()
    {
        Assert.Contains("no pictures", await FailAsync(), StringComparison.Ordinal);
        File.WriteAllText(folder.File("a.jpg"), "x");
        File.WriteAllText(folder.File("b.jpeg"), "x");
        Assert.Contains("exit code", await FailAsync(), StringComparison.Ordinal);
        File.WriteAllText(folder.File("c.png"), "x");
        Assert.Contains("several kinds (.jpg, .png)", await FailAsync(), StringComparison.Ordinal);
    }

    private async Task<string> FailAsync() => (await Assert.ThrowsAsync<MediaException>(
        () => VideoReader.OpenAsync(folder.Path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg() }))).Message;
}
