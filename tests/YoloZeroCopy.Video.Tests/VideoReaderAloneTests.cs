namespace YoloZeroCopy.Video.Tests;

/// <summary>Tests that look at the whole process, its allocations or its current folder, and so run while no other does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsAlone
{
    public const string Name = "alone: video";
}

[Collection(RunsAlone.Name)]
public sealed class VideoReaderAloneTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_read_allocates_nothing(bool readsPackets)
    {
        string path = folder.File("a.mp4");
        await Clips.WriteAsync(path, 320, 180, 400);

        // Watched, as a camera is.
        VideoReaderOptions options = Options() with { ReadsPackets = readsPackets, IsLive = true, StallLimit = TimeSpan.FromHours(1) };
        await using VideoReader reader = await VideoReader.OpenAsync(path, options);
        byte[] frame = new byte[1 << 20];
        for (int i = 0; i < 100; i++)
        {
            Assert.True(await ReadAsync());
        }

        // Every thread of the process counts here, the test host's too: the least of several stretches is the reader's.
        long least = long.MaxValue;
        for (int stretch = 0; stretch < 5; stretch++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < 50; i++)
            {
                ValueTask<bool> read = ReadAsync();
                while (!read.IsCompleted)
                {
                    Thread.Yield();
                }

                Assert.True(await read);
            }

            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        // 50 frames; one object a frame would be 1,200 bytes at least.
        Assert.InRange(least, 0, 1000);

        ValueTask<bool> ReadAsync() => readsPackets ? reader.ReadPacketAsync(frame) : reader.ReadFrameAsync(frame);
    }

    [Fact]
    public async Task Names_that_look_like_options_or_protocols_are_files()
    {
        string current = Environment.CurrentDirectory;
        await Clips.WriteAsync(folder.File("a.mp4"), 64, 48, 3);
        File.Copy(folder.File("a.mp4"), folder.File("-i.mp4"));
        File.Copy(folder.File("a.mp4"), folder.File("concat:a.mp4|b.mp4"));
        try
        {
            Environment.CurrentDirectory = folder.Path;
            foreach (string name in (string[])["-i.mp4", "concat:a.mp4|b.mp4"])
            {
                await using VideoReader reader = await VideoReader.OpenAsync(name, Options());
                Assert.Equal(64, reader.Format.Width);
            }
        }
        finally
        {
            Environment.CurrentDirectory = current;
        }

        MediaException error = await Assert.ThrowsAsync<MediaException>(() => VideoReader.OpenAsync("http://127.0.0.1:1/a.mp4", Options()));
        Assert.Contains("no such file", error.Message, StringComparison.Ordinal);
    }

    private static VideoReaderOptions Options() => new() { FfmpegPath = Clips.Ffmpeg() };
}
