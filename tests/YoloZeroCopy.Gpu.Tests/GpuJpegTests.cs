using System.Diagnostics;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>nvJPEG on the device, beside the JPEG decoder of the processor.</summary>
public sealed class GpuJpegTests(ITestOutputHelper output) : IDisposable
{
    // Inverse transform and colours are rounded otherwise than libjpeg does it; chroma of fewer samples is also enlarged otherwise.
    private const int LargestDifference = 4;
    private const double LargestMeanDifference = 2;

    private static readonly TimeSpan DamageLimit = TimeSpan.FromMinutes(5);

    private readonly ModelFolder folder = new();

    public static TheoryData<CudaJpegBackend> Backends => [.. Enum.GetValues<CudaJpegBackend>()];

    public void Dispose() => folder.Dispose();

    [GpuJpegTheory]
    [MemberData(nameof(Backends))]
    public void Pixels_are_close_to_the_processors(CudaJpegBackend backend)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaJpegDecoder decoder = Open(context, new CudaJpegDecoderOptions { Backend = backend });
        List<string> wrong = [];
        foreach (string name in JpegPictures.Sequential)
        {
            (int width, int height, byte[] wanted) = JpegPictures.GetPixels(name);
            bool hasAllChroma = name is "s111111" or "gray" or "size1x1";
            Compare(name, wanted, DecodedJpeg.Of(context, decoder, JpegPictures.Get(name)), width, height, hasAllChroma ? LargestDifference : 255,
                hasAllChroma ? LargestMeanDifference : 255, wrong);
        }

        // Photographs, in which neighbours are alike: how chroma is enlarged matters less.
        foreach ((string name, byte[] file) in TestData.ReadJpegs())
        {
            PictureInfo info = PictureFile.ReadInfo(file);
            FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
            byte[] wanted = new byte[format.ByteCount];
            PictureFile.Decode(file, wanted, format);
            Compare(name, wanted, DecodedJpeg.Of(context, decoder, file), info.Width, info.Height, 255, LargestMeanDifference, wrong);
        }

        Assert.Empty(wrong);
    }

    [GpuJpegTheory]
    [InlineData(CudaJpegLayout.Rgb)]
    [InlineData(CudaJpegLayout.BgrPlanar)]
    [InlineData(CudaJpegLayout.RgbPlanar)]
    public void Layouts_hold_the_same_pixels(CudaJpegLayout layout)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaJpegDecoder decoder = new(context);
        using CudaJpegDecoder other = new(context, new CudaJpegDecoderOptions { Layout = layout });
        foreach (string name in JpegPictures.Sequential)
        {
            byte[] jpeg = JpegPictures.Get(name);
            Assert.Equal(DecodedJpeg.Of(context, decoder, jpeg).Pixels, DecodedJpeg.Of(context, other, jpeg).Pixels);
        }
    }

    [GpuJpegTheory]
    [InlineData(CudaJpegBackend.Automatic)]
    public async Task Cameras_that_were_expected_come_and_go_and_the_pool_allocates_nothing(CudaJpegBackend backend)
    {
        const int Cameras = 4;
        byte[] file = TestData.ReadJpegs().First().File;
        PictureInfo info = PictureFile.ReadInfo(file);
        CudaJpegDecoderOptions held = new() { Backend = backend, MaxFramesHeld = ExpectedDecoders.CameraFramesHeld };
        ExpectedDecoders expected = new() { Count = Cameras, Width = info.Width, Height = info.Height, JpegDecoder = held };
        foreach (ExpectedDecoders[]? decoders in (ExpectedDecoders[]?[])[null, [expected]])
        {
            await using YoloDetector detector = YoloDetector.Open(GpuModels.PixelProbe(folder, OnnxType.Float), new DetectorOptions
            {
                Device = Device.Cuda(),
                MaxBatch = 1,
                Slots = 1,
                SlotBytes = 4096,
                ExpectedDecoders = decoders,
            });
            CudaBlockPool pool = detector.DecoderMemory!;
            using CudaContext context = CudaDevice.Get(0).OpenContext();
            long free = (long)context.GetMemoryInfo().FreeBytes;
            List<double> first = [];
            for (int turn = 0; turn < 10; turn++)
            {
                CudaJpegDecoder[] cameras = [.. Enumerable.Range(0, Cameras).Select(_ => Open(context, held with { Memory = pool }))];
                foreach (CudaJpegDecoder camera in cameras)
                {
                    long begun = Stopwatch.GetTimestamp();
                    CudaJpegFrame[] frames = [.. Enumerable.Range(0, held.MaxFramesHeld).Select(_ => camera.Decode(file))];
                    first.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
                    Array.ForEach(frames, frame => camera.Release(frame.Token));
                    Assert.InRange(camera.Memory!.UsedBytes, 1, camera.Memory.MaxBytes);
                }

                Array.ForEach(cameras, static camera => camera.Dispose());
            }

            CudaBlockStatistics end = pool.Statistics;
            first.Sort();
            output.WriteLine(FormattableString.Invariant(
                $"{(decoders is null ? "not expected" : "expected")}: {end}; {held.MaxFramesHeld} pictures of a new camera ")
                + FormattableString.Invariant($"{first[first.Count / 2]:F2} ms in the median, ")
                + FormattableString.Invariant(
                    $"{first[^1]:F2} at most; the device has {(free - (long)context.GetMemoryInfo().FreeBytes) / 1048576.0:F1} MiB less free"));
            Assert.Equal(0, end.UsedBytes);
            Assert.Equal(decoders is null ? Cameras * held.MaxFramesHeld : 0, end.Misses);
            Assert.Equal(decoders is null ? 0 : end.ReservedBytes, end.KeptBytes);
        }
    }

    [GpuJpegTheory]
    [InlineData(CudaJpegLayout.Bgr)]
    [InlineData(CudaJpegLayout.RgbPlanar)]
    public async Task Detections_equal_those_through_slots(CudaJpegLayout layout)
    {
        await using YoloDetector detector = YoloDetector.Open(GpuModels.PixelProbe(folder, OnnxType.Float), new DetectorOptions
        {
            Device = Device.Cuda(),
            MaxBatch = 4,
            SlotBytes = 32 * 1024 * 1024,
            Slots = 4,
            ScoreThreshold = 0,
            MaxDetections = 1000,
        });
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaJpegDecoder decoder = new(context, new CudaJpegDecoderOptions { Layout = layout });
        Owner owner = new(decoder);
        int frames = 0;
        foreach (byte[] jpeg in JpegPictures.Sequential.Select(JpegPictures.Get).Concat(TestData.ReadJpegs().Select(static jpeg => jpeg.File)))
        {
            CudaJpegFrame frame = decoder.Decode(jpeg);
            FrameFormat format = new(
                layout == CudaJpegLayout.Bgr ? PixelFormat.Bgr24 : PixelFormat.RgbPlanar, frame.Width, frame.Height, frame.Pitch);
            byte[] copied = DecodedJpeg.ReadBack(context, frame);
            Detection[] wanted = await Feed.DetectAsync(detector, format, copied);
            ExternalFrame external = ExternalFrame.OnDevice(frame.Address.Value, 0, format, frame.Ready.Value, owner, frame.Token);
            using DetectionResult result = await detector.SubmitAsync(external).AsTask().WaitAsync(Feed.Limit);
            Assert.Equal(wanted, result.Detections.ToArray());
            frames++;
        }

        await detector.DisposeAsync();
        Assert.True(SpinWait.SpinUntil(() => owner.Heard == frames, Feed.Limit));
    }

    [GpuJpegTheory]
    [MemberData(nameof(Backends))]
    public void Threads_that_decode_at_once_get_their_own_pictures(CudaJpegBackend backend)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaJpegDecoder shared = Open(context, new CudaJpegDecoderOptions { Backend = backend, MaxFramesHeld = 3 });
        byte[][] jpegs = [.. JpegPictures.Sequential.Select(JpegPictures.Get), .. TestData.ReadJpegs().Select(static jpeg => jpeg.File)];
        byte[][] wanted = [.. jpegs.Select(jpeg => DecodedJpeg.Of(context, shared, jpeg).Pixels)];
        int good = 0;
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(number => new Thread(() =>
        {
            // Half of them with a decoder of their own; none reads every picture, so that surfaces come back while they are written.
            using CudaJpegDecoder own = new(context, new CudaJpegDecoderOptions { Backend = backend, MaxFramesHeld = 2 });
            CudaJpegDecoder decoder = number % 2 == 0 ? shared : own;
            for (int i = 0; i < 100; i++)
            {
                decoder.Release(decoder.Decode(jpegs[(i + 7) % jpegs.Length]).Token);
                int index = (i + number) % jpegs.Length;
                if (DecodedJpeg.Of(context, decoder, jpegs[index]).Pixels.AsSpan().SequenceEqual(wanted[index]))
                {
                    _ = Interlocked.Increment(ref good);
                }
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(800, good);
    }

    [GpuJpegTheory]
    [MemberData(nameof(Backends))]
    public void Decoding_allocates_nothing(CudaJpegBackend backend)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaJpegDecoder decoder = Open(context, new CudaJpegDecoderOptions { Backend = backend });
        byte[] jpeg = TestData.ReadJpegs()[0].File;
        Decode(50);
        Assert.Equal(0, AllocationSlices.LeastHere(() => Decode(100)));

        void Decode(int count)
        {
            for (int i = 0; i < count; i++)
            {
                decoder.Release(decoder.Decode(jpeg).Token);
            }
        }
    }

    [GpuJpegTheory]
    [MemberData(nameof(Backends))]
    public void Damaged_pictures_end_no_process_and_no_device(CudaJpegBackend backend)
    {
        using (CudaContext context = CudaDevice.Get(0).OpenContext())
        {
            Open(context, new CudaJpegDecoderOptions { Backend = backend }).Dispose();
        }

        (int exitCode, string output) = ChildProcess.Run($"jpeg-{backend}", DamageLimit);
        TestContext.Current.TestOutputHelper?.WriteLine(output);
        Assert.True(exitCode == 0, output);
    }

    private static CudaJpegDecoder Open(CudaContext context, CudaJpegDecoderOptions options)
    {
        try
        {
            return new CudaJpegDecoder(context, options);
        }
        catch (NotSupportedException error)
        {
            throw Xunit.Sdk.SkipException.ForSkip(error.Message);
        }
    }

    private static void Compare(
        string name, byte[] wanted, DecodedJpeg given, int width, int height, int mostDifference, double mostMean, List<string> wrong)
    {
        Assert.Equal((width, height), (given.Width, given.Height));
        int largest = 0;
        long sum = 0;
        for (int i = 0; i < wanted.Length; i++)
        {
            int difference = Math.Abs(wanted[i] - given.Pixels[i]);
            largest = Math.Max(largest, difference);
            sum += difference;
        }

        double mean = (double)sum / wanted.Length;
        string line = $"{name}: largest difference {largest}, mean {mean:F3}";
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        if (largest > mostDifference || mean > mostMean)
        {
            wrong.Add(line);
        }
    }

    private sealed class Owner(CudaJpegDecoder decoder) : IFrameOwner
    {
        private int heard;

        public int Heard => Volatile.Read(ref heard);

        public void OnFrameFree(long token)
        {
            decoder.Release(token);
            _ = Interlocked.Increment(ref heard);
        }
    }
}
