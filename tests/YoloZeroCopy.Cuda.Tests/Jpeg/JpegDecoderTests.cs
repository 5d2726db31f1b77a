using YoloZeroCopy.Tests;
using System.Diagnostics;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>The decoder over the stand-ins for the driver and for nvJPEG.</summary>
[Collection(CudaTests.Name)]
public sealed class JpegDecoderTests(CompiledSources sources)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public void Structs_numbers_and_prototypes_are_those_of_the_real_header()
    {
        const string header = "/usr/local/cuda/include/nvjpeg.h";
        Assert.SkipUnless(File.Exists(header), $"{header} is not there: the CUDA toolkit is not installed.");
        string program = sources.Compile("nvjpeg_double/header.c", "-I", Path.GetDirectoryName(header)!);
        using Process process = Process.Start(new ProcessStartInfo(program) { RedirectStandardOutput = true })!;
        string[] lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        Assert.Equal(Numbers(), lines);
    }

    [Fact]
    public unsafe void Structs_are_those_of_the_library()
    {
        Assert.Equal(64, sizeof(NvjpegImage));
        Assert.Equal(32, (int)Marshal.OffsetOf<NvjpegImage>(nameof(NvjpegImage.pitch)));
    }

    [Fact]
    public void Candidates_follow_the_variable_the_system_and_the_driver()
    {
        Assert.Equal(["/own/libnvjpeg.so"], JpegApi.Candidates("/own/libnvjpeg.so", isWindows: false, 13000));
        Assert.Equal(
            ["libnvjpeg.so.12", "/usr/local/cuda/lib64/libnvjpeg.so.12", "libnvjpeg.so.11", "/usr/local/cuda/lib64/libnvjpeg.so.11"],
            JpegApi.Candidates(null, isWindows: false, 12080));
        Assert.Equal("nvjpeg64_13.dll", JpegApi.Candidates("", isWindows: true, 13000)[0]);
        string folder = Path.GetTempPath();
        Assert.Equal([Path.Combine(folder, "libnvjpeg.so.11")], JpegApi.Candidates(folder, isWindows: false, 11080));
    }

    [Fact]
    public void Absent_and_wrong_libraries_say_why()
    {
        JpegOpening absent = JpegApi.Open(["libyzc-absent.so.1", "/nowhere/libnvjpeg.so"]);
        Assert.Null(absent.Api);
        Assert.Contains("libyzc-absent.so.1, /nowhere/libnvjpeg.so", absent.Reason, StringComparison.Ordinal);
        Assert.Contains(JpegApi.LibraryVariable, absent.Reason, StringComparison.Ordinal);
        JpegOpening wrong = JpegApi.Open([sources.Library("nvjpeg_double/nvjpeg_double.c", "-DYZC_DOUBLE_LACKS_DECODE", "-Wno-unused-function",
            "-Wno-unused-variable")]);
        Assert.Null(wrong.Api);
        Assert.Contains("nvjpegDecode", wrong.Reason, StringComparison.Ordinal);
        Assert.Equal("13.1.2", new JpegDouble(sources).Api.Version);
    }

    [Theory]
    [InlineData(CudaJpegLayout.Bgr)]
    [InlineData(CudaJpegLayout.Rgb)]
    [InlineData(CudaJpegLayout.BgrPlanar)]
    [InlineData(CudaJpegLayout.RgbPlanar)]
    public void Pictures_of_any_size_lie_where_the_frame_says(CudaJpegLayout layout)
    {
        using Rig rig = new(sources, new CudaJpegDecoderOptions { Layout = layout, MaxFramesHeld = 2 });
        foreach (string name in JpegPictures.Sequential.Concat(Enumerable.Reverse(JpegPictures.Sequential)))
        {
            byte[] jpeg = JpegPictures.Get(name);
            CudaJpegFrame frame = rig.Decoder.Decode(jpeg);
            (int width, int height, _) = JpegPictures.GetPixels(name);
            Assert.Equal((width, height, layout, 0), (frame.Width, frame.Height, frame.Layout, frame.Pitch % 256));
            Assert.NotEqual(0, frame.Ready.Value);
            AssertPattern(frame, rig.Jpeg.Last);
            rig.Decoder.Release(frame.Token);
        }

        Assert.Equal(2 * JpegPictures.Sequential.Length, rig.Jpeg.Get("decoded"));
    }

    [Fact]
    public async Task Frames_that_are_held_are_not_written_and_decoding_waits_for_one()
    {
        using Rig rig = new(sources, new CudaJpegDecoderOptions { MaxFramesHeld = 2 });
        byte[] jpeg = JpegPictures.Get("s221111");
        CudaJpegFrame first = rig.Decoder.Decode(jpeg);
        CudaJpegFrame second = rig.Decoder.Decode(JpegPictures.Get("s111111"));
        Assert.NotEqual(first.Address, second.Address);
        Task<CudaJpegFrame> third = Task.Run(() => rig.Decoder.Decode(JpegPictures.Get("tall422")));
        Assert.NotSame(third, await Task.WhenAny(third, Task.Delay(50)));
        AssertPattern(second, Clean(JpegPictures.Get("s111111")));
        rig.Decoder.Release(first.Token);
        CudaJpegFrame frame = await third.WaitAsync(Patience);
        AssertPattern(second, Clean(JpegPictures.Get("s111111")));
        AssertPattern(frame, Clean(JpegPictures.Get("tall422")));
        rig.Decoder.Release(second.Token);
        rig.Decoder.Release(frame.Token);
    }

    [Fact]
    public void Tokens_are_good_for_one_release_of_their_own_decoder()
    {
        using Rig rig = new(sources, new CudaJpegDecoderOptions { MaxFramesHeld = 1 });
        using CudaJpegDecoder other = new(rig.Context, rig.Jpeg.Api, new CudaJpegDecoderOptions { MaxFramesHeld = 1 });
        byte[] jpeg = JpegPictures.Get("gray");
        CudaJpegFrame frame = rig.Decoder.Decode(jpeg);
        CudaJpegFrame others = other.Decode(jpeg);
        Assert.Throws<ArgumentException>("token", () => rig.Decoder.Release(others.Token));
        rig.Decoder.Release(frame.Token);
        Assert.Throws<ArgumentException>("token", () => rig.Decoder.Release(frame.Token));
        CudaJpegFrame next = rig.Decoder.Decode(jpeg);
        Assert.Throws<ArgumentException>("token", () => rig.Decoder.Release(frame.Token));
        rig.Decoder.Release(next.Token);
        other.Release(others.Token);
    }

    [Fact]
    public async Task Waiting_ends_with_cancellation_and_with_disposal()
    {
        using Rig rig = new(sources, new CudaJpegDecoderOptions { MaxFramesHeld = 1 });
        byte[] jpeg = JpegPictures.Get("gray");
        CudaJpegFrame held = rig.Decoder.Decode(jpeg);
        using CancellationTokenSource source = new();
        Task<CudaJpegFrame> cancelled = Task.Run(() => rig.Decoder.Decode(jpeg, source.Token));
        await source.CancelAsync();
        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WaitAsync(Patience));
        Task<CudaJpegFrame> waiting = Task.Run(() => rig.Decoder.Decode(jpeg));
        rig.Decoder.Dispose();
        rig.Decoder.Dispose();
        _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Patience));

        // What is held stays as it is until it is released.
        AssertPattern(held, Clean(jpeg));
        Assert.Equal((1L, 1L), (rig.Jpeg.Get("handles"), rig.Jpeg.Get("states")));
        rig.Decoder.Release(held.Token);
        Assert.Throws<ArgumentException>("token", () => rig.Decoder.Release(held.Token));
        _ = Assert.Throws<ObjectDisposedException>(() => rig.Decoder.Decode(jpeg));
    }

    [Theory]
    [InlineData(NvjpegStatus.NVJPEG_STATUS_BAD_JPEG, typeof(InvalidDataException))]
    [InlineData(NvjpegStatus.NVJPEG_STATUS_INCOMPLETE_BITSTREAM, typeof(InvalidDataException))]
    [InlineData(NvjpegStatus.NVJPEG_STATUS_JPEG_NOT_SUPPORTED, typeof(NotSupportedException))]
    [InlineData(NvjpegStatus.NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED, typeof(NotSupportedException))]
    [InlineData(NvjpegStatus.NVJPEG_STATUS_ALLOCATOR_FAILURE, typeof(CudaJpegException))]
    [InlineData(NvjpegStatus.NVJPEG_STATUS_EXECUTION_FAILED, typeof(CudaJpegException))]
    [InlineData(NvjpegStatus.NVJPEG_STATUS_INTERNAL_ERROR, typeof(CudaJpegException))]
    internal void A_picture_that_fails_costs_nothing_but_itself(NvjpegStatus status, Type type)
    {
        Fail("nvjpegDecode", status, type);

        // What the engines do not take, nvJPEG decodes otherwise.
        if (type != typeof(NotSupportedException))
        {
            Fail("nvjpegDecodeBatched", status, type);
            Fail("nvjpegDecodeBatchedInitialize", status, type);
        }
    }

    private void Fail(string call, NvjpegStatus status, Type type)
    {
        CudaJpegBackend backend = call == "nvjpegDecode" ? CudaJpegBackend.Processor : CudaJpegBackend.Engine;
        using Rig rig = new(sources, new CudaJpegDecoderOptions { Backend = backend, MaxFramesHeld = 1 });
        byte[] jpeg = JpegPictures.Get("s221111");
        for (int round = 0; round < 3; round++)
        {
            // Initialised once for a state, which is new after a failure only.
            rig.Jpeg.Fail(round > 0 && backend == CudaJpegBackend.Engine ? "nvjpegDecodeBatched" : call, status);
            Exception error = Assert.ThrowsAny<Exception>(() => rig.Decoder.Decode(jpeg));
            Assert.IsType(type, error);
            Assert.Contains(status.ToString(), error.Message, StringComparison.Ordinal);
            CudaJpegFrame frame = rig.Decoder.Decode(jpeg);
            AssertPattern(frame, Clean(jpeg));
            rig.Decoder.Release(frame.Token);
        }

        Assert.Equal(1, rig.Jpeg.Get("states"));
    }

    [Fact]
    public void A_sticky_error_counts_more_than_what_the_library_says()
    {
        using Rig rig = new(sources);
        rig.Jpeg.Fail("nvjpegDecodeBatched", NvjpegStatus.NVJPEG_STATUS_EXECUTION_FAILED);
        rig.Driver.Fail("cuStreamSynchronize", CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
        CudaException error = Assert.Throws<CudaException>(() => rig.Decoder.Decode(JpegPictures.Get("gray")));
        Assert.True(error.IsSticky);
        Assert.True(rig.Context.IsFaulted);
    }

    [Fact]
    public void Sizes_are_checked_before_memory_is_taken()
    {
        using Rig rig = new(sources, new CudaJpegDecoderOptions { MaxWidth = 45, MaxHeight = 36 });
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => rig.Decoder.Decode(JpegPictures.Get("s221111")));
        Assert.Contains("45x37", error.Message, StringComparison.Ordinal);
        Assert.Contains("45x36", error.Message, StringComparison.Ordinal);

        // 8,191 pixels square of a file of a kilobyte.
        byte[] bomb = JpegPictures.Get("s221111");
        new byte[] { 0x1F, 0xFF, 0x1F, 0xFF }.CopyTo(bomb, JpegPictures.Segments(bomb).First(segment => segment.Marker == 0xC0).Offset + 5);
        _ = Assert.Throws<InvalidDataException>(() => rig.Decoder.Decode(bomb));
        Assert.Equal((0L, 0L), (rig.Driver.Calls("cuMemAlloc_v2"), rig.Jpeg.Get("decoded")));
    }

    [Fact]
    public void A_decoder_takes_no_more_of_a_pool_than_pictures_of_the_largest_size_that_may_be_held()
    {
        DriverDouble driver = new(sources);
        JpegDouble jpeg = new(sources);
        (int width, int height, _) = JpegPictures.GetPixels("s221111");
        using (CudaContext context = driver.OpenContext())
        using (CudaBlockPool pool = new(context))
        {
            CudaJpegDecoderOptions options = new() { MaxFramesHeld = 2, MaxWidth = width, MaxHeight = height, Memory = pool };
            long picture = (long)CudaBlockPool.ClassOf((ulong)CudaJpegDecoder.PlanPictureBytes(options, width, height));
            pool.Reserve((ulong)picture, 2);
            using CudaJpegDecoder decoder = new(context, jpeg.Api, options);
            Assert.Equal((2 * picture, 0L), (decoder.Memory!.MaxBytes, decoder.Memory.UsedBytes));
            for (int turn = 0; turn < 3; turn++)
            {
                CudaJpegFrame[] held = [decoder.Decode(JpegPictures.Get("s221111")), decoder.Decode(JpegPictures.Get("gray"))];
                Assert.InRange(decoder.Memory.UsedBytes, picture + 1, 2 * picture);
                foreach (CudaJpegFrame frame in held)
                {
                    decoder.Release(frame.Token);
                }
            }

            // He who asks for more is refused, and nobody else.
            InsufficientMemoryException error = Assert.Throws<InsufficientMemoryException>(() => decoder.Memory.Rent((ulong)(2 * picture)));
            Assert.Contains("JPEG decoder", error.Message, StringComparison.Ordinal);
            pool.AddOwner("other").Rent((ulong)(2 * picture)).Return();
            decoder.Dispose();
            Assert.Equal(0, decoder.Memory.UsedBytes);
            Assert.InRange(decoder.Memory.MaxUsedBytes, picture + 1, decoder.Memory.MaxBytes);
        }

        Assert.True(SpinWait.SpinUntil(() => driver.Live() == 0, Patience), "objects are left");
        jpeg.AssertClean();
        driver.AssertClean();
    }

    [Fact]
    public void Whatever_step_fails_nothing_is_left()
    {
        int failures = 0;
        foreach (string step in new[] { "cuStreamCreateWithPriority", "cuEventCreate", "cuMemAlloc_v2", "cuEventRecord", "cuCtxPushCurrent_v2" })
        {
            for (int nth = 1; nth <= 3; nth++)
            {
                DriverDouble driver = new(sources);
                JpegDouble jpeg = new(sources);
                using (CudaContext context = driver.OpenContext())
                {
                    driver.Fail(step, CUresult.CUDA_ERROR_OUT_OF_MEMORY, nth);
                    failures += Try(context, jpeg) is CudaException ? 1 : 0;
                    driver.Fail(step, 0, 0);
                }

                jpeg.AssertClean();
                Assert.Equal(("", 0L), (driver.Misuse, driver.Live()));
            }
        }

        Assert.InRange(failures, 8, 15);
        foreach (string step in new[] { "nvjpegCreateEx", "nvjpegJpegStateCreate", "nvjpegDecodeBatched" })
        {
            DriverDouble driver = new(sources);
            JpegDouble jpeg = new(sources);
            using (CudaContext context = driver.OpenContext())
            {
                jpeg.Fail(step, NvjpegStatus.NVJPEG_STATUS_ALLOCATOR_FAILURE);
                CudaJpegException error = Assert.IsType<CudaJpegException>(Try(context, jpeg));
                Assert.Contains(step, error.Message, StringComparison.Ordinal);
                Assert.Equal(5, error.Status);
            }

            jpeg.AssertClean();
            driver.AssertClean();
        }

        static Exception? Try(CudaContext context, JpegDouble jpeg)
        {
            try
            {
                using CudaJpegDecoder decoder = new(context, jpeg.Api, new CudaJpegDecoderOptions { MaxFramesHeld = 2 });
                decoder.Release(decoder.Decode(JpegPictures.Get("gray")).Token);
                decoder.Release(decoder.Decode(JpegPictures.Get("s221111")).Token);
                return null;
            }
            catch (Exception error) when (error is CudaException or CudaJpegException)
            {
                return error;
            }
        }
    }

    [Fact]
    public void Engines_take_what_they_can_and_nvjpeg_chooses_for_the_rest()
    {
        using Rig rig = new(sources);
        Assert.Equal(CudaJpegBackend.Engine, rig.Decoder.Backend);
        foreach (string name in JpegPictures.Sequential)
        {
            byte[] jpeg = JpegPictures.Get(name);
            CudaJpegFrame frame = rig.Decoder.Decode(jpeg);
            AssertPattern(frame, Clean(jpeg));
            rig.Decoder.Release(frame.Token);
        }

        Assert.Equal(
            (JpegPictures.Sequential.Length - 1L, (long)JpegPictures.Sequential.Length), (rig.Jpeg.Get("on_engine"), rig.Jpeg.Get("decoded")));

        // What they say they do not take, either.
        rig.Jpeg.Fail("nvjpegDecodeBatched", NvjpegStatus.NVJPEG_STATUS_JPEG_NOT_SUPPORTED);
        byte[] refused = JpegPictures.Get("s211111");
        CudaJpegFrame other = rig.Decoder.Decode(refused);
        AssertPattern(other, Clean(refused));
        rig.Decoder.Release(other.Token);

        // Extended coding is not for them.
        byte[] extended = JpegPictures.Get("s221111");
        extended[JpegPictures.Segments(extended).First(segment => segment.Marker == 0xC0).Offset + 1] = 0xC1;
        rig.Decoder.Release(rig.Decoder.Decode(extended).Token);
        Assert.Equal(JpegPictures.Sequential.Length - 1L, rig.Jpeg.Get("on_engine"));
    }

    [Fact]
    public void Engines_that_a_device_has_not_are_named()
    {
        DriverDouble driver = new(sources);
        JpegDouble jpeg = new(sources);
        jpeg.Set("engines", 0);
        using (CudaContext context = driver.OpenContext())
        {
            NotSupportedException error = Assert.Throws<NotSupportedException>(
                () => new CudaJpegDecoder(context, jpeg.Api, new CudaJpegDecoderOptions { Backend = CudaJpegBackend.Engine }));
            Assert.Contains("CudaJpegBackend.Engine", error.Message, StringComparison.Ordinal);
            foreach (CudaJpegBackend backend in new[] { CudaJpegBackend.Multiprocessors, CudaJpegBackend.Automatic })
            {
                using CudaJpegDecoder decoder = new(context, jpeg.Api, new CudaJpegDecoderOptions { Backend = backend });
                Assert.Equal(backend, decoder.Backend);
                decoder.Release(decoder.Decode(JpegPictures.Get("gray")).Token);
            }
        }

        jpeg.AssertClean();
        driver.AssertClean();
    }

    [Fact]
    public void Options_are_checked()
    {
        using Rig rig = new(sources);
        foreach (CudaJpegDecoderOptions options in new CudaJpegDecoderOptions[]
        {
            new() { Backend = (CudaJpegBackend)4 }, new() { Layout = 0 }, new() { MaxFramesHeld = 0 }, new() { MaxFramesHeld = 17 },
            new() { MaxWidth = 0 }, new() { MaxHeight = 65_536 },
        })
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => new CudaJpegDecoder(rig.Context, rig.Jpeg.Api, options));
            Assert.Contains("wanted", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Decoding_allocates_nothing()
    {
        using Rig rig = new(sources);
        byte[] jpeg = JpegPictures.Get("tall422");
        for (int i = 0; i < 100; i++)
        {
            rig.Decoder.Release(rig.Decoder.Decode(jpeg).Token);
        }

        Assert.Equal(0, AllocationSlices.LeastHere(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                rig.Decoder.Release(rig.Decoder.Decode(jpeg).Token);
            }
        }));
    }

    [Fact]
    public void Several_threads_decode_at_once()
    {
        using Rig rig = new(sources, new CudaJpegDecoderOptions { MaxFramesHeld = 3 });
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(index => new Thread(() =>
        {
            rig.Context.MakeCurrent();
            for (int i = 0; i < 100; i++)
            {
                byte[] jpeg = JpegPictures.Get(JpegPictures.Sequential[(i + index) % JpegPictures.Sequential.Length]);
                CudaJpegFrame frame = rig.Decoder.Decode(jpeg);
                if (!HasPattern(frame, Clean(jpeg)))
                {
                    return;
                }

                rig.Decoder.Release(frame.Token);
                _ = Interlocked.Increment(ref rig.Good);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(400, rig.Good);
    }

    [Fact]
    public async Task Disposal_while_others_decode_leaves_nothing()
    {
        for (int round = 0; round < 20; round++)
        {
            using Rig rig = new(sources, new CudaJpegDecoderOptions { MaxFramesHeld = 2 });
            byte[] jpeg = JpegPictures.Get("tall422");
            using Barrier start = new(3);
            Task[] tasks = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                start.SignalAndWait();
                try
                {
                    while (true)
                    {
                        rig.Decoder.Release(rig.Decoder.Decode(jpeg).Token);
                    }
                }
                catch (ObjectDisposedException)
                {
                    return;
                }
            }))];
            start.SignalAndWait();
            rig.Decoder.Dispose();
            await Task.WhenAll(tasks).WaitAsync(Patience);
        }
    }

    /// <summary>What native/tests/nvjpeg_double/header.c is to print.</summary>
    private static IEnumerable<string> Numbers() =>
    [
        "image 64",
        "pitch 32",
        .. Enum.GetValues<NvjpegStatus>().Select(status => $"{status} {(int)status}"),
        $"NVJPEG_BACKEND_DEFAULT {(int)CudaJpegBackend.Automatic}",
        $"NVJPEG_BACKEND_HYBRID {(int)CudaJpegBackend.Processor}",
        $"NVJPEG_BACKEND_GPU_HYBRID {(int)CudaJpegBackend.Multiprocessors}",
        $"NVJPEG_BACKEND_HARDWARE {(int)CudaJpegBackend.Engine}",
        $"NVJPEG_OUTPUT_RGB {(int)CudaJpegLayout.RgbPlanar}",
        $"NVJPEG_OUTPUT_BGR {(int)CudaJpegLayout.BgrPlanar}",
        $"NVJPEG_OUTPUT_RGBI {(int)CudaJpegLayout.Rgb}",
        $"NVJPEG_OUTPUT_BGRI {(int)CudaJpegLayout.Bgr}",
        "MAJOR_VERSION 0",
        "PATCH_LEVEL 2",
    ];

    private static byte[] Clean(byte[] jpeg)
    {
        JpegBitstream bitstream = JpegBitstream.Read(jpeg);
        byte[] clean = new byte[bitstream.MaxBytes];
        return clean[..bitstream.Write(jpeg, clean)];
    }

    private static void AssertPattern(in CudaJpegFrame frame, byte[] clean) => Assert.True(HasPattern(frame, clean));

    /// <summary>What the stand-in makes of a JPEG.</summary>
    private static unsafe bool HasPattern(in CudaJpegFrame frame, byte[] clean)
    {
        uint sum = 0;
        foreach (byte value in clean.AsSpan(JpegPictures.Segments(clean)[^1] is var (_, offset, length) ? offset + length : 0)[..^2])
        {
            sum += value;
        }

        bool isPlanar = frame.Layout is CudaJpegLayout.BgrPlanar or CudaJpegLayout.RgbPlanar;
        bool isBlueFirst = frame.Layout is CudaJpegLayout.Bgr or CudaJpegLayout.BgrPlanar;
        byte* pixels = (byte*)frame.Address.Value;
        for (int y = 0; y < frame.Height; y++)
        {
            for (int x = 0; x < frame.Width; x++)
            {
                for (int sample = 0; sample < 3; sample++)
                {
                    long at = isPlanar ? (((long)sample * frame.Height) + y) * frame.Pitch + x : ((long)y * frame.Pitch) + (3 * x) + sample;
                    int color = isBlueFirst ? 2 - sample : sample;
                    if (pixels[at] != (byte)(sum + (3 * x) + (5 * y) + (7 * color)))
                    {
                        return false;
                    }
                }
            }
        }

        return true;
    }

    /// <summary>A decoder over both stand-ins, which must be clean in the end.</summary>
    private sealed class Rig : IDisposable
    {
        public int Good;

        public Rig(CompiledSources sources, CudaJpegDecoderOptions? options = null)
        {
            Driver = new DriverDouble(sources);
            Jpeg = new JpegDouble(sources);
            Context = Driver.OpenContext();
            Decoder = new CudaJpegDecoder(Context, Jpeg.Api, options ?? new CudaJpegDecoderOptions());
        }

        public DriverDouble Driver { get; }

        public JpegDouble Jpeg { get; }

        public CudaContext Context { get; }

        public CudaJpegDecoder Decoder { get; }

        public void Dispose()
        {
            Decoder.Dispose();
            Context.Dispose();

            // The last picture that was given back is freed on a thread of the pool.
            Assert.True(SpinWait.SpinUntil(() => Driver.Live() == 0, Patience), "objects are left");
            Jpeg.AssertClean();
            Assert.Equal("", Driver.Misuse);
        }
    }
}
