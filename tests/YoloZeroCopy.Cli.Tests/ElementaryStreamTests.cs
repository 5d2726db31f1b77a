namespace YoloZeroCopy.Cli.Tests;

public sealed class ElementaryStreamTests
{
    [Theory]
    [InlineData("h264-b-1080.h264", VideoCodec.H264)]
    [InlineData("h264-sizes.h264", VideoCodec.H264)]
    [InlineData("hevc-b-1080.hevc", VideoCodec.Hevc)]
    [InlineData("hevc-10.hevc", VideoCodec.Hevc)]
    [InlineData("hevc-sizes.hevc", VideoCodec.Hevc)]
    public void Packets_are_those_that_ffmpeg_wrote(string name, VideoCodec codec)
    {
        string path = SampleAssets.Find($"tests/Shared/VideoClips/{name}");
        ElementaryStream stream = ElementaryStream.Read(path);
        Assert.Equal((name, codec), (stream.Name, stream.Codec));
        IEnumerable<string> wanted =
            File.ReadLines(Path.ChangeExtension(path, "txt")).Where(static line => line.StartsWith("packet", StringComparison.Ordinal))
            .Select(static line => line.Split(' ')[2]);
        Assert.Equal(wanted, stream.Packets.Select(static packet => $"{packet.Length}"));
    }

    [Fact]
    public void What_is_no_stream_is_refused()
    {
        string path = Path.Combine(Path.GetTempPath(), $"yzc-no-stream-{Environment.ProcessId}.h264");
        try
        {
            CliException error = Assert.Throws<CliException>(() => ElementaryStream.Read(path));
            Assert.Equal(ExitCode.InputFailed, error.Code);
            File.WriteAllBytes(path, new byte[100]);
            error = Assert.Throws<CliException>(() => ElementaryStream.Read(path));
            Assert.Contains("wanted is a file .h264 or .hevc with start codes, or .mjpeg", error.Message, StringComparison.Ordinal);
            _ = Assert.Throws<CliException>(() => ElementaryStream.Read("video.mp4"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Jpegs_behind_each_other_are_parted()
    {
        FrameFormat format = new(PixelFormat.Bgr24, 33, 21);
        byte[][] pictures = [.. Enumerable.Range(1, 5).Select(quality => PictureFile.EncodeJpeg(new byte[format.ByteCount], format, 20 * quality))];
        List<ReadOnlyMemory<byte>> packets = ElementaryStream.Split(VideoCodec.Mjpeg, [.. pictures.SelectMany(static picture => picture)]);
        Assert.Equal(pictures, packets.Select(static packet => packet.ToArray()));
        Assert.Empty(ElementaryStream.Split(VideoCodec.Mjpeg, [1, 2, 3]));
    }

    [Fact]
    public void No_bytes_whatever_are_read_beyond()
    {
        Random random = new(3);
        byte[] bytes = new byte[300];
        for (int round = 0; round < 20_000; round++)
        {
            byte[] some = bytes[..random.Next(bytes.Length)];
            for (int i = 0; i < some.Length; i++)
            {
                some[i] = (byte)random.Next(random.Next(2) == 0 ? 2 : 256);
            }

            VideoCodec codec = (round % 3) switch { 0 => VideoCodec.H264, 1 => VideoCodec.Hevc, _ => VideoCodec.Mjpeg };
            List<ReadOnlyMemory<byte>> packets = ElementaryStream.Split(codec, some);
            Assert.True(packets.Sum(static packet => packet.Length) <= some.Length);
        }
    }

    [Theory]
    [InlineData("1,7,32", new[] { 1, 7, 32 })]
    [InlineData("64", new[] { 64 })]
    [InlineData("", null)]
    [InlineData("1,", null)]
    [InlineData("0", null)]
    [InlineData("65", null)]
    public void Numbers_come_by_commas(string text, int[]? wanted)
    {
        bool isGood = OptionParsing.TryIntegers(text, 1, 64, out System.Collections.Immutable.ImmutableArray<int> value, out string? error);
        Assert.Equal(wanted is not null, isGood);
        Assert.Equal(wanted ?? [], value);
        Assert.Equal(isGood, error is null);
    }
}
