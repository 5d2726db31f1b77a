using System.IO.Compression;
using System.Text;

namespace YoloZeroCopy.Imaging.Tests;

/// <summary>Detecting in a file, a stream and encoded bytes: the answer, and that no way out costs a slot.</summary>
public sealed class PictureDetectionTests : IAsyncDisposable
{
    private const int Slots = 3;
    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 64, 48);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private static readonly byte[] Picture = PictureFile.EncodePng(Noise(Format), Format);

    private readonly TempFolder folder = new();
    private readonly YoloDetector detector = YoloDetector.FromFunction(
        ModelInfo.OfClasses([.. Enumerable.Range(0, 256).Select(static level => $"level {level}")]),
        FindBrightness,
        new DetectorOptions { Slots = Slots, SlotBytes = Format.ByteCount });

    public async ValueTask DisposeAsync()
    {
        await detector.DisposeAsync();
        folder.Dispose();
    }

    public static readonly TheoryData<string> Ways = ["path", "stream", "slow stream", "bytes"];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_picture_has_the_detections_of_its_pixels(string way)
    {
        using DetectionResult wanted = await detector.DetectAsync(Noise(Format), Format);
        using DetectionResult found = await DetectAsync(way, Picture);

        Assert.Equal(Format, found.Format);
        Assert.Equal(wanted.Detections, found.Detections);
        Assert.NotEqual(0, found.Detections.Length);
        await AssertNoSlotIsLostAsync();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task What_is_no_picture_is_told_with_its_name_and_costs_no_slot(string way)
    {
        byte[][] damaged = [[], [.. "no picture at all"u8], Picture[..20], Picture[..(Picture.Length / 2)]];
        foreach (byte[] file in damaged)
        {
            for (int time = 0; time <= Slots; time++)
            {
                MediaException error = await Assert.ThrowsAsync<MediaException>(() => DetectAsync(way, file).AsTask());
                Assert.Equal(way == "path" ? folder.File("picture") : "picture", error.Path);
            }
        }

        await AssertNoSlotIsLostAsync();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_picture_larger_than_a_slot_is_refused_by_its_declared_size_alone(string way)
    {
        // Its data are damaged: whoever decoded it would say so.
        FrameFormat larger = new(PixelFormat.Bgr24, 65, 48);
        byte[] file = PictureFile.EncodePng(Noise(larger), larger)[..60];
        MediaException error = await Assert.ThrowsAsync<MediaException>(() => DetectAsync(way, file).AsTask());

        Assert.Contains(
            $"65x48 pixels, which take {larger.ByteCount} bytes, and a slot of this detector has {Format.ByteCount}",
            error.Message,
            StringComparison.Ordinal);
        await AssertNoSlotIsLostAsync();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Cancelling_before_costs_no_slot(string way)
    {
        using CancellationTokenSource canceled = new();
        await canceled.CancelAsync();
        for (int time = 0; time <= Slots; time++)
        {
            _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DetectAsync(way, Picture, canceled.Token).AsTask());
        }

        await AssertNoSlotIsLostAsync();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Cancelling_the_wait_for_a_slot_costs_none(string way)
    {
        FrameSlot[] all = RentAll();
        using CancellationTokenSource canceled = new();
        Task<DetectionResult> waiting = DetectAsync(way, Picture, canceled.Token).AsTask();
        Assert.False(waiting.IsCompleted);
        await canceled.CancelAsync();
        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Array.ForEach(all, static slot => slot.Dispose());
        await AssertNoSlotIsLostAsync();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Disposing_the_detector_ends_the_wait_for_a_slot(string way)
    {
        FrameSlot[] all = RentAll();
        Task<DetectionResult> waiting = DetectAsync(way, Picture).AsTask();
        await detector.DisposeAsync();
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Limit));
        Array.ForEach(all, static slot => slot.Dispose());
        Assert.Equal(0, detector.Statistics.SlotsInUse);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_disposed_detector_says_so(string way)
    {
        await detector.DisposeAsync();
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => DetectAsync(way, Picture).AsTask());
        Assert.Equal(0, detector.Statistics.SlotsInUse);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Cancelling_a_frame_that_is_in_the_detector_costs_no_slot(string way)
    {
        using ManualResetEventSlim go = new();
        using SemaphoreSlim taken = new(0);
        await using YoloDetector blocked = YoloDetector.FromFunction(
            detector.Model,
            (_, _) =>
            {
                taken.Release();
                go.Wait();
                return [];
            },
            new DetectorOptions { Slots = Slots, SlotBytes = Format.ByteCount });

        // One in the lane, the others in the queue.
        using CancellationTokenSource canceled = new();
        Task<DetectionResult>[] all = [.. Enumerable.Range(0, Slots).Select(_ => DetectAsync(blocked, way, Picture, canceled.Token).AsTask())];
        Assert.True(await taken.WaitAsync(Limit));
        Assert.True(SpinWait.SpinUntil(() => blocked.Statistics.FramesSubmitted == Slots, Limit));
        await canceled.CancelAsync();
        foreach (Task<DetectionResult> one in all)
        {
            _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one.WaitAsync(Limit));
        }

        go.Set();
        await AssertNoSlotIsLostAsync(blocked);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_detector_that_refuses_the_frame_costs_no_slot(string way)
    {
        await using RefusingDetector refusing = new(detector);
        for (int time = 0; time <= Slots; time++)
        {
            _ = await Assert.ThrowsAsync<NotSupportedException>(() => DetectAsync(refusing, way, Picture).AsTask());
        }

        await AssertNoSlotIsLostAsync();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_picture_whose_data_are_damaged_behind_its_header_costs_no_slot(string way)
    {
        byte[] damaged = [.. Picture];
        damaged[^200] ^= 0xFF;
        for (int time = 0; time <= Slots; time++)
        {
            _ = await Assert.ThrowsAsync<MediaException>(() => DetectAsync(way, damaged).AsTask());
        }

        await AssertNoSlotIsLostAsync();
    }

    [Fact]
    public async Task A_slow_sender_holds_no_slot_and_cancelling_it_costs_none()
    {
        using SentStream stream = new(Picture) { StopsAt = Picture.Length / 2 };
        using CancellationTokenSource canceled = new();
        Task<DetectionResult> reading = detector.DetectAsync(stream, canceled.Token).AsTask();
        await stream.Stopped.WaitAsync(Limit);
        Assert.Equal(0, detector.Statistics.SlotsInUse);
        await canceled.CancelAsync();
        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(Limit));
        await AssertNoSlotIsLostAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public async Task What_a_stream_throws_comes_as_it_is(int after)
    {
        InvalidDataException cause = new("as a damaged archive does");
        using SentStream stream = new(Picture) { ThrowsAt = after, Error = cause };
        Assert.Same(cause, await Assert.ThrowsAsync<InvalidDataException>(() => detector.DetectAsync(stream).AsTask()));
        await AssertNoSlotIsLostAsync();
    }

    [Fact]
    public async Task A_stream_is_read_from_where_it_stands_and_stays_open()
    {
        byte[] before = Encoding.ASCII.GetBytes("a header of its own");
        using MemoryStream stream = new([.. before, .. Picture]);
        stream.Position = before.Length;
        using DetectionResult found = await detector.DetectAsync(stream);
        Assert.Equal(Format, found.Format);
        Assert.True(stream.CanRead);
        Assert.Equal(stream.Length, stream.Position);
    }

    [Fact]
    public async Task A_stream_that_does_not_end_is_given_up()
    {
        using SentStream endless = new(Picture) { IsEndless = true };
        MediaException error = await Assert.ThrowsAsync<MediaException>(() => detector.DetectAsync(endless).AsTask().WaitAsync(Limit));
        Assert.Contains("no picture that fits into a slot", error.Message, StringComparison.Ordinal);

        // What is read beyond the limit is at most the buffer that found it out.
        Assert.InRange(endless.Sent, (Format.ByteCount * 3) + (16 << 20), (Format.ByteCount * 3) + (32 << 20));
        await AssertNoSlotIsLostAsync();
    }

    [Fact]
    public async Task A_length_that_a_stream_tells_is_not_believed()
    {
        using SentStream boasting = new(Picture) { Told = long.MaxValue };
        MediaException error = await Assert.ThrowsAsync<MediaException>(() => detector.DetectAsync(boasting).AsTask());
        Assert.Equal(0, boasting.Sent);
        Assert.Contains("more than", error.Message, StringComparison.Ordinal);

        foreach (long told in (long[])[0, 1, Picture.Length - 1, Picture.Length + 1])
        {
            using SentStream wrong = new(Picture) { Told = told };
            using DetectionResult found = await detector.DetectAsync(wrong);
            Assert.Equal(Format, found.Format);
        }

        await AssertNoSlotIsLostAsync();
    }

    [Fact]
    public async Task A_file_with_more_bytes_than_a_picture_needs_is_not_read()
    {
        string path = folder.File("large");
        using (FileStream file = File.Create(path))
        {
            file.SetLength(1L << 40);
        }

        MediaException error = await Assert.ThrowsAsync<MediaException>(() => detector.DetectAsync(path).AsTask());
        Assert.Equal(path, error.Path);
    }

    [Fact]
    public async Task A_file_that_cannot_be_read_is_a_media_error()
    {
        MediaException missing = await Assert.ThrowsAsync<MediaException>(() => detector.DetectAsync(folder.File("missing")).AsTask());
        _ = Assert.IsType<FileNotFoundException>(missing.InnerException);
        MediaException directory = await Assert.ThrowsAsync<MediaException>(() => detector.DetectAsync(folder.Path).AsTask());
        Assert.Equal(folder.Path, directory.Path);
        await AssertNoSlotIsLostAsync();
    }

    [Fact]
    public async Task Bytes_that_come_in_a_compressed_stream_are_a_picture_like_others()
    {
        using MemoryStream packed = new();
        using (GZipStream packing = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            packing.Write(Picture);
        }

        packed.Position = 0;
        using GZipStream unpacking = new(packed, CompressionMode.Decompress);
        using DetectionResult found = await detector.DetectAsync(unpacking);
        Assert.Equal(Format, found.Format);
    }

    [Fact]
    public async Task Many_at_once_with_fewer_slots_are_all_answered()
    {
        using DetectionResult wanted = await detector.DetectAsync(Picture);
        Detection[] detections = wanted.Detections.ToArray();
        await Task.WhenAll(Enumerable.Range(0, 40).Select(number => Task.Run(async () =>
        {
            using DetectionResult found = await DetectAsync(Ways.ElementAt(number % Ways.Count).Data, Picture);
            Assert.Equal(detections, found.Detections);
        }))).WaitAsync(Limit);
        await AssertNoSlotIsLostAsync();
    }

    [Fact]
    public void What_is_missing_is_refused_at_once()
    {
        _ = Assert.Throws<ArgumentNullException>("detector", () => _ = ((IDetector)null!).DetectAsync("file"));
        _ = Assert.Throws<ArgumentNullException>("detector", () => _ = ((IDetector)null!).DetectAsync(Stream.Null));
        _ = Assert.Throws<ArgumentNullException>("path", () => _ = detector.DetectAsync((string)null!));
        _ = Assert.Throws<ArgumentException>("path", () => _ = detector.DetectAsync(""));
        _ = Assert.Throws<ArgumentNullException>("picture", () => _ = detector.DetectAsync((Stream)null!));
    }

    /// <summary>One detection, as large as the frame, whose class and score come from its pixels.</summary>
    private static Detection[] FindBrightness(ReadOnlySpan<byte> pixels, FrameFormat format)
    {
        Assert.Equal(PixelFormat.Bgr24, format.PixelFormat);
        uint sum = 0;
        foreach (byte level in pixels)
        {
            sum = (sum * 31) + level;
        }

        return [new Detection((int)(sum & 255), 0.5f + ((sum >> 8) / (float)(1 << 25)), 0, 0, format.Width, format.Height)];
    }

    private static byte[] Noise(FrameFormat format)
    {
        byte[] pixels = new byte[format.ByteCount];
        new Random(1).NextBytes(pixels);
        return pixels;
    }

    private ValueTask<DetectionResult> DetectAsync(string way, byte[] picture, CancellationToken cancellationToken = default) =>
        DetectAsync(detector, way, picture, cancellationToken);

    private async ValueTask<DetectionResult> DetectAsync(
        IDetector detector, string way, byte[] picture, CancellationToken cancellationToken = default)
    {
        switch (way)
        {
            case "path":
                string path = folder.File("picture");
                if (!File.Exists(path) || !picture.AsSpan().SequenceEqual(File.ReadAllBytes(path)))
                {
                    File.WriteAllBytes(path, picture);
                }

                return await detector.DetectAsync(path, cancellationToken);
            case "stream":
                using (MemoryStream stream = new(picture))
                {
                    return await detector.DetectAsync(stream, cancellationToken);
                }

            case "slow stream":
                using (SentStream stream = new(picture))
                {
                    return await detector.DetectAsync(stream, cancellationToken);
                }

            default:
                return await detector.DetectAsync(picture, cancellationToken);
        }
    }

    private FrameSlot[] RentAll()
    {
        List<FrameSlot> all = [];
        while (detector.TryRent(Format, out FrameSlot slot))
        {
            all.Add(slot);
        }

        return [.. all];
    }

    // A frame that was cancelled leaves its lane a little later.
    private Task AssertNoSlotIsLostAsync() => AssertNoSlotIsLostAsync(detector);

    private static async Task AssertNoSlotIsLostAsync(YoloDetector detector)
    {
        using CancellationTokenSource limit = new(Limit);
        FrameSlot[] all = new FrameSlot[Slots];
        for (int number = 0; number < Slots; number++)
        {
            all[number] = await detector.RentAsync(Format, limit.Token);
        }

        Assert.Equal(Slots, detector.Statistics.SlotsRented);
        Array.ForEach(all, static slot => slot.Dispose());
        Assert.Equal((0, Slots), (detector.Statistics.SlotsInUse, detector.SlotCount));
    }

    /// <summary>An application's own detector, which takes slots and no frames.</summary>
    private sealed class RefusingDetector(YoloDetector slots) : IDetector
    {
        public string Name => slots.Name;

        public ModelInfo Model => slots.Model;

        public int SlotCount => slots.SlotCount;

        public int SlotBytes => slots.SlotBytes;

        public bool TryRent(in FrameFormat format, out FrameSlot slot) => slots.TryRent(format, out slot);

        public ValueTask<FrameSlot> RentAsync(in FrameFormat format, CancellationToken cancellationToken = default) =>
            slots.RentAsync(format, cancellationToken);

        public ValueTask<DetectionResult> SubmitAsync(
            FrameSlot slot, int source = 0, long capturedAt = 0, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<DetectionResult> DetectAsync(
            ReadOnlyMemory<byte> pixels, FrameFormat format, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        public void Dispose()
        {
        }
    }

    /// <summary>What comes over a connection: a few bytes at a time, no length, and every kind of mishap.</summary>
    private sealed class SentStream(byte[] content) : Stream
    {
        private readonly TaskCompletionSource stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int StopsAt { get; init; } = int.MaxValue;

        public int ThrowsAt { get; init; } = int.MaxValue;

        public Exception Error { get; init; } = new IOException("The connection was lost.");

        public bool IsEndless { get; init; }

        public long? Told { get; init; }

        public long Sent { get; private set; }

        public Task Stopped => stopped.Task;

        public override bool CanRead => true;

        public override bool CanSeek => Told is not null;

        public override bool CanWrite => false;

        public override long Length => Told ?? throw new NotSupportedException();

        public override long Position { get => 0; set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
            if (Sent >= ThrowsAt)
            {
                throw Error;
            }

            if (Sent >= StopsAt)
            {
                stopped.SetResult();
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            if (IsEndless)
            {
                Sent += buffer.Length;
                return buffer.Length;
            }

            int count = (int)Math.Min(Math.Min(buffer.Length, 100), content.Length - Sent);
            content.AsSpan((int)Sent, count).CopyTo(buffer.Span);
            Sent += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Nothing reads synchronously.");

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }
    }
}
