using YoloZeroCopy.Tests;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>The decoder on the stand-ins: sequences, order, surfaces, faults, and that nothing is left behind.</summary>
[Collection(CudaTests.Name)]
public sealed class VideoDecoderTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly VideoDouble video;

    public VideoDecoderTests(CompiledSources sources) => video = new VideoDouble(sources);

    [Theory]
    [InlineData(8, CudaVideoCodec.H264)]
    [InlineData(8, CudaVideoCodec.Hevc)]
    [InlineData(10, CudaVideoCodec.Hevc)]
    public void Pictures_come_in_the_order_of_display_with_their_timestamps_and_pixels(int bitDepth, CudaVideoCodec codec)
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = codec });
            receiver.Decoder = decoder;
            Assert.Null(decoder.Format);
            byte[] headers =
            [
                .. VideoDouble.Unit(HeaderWriter.Sequence(codec, 64, 48, left: 4, top: 2, right: 4, bottom: 6, reordered: 1)),
                .. VideoDouble.Sequence(64, 48, left: 4, top: 2, right: 60, bottom: 42, bitDepth, reorder: 1, isFullRange: true, matrix: 5),
            ];
            decoder.Decode([.. headers, .. VideoDouble.Picture(10, 0, PictureFlags.Intra | PictureFlags.Reference)], timestamp: 100);
            Assert.Empty(receiver.Frames);
            decoder.Decode(VideoDouble.Picture(30, 2), timestamp: 300);
            decoder.Decode(VideoDouble.Picture(20, 1, PictureFlags.Fields), timestamp: 200);
            Assert.Equal([100, 200], receiver.Timestamps);
            decoder.Flush();
            Assert.Equal([100, 200, 300], receiver.Timestamps);
            CudaVideoFormat format = new(codec, 56, 40, 64, 48, 4, 2, bitDepth, IsFullRange: true, Matrix: 5);
            Assert.Equal(format, decoder.Format);
            int seed = 10;
            foreach ((CudaVideoFrame frame, byte[] pixels) in receiver.Frames)
            {
                Assert.Equal(format, frame.Format);
                Assert.Equal(VideoDouble.Pixels(seed, format), pixels);
                Assert.False(frame.FollowsDamage);
                seed += 10;
            }

            Assert.Equal((3, 0), (decoder.FramesDelivered, decoder.DamagedPictures));
        }

        video.AssertClean();
    }

    [Fact]
    public void Headers_may_come_apart_and_display_may_be_delayed()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264, DisplayDelay = 2 });
            receiver.Decoder = decoder;
            decoder.DecodeHeaders(VideoDouble.Sequence());
            for (int i = 0; i < 5; i++)
            {
                decoder.Decode(VideoDouble.Picture(i, i), i);
            }

            Assert.Equal([0, 1, 2], receiver.Timestamps);
            decoder.Flush();
            Assert.Equal([0, 1, 2, 3, 4], receiver.Timestamps);
        }

        video.AssertClean();
    }

    [Theory]
    [InlineData(CudaVideoCodec.H264, false)]
    [InlineData(CudaVideoCodec.Hevc, false)]
    [InlineData(CudaVideoCodec.H264, true)]
    public void The_part_that_is_shown_is_that_of_the_headers_of_each_picture(CudaVideoCodec codec, bool isReported)
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            video.Set("reports_offsets", isReported ? 1 : 0);
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = codec });
            receiver.Decoder = decoder;

            // Headers that come apart, and two pictures, of which the second waits for its turn when the part changes without a new sequence.
            decoder.DecodeHeaders(VideoDouble.Unit(HeaderWriter.Sequence(codec, 64, 48, left: 4, top: 2, right: 4, bottom: 6, reordered: 1)));
            decoder.DecodeHeaders(VideoDouble.Sequence(64, 48, left: 4, top: 2, right: 60, bottom: 42, reorder: 1));
            CudaVideoFormat first = new(codec, 56, 40, 64, 48, 4, 2, 8, IsFullRange: false, Matrix: 1);
            Assert.Equal(first, decoder.Format);
            decoder.Decode(VideoDouble.Picture(10, 0, PictureFlags.Intra | PictureFlags.Reference), 100);
            decoder.Decode(VideoDouble.Picture(20, 1), 200);
            byte[] headers = VideoDouble.Unit(HeaderWriter.Sequence(codec, 64, 48, left: 0, top: 4, right: 4, bottom: 6));
            decoder.Decode([.. headers, .. VideoDouble.Picture(30, 2)], 300);
            CudaVideoFormat second = first with { Left = 0, Top = 4, Width = 60, Height = 38 };
            Assert.Equal(second, decoder.Format);
            decoder.Flush();

            // Headers of which nothing can be read leave it to the parser.
            headers = VideoDouble.Unit([0, 0, 1, (byte)(codec == CudaVideoCodec.H264 ? 0x67 : 33 << 1), 1, 77]);
            decoder.Decode(
                [.. headers, .. VideoDouble.Sequence(64, 48, left: 4, top: 2, right: 60, bottom: 42),
                    .. VideoDouble.Picture(40, 0, PictureFlags.Intra)], 400);
            decoder.Flush();
            CudaVideoFormat third = isReported ? first : first with { Left = 0, Top = 0, Width = 60, Height = 42 };
            Assert.Equal([100, 200, 300, 400], receiver.Timestamps);
            CudaVideoFormat[] formats = [first, first, second, third];
            for (int i = 0; i < formats.Length; i++)
            {
                (CudaVideoFrame frame, byte[] pixels) = receiver.Frames[i];
                Assert.Equal(formats[i], frame.Format);
                Assert.Equal(VideoDouble.Pixels(10 * (i + 1), formats[i]), pixels);
            }

            Assert.Equal((4, 0), (decoder.FramesDelivered, decoder.DamagedPictures));
        }

        video.AssertClean();
    }

    [Fact]
    public void A_size_within_the_maximum_reconfigures_and_a_larger_one_or_more_surfaces_make_a_new_decoder()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = Make(
                context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264, MaxWidth = 128, MaxHeight = 96 });
            receiver.Decoder = decoder;
            void Play(byte[] sequence, int made, int reconfigured)
            {
                receiver.Frames.Clear();
                decoder.Decode([.. sequence, .. VideoDouble.Picture(7, 0, PictureFlags.Intra)], 1);
                Assert.Equal((made, reconfigured), (video.Get("cuvidCreateDecoder"), video.Get("cuvidReconfigureDecoder")));
                (CudaVideoFrame frame, byte[] pixels) = Assert.Single(receiver.Frames);
                Assert.Equal(decoder.Format, frame.Format);
                Assert.Equal(VideoDouble.Pixels(7, frame.Format), pixels);
            }

            Play(VideoDouble.Sequence(64, 48), made: 1, reconfigured: 0);
            Play(VideoDouble.Sequence(64, 48), made: 1, reconfigured: 0);
            Play(VideoDouble.Sequence(64, 48, bottom: 40), made: 1, reconfigured: 0);
            Assert.Equal(40, decoder.Format!.Value.Height);
            Play(VideoDouble.Sequence(128, 96), made: 1, reconfigured: 1);
            Play(VideoDouble.Sequence(32, 32, leastSurfaces: 2), made: 1, reconfigured: 2);
            Play(VideoDouble.Sequence(144, 96), made: 2, reconfigured: 2);
            Play(VideoDouble.Sequence(144, 96, leastSurfaces: 5), made: 3, reconfigured: 2);
            Play(VideoDouble.Sequence(32, 32, leastSurfaces: 6), made: 4, reconfigured: 2);

            // A device that does not reconfigure gets a new decoder, too.
            video.Fail("cuvidReconfigureDecoder", CUresult.CUDA_ERROR_NOT_SUPPORTED);
            Play(VideoDouble.Sequence(48, 32, leastSurfaces: 6), made: 5, reconfigured: 3);
            Assert.Equal(1, video.Get("decoders"));
        }

        video.AssertClean();
    }

    [Fact]
    public void The_bit_depth_may_change_and_asks_for_a_new_decoder()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.Hevc });
            receiver.Decoder = decoder;
            decoder.Decode([.. VideoDouble.Sequence(), .. VideoDouble.Picture(1, 0, PictureFlags.Intra)], 1);
            decoder.Decode([.. VideoDouble.Sequence(bitDepth: 10), .. VideoDouble.Picture(2, 0, PictureFlags.Intra)], 2);
            Assert.Equal([8, 10], receiver.Frames.Select(static pair => pair.Frame.Format.BitDepth));
            Assert.Equal(VideoDouble.Pixels(2, receiver.Frames[1].Frame.Format), receiver.Frames[1].Pixels);
        }

        video.AssertClean();
    }

    [Fact]
    public void Pictures_that_are_held_outlive_a_change_of_size_and_the_decoder()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context) { Holds = true };
            CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264, MaxFramesHeld = 2 });
            receiver.Decoder = decoder;
            decoder.Decode([.. VideoDouble.Sequence(64, 48), .. VideoDouble.Picture(1, 0, PictureFlags.Intra)], 1);
            decoder.Decode([.. VideoDouble.Sequence(32, 32), .. VideoDouble.Picture(2, 0, PictureFlags.Intra)], 2);
            Assert.Equal((2, 0), (video.Get("cuvidCreateDecoder"), video.Get("cuvidReconfigureDecoder")));
            Assert.Equal((2, 2), (video.Get("decoders"), video.Get("mapped")));
            decoder.Dispose();
            decoder.Dispose();
            Assert.Equal((2, 2), (video.Get("decoders"), video.Get("mapped")));
            Assert.Equal(0, video.Get("parsers"));
            _ = Assert.Throws<ObjectDisposedException>(() => decoder.Decode(VideoDouble.Picture(3), 3));
            _ = Assert.Throws<ObjectDisposedException>(() => decoder.Flush());
            for (int i = 0; i < 2; i++)
            {
                (CudaVideoFrame frame, byte[] pixels) = receiver.Frames[i];
                Assert.Equal(VideoDouble.Pixels(i + 1, frame.Format), pixels);
                Assert.Equal(pixels, receiver.Read(frame));
                decoder.Release(frame.Token);
                ArgumentException error = Assert.Throws<ArgumentException>(() => decoder.Release(frame.Token));
                Assert.Contains("released before", error.Message, StringComparison.Ordinal);
            }

            // The last release leaves the destruction to the thread pool.
            Assert.True(SpinWait.SpinUntil(() => video.Get("decoders") == 0, Patience));
        }

        Assert.True(SpinWait.SpinUntil(() => video.Driver.Live() == 0, Patience));
        video.AssertClean();
    }

    [Fact]
    public async Task Decoding_waits_for_a_surface_that_another_thread_gives_back()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context) { Holds = true };
            using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264, MaxFramesHeld = 2 });
            receiver.Decoder = decoder;
            decoder.Decode([.. VideoDouble.Sequence(), .. VideoDouble.Picture(0, 0, PictureFlags.Intra)], 0);
            decoder.Decode(VideoDouble.Picture(1), 1);
            Task decoding = Task.Run(() => decoder.Decode(VideoDouble.Picture(2), 2));
            Assert.True(SpinWait.SpinUntil(() => video.Get("cuvidDecodePicture") == 3, Patience));
            Assert.False(decoding.IsCompleted);
            Assert.Equal(2, receiver.Frames.Count);
            decoder.Release(receiver.Frames[1].Frame.Token);
            await decoding.WaitAsync(Patience);
            Assert.Equal([0, 1, 2], receiver.Timestamps);

            // A token of an earlier use of the same surface is refused.
            _ = Assert.Throws<ArgumentException>(() => decoder.Release(receiver.Frames[1].Frame.Token));
            _ = Assert.Throws<ArgumentException>(() => decoder.Release(-1));
            _ = Assert.Throws<ArgumentException>(() => decoder.Release(77));

            // Cancelled while waiting: the picture is lost, the decoder goes on.
            using CancellationTokenSource cancel = new();
            Task cancelled = Task.Run(() => decoder.Decode(VideoDouble.Picture(3), 3, cancel.Token));
            Assert.True(SpinWait.SpinUntil(() => video.Get("cuvidDecodePicture") == 4, Patience));
            await cancel.CancelAsync();
            _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WaitAsync(Patience));
            decoder.Release(receiver.Frames[0].Frame.Token);
            decoder.Decode(VideoDouble.Picture(4), 4);
            Assert.Equal([0, 1, 2, 4], receiver.Timestamps);

            // Disposed while waiting.
            Task waiting = Task.Run(() => decoder.Decode(VideoDouble.Picture(5), 5));
            Assert.True(SpinWait.SpinUntil(() => video.Get("cuvidDecodePicture") == 6, Patience));
            _ = Assert.Throws<InvalidOperationException>(() => decoder.Decode(VideoDouble.Picture(6), 6));
            decoder.Dispose();
            _ = await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Patience));
            decoder.Release(receiver.Frames[2].Frame.Token);
            decoder.Release(receiver.Frames[3].Frame.Token);
            Assert.True(SpinWait.SpinUntil(() => video.Get("decoders") == 0, Patience));
        }

        Assert.True(SpinWait.SpinUntil(() => video.Driver.Live() == 0, Patience));
        video.AssertClean();
    }

    [Fact]
    public void Damaged_pictures_are_counted_and_not_delivered_and_what_follows_them_says_so()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264, MaxFramesHeld = 1 });
            receiver.Decoder = decoder;
            const PictureFlags Key = PictureFlags.Intra | PictureFlags.Reference;
            decoder.Decode([.. VideoDouble.Sequence(), .. VideoDouble.Picture(0, 0, Key)], 0);
            decoder.Decode(VideoDouble.Picture(1, 0, PictureFlags.Broken), 1);
            decoder.Decode(VideoDouble.Picture(2), 2);
            decoder.Decode(VideoDouble.Picture(3, 0, PictureFlags.Reference | PictureFlags.Concealed | PictureFlags.Slow), 3);
            decoder.Decode(VideoDouble.Picture(4), 4);
            decoder.Decode(VideoDouble.Picture(5, 0, Key | PictureFlags.Slow), 5);
            video.Fail("cuvidDecodePicture", CUresult.CUDA_ERROR_INVALID_VALUE);
            decoder.Decode(VideoDouble.Picture(6), 6);
            decoder.Decode(VideoDouble.Picture(7), 7);
            decoder.Decode(VideoDouble.Picture(8, 0, Key), 8);
            video.Fail("cuvidMapVideoFrame64", CUresult.CUDA_ERROR_INVALID_VALUE);
            decoder.Decode(VideoDouble.Picture(9, 0, PictureFlags.None), 9);
            decoder.Decode(VideoDouble.Picture(10), 10);
            Assert.Equal([0, 2, 4, 5, 7, 8, 10], receiver.Timestamps);
            Assert.Equal([4, 7], receiver.Frames.Where(static pair => pair.Frame.FollowsDamage).Select(static pair => pair.Frame.Timestamp));
            Assert.Equal((7, 4), (decoder.FramesDelivered, decoder.DamagedPictures));
        }

        video.AssertClean();
    }

    [Fact]
    public void What_a_receiver_throws_leaves_Decode_and_the_decoder_goes_on()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264, MaxFramesHeld = 1 });
            receiver.Decoder = decoder;
            receiver.Throws = new InvalidTimeZoneException("not today");
            byte[] first = [.. VideoDouble.Sequence(), .. VideoDouble.Picture(0, 0, PictureFlags.Intra)];
            Assert.Same(receiver.Throws, Assert.Throws<InvalidTimeZoneException>(() => decoder.Decode(first, 0)));
            receiver.Throws = null;
            decoder.Decode(VideoDouble.Picture(1), 1);
            Assert.Equal([1], receiver.Timestamps);
        }

        video.AssertClean();
    }

    [Fact]
    public void A_receiver_may_dispose_the_decoder_and_may_not_call_it()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 });
            receiver.Decoder = decoder;
            receiver.Inside = () =>
            {
                _ = Assert.Throws<InvalidOperationException>(() => decoder.Flush());
                decoder.Dispose();
                Assert.Equal(1, video.Get("parsers"));
            };
            decoder.Decode([.. VideoDouble.Sequence(), .. VideoDouble.Picture(0, 0, PictureFlags.Intra)], 0);
            Assert.Equal(0, video.Get("parsers"));
            _ = Assert.Throws<ObjectDisposedException>(() => decoder.Decode(VideoDouble.Picture(1), 1));
        }

        video.AssertClean();
    }

    [Fact]
    public void What_cannot_be_decoded_is_refused_with_what_was_given_and_wanted()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            NotSupportedException refused = Assert.Throws<NotSupportedException>(
                () => Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.Av1 }));
            Assert.Equal("Stand-in 0 does not decode Av1.", refused.Message);
            void Refuses(byte[] sequence, string words)
            {
                using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 });
                NotSupportedException error = Assert.Throws<NotSupportedException>(() => decoder.Decode(sequence, 0));
                Assert.Contains(words, error.Message, StringComparison.Ordinal);
                InvalidOperationException later = Assert.Throws<InvalidOperationException>(() => decoder.Decode(sequence, 0));
                Assert.Contains("failed before", later.Message, StringComparison.Ordinal);
            }

            Refuses(VideoDouble.Sequence(bitDepth: 10), "does not decode H264 of 10 bit");
            Refuses(VideoDouble.Sequence(bitDepth: 12), "H264, 12 bit, 64x48, 420; wanted are 4:2:0 and 8 or 10 bit");
            Refuses(VideoDouble.Sequence(chroma: 2), "64x48, 422;");
            Refuses(VideoDouble.Sequence(leastSurfaces: 32), "needs 32 surfaces; there can be 31");
            Refuses(VideoDouble.Sequence(4112, 64), "4112x64; Stand-in 0 decodes 16x16 to 4096x4096");
            Refuses(VideoDouble.Sequence(64, 48, right: 66), "shows 66x48 at (0, 0)");
            video.Set("reports_offsets", 1);
            Refuses(VideoDouble.Sequence(64, 48, top: 40, bottom: 40), "shows 64x0 at (0, 40)");
            Refuses(VideoDouble.Sequence(64, 48, top: 1), "shows 64x47 at (0, 1)");
        }

        video.AssertClean();
    }

    [Fact]
    public void More_decoders_than_the_memory_holds_fail_alone()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            video.Set("max_decoders", 2);
            byte[] first = [.. VideoDouble.Sequence(), .. VideoDouble.Picture(0, 0, PictureFlags.Intra)];
            VideoReceiver[] receivers = [new(context), new(context), new(context)];
            CudaVideoDecoder[] decoders =
                [.. receivers.Select(
                    receiver => receiver.Decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 }))];
            decoders[0].Decode(first, 0);
            decoders[1].Decode(first, 0);
            CudaOutOfMemoryException error = Assert.Throws<CudaOutOfMemoryException>(() => decoders[2].Decode(first, 0));
            Assert.Contains("making a decoder for H264, 8 bit, 64x48, with 8 surfaces", error.Message, StringComparison.Ordinal);
            decoders[2].Dispose();
            decoders[0].Decode(VideoDouble.Picture(1), 1);
            decoders[1].Decode(VideoDouble.Picture(1), 1);
            Assert.Equal([2, 2, 0], receivers.Select(static receiver => receiver.Frames.Count));
            decoders[0].Dispose();
            decoders[1].Dispose();
        }

        video.AssertClean();
    }

    [Theory]
    [InlineData("cuvidGetDecoderCaps")]
    [InlineData("cuvidCreateVideoParser")]
    [InlineData("cuvidCreateDecoder")]
    [InlineData("cuvidDecodePicture")]
    [InlineData("cuvidMapVideoFrame64")]
    [InlineData("cuvidParseVideoData")]
    public void A_call_that_fails_is_an_exception_that_names_it_and_leaves_nothing_behind(string function)
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            video.Fail(function, CUresult.CUDA_ERROR_OUT_OF_MEMORY);
            CudaException error = Assert.ThrowsAny<CudaException>(() =>
            {
                using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 });
                receiver.Decoder = decoder;
                decoder.Decode([.. VideoDouble.Sequence(), .. VideoDouble.Picture(0, 0, PictureFlags.Intra)], 0);
            });
            Assert.Equal((function, CUresult.CUDA_ERROR_OUT_OF_MEMORY), (error.Call, error.Status));
            Assert.Empty(receiver.Frames);
        }

        video.AssertClean();
    }

    [Fact]
    public void What_the_parser_refuses_ends_this_decoder()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 });
            CudaException error = Assert.ThrowsAny<CudaException>(() => decoder.Decode("X"u8, 0));
            Assert.Equal("cuvidParseVideoData", error.Call);
            _ = Assert.Throws<InvalidOperationException>(() => decoder.Flush());
            _ = Assert.Throws<ArgumentException>(() => decoder.Decode([], 0));
        }

        video.AssertClean();
    }

    [Fact]
    public void A_sticky_error_is_told_and_everything_can_be_disposed()
    {
        using CudaContext context = video.Driver.OpenContext();
        VideoReceiver receiver = new(context);
        using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 });
        receiver.Decoder = decoder;
        video.Fail("cuvidDecodePicture", CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
        CudaException error = Assert.ThrowsAny<CudaException>(
            () => decoder.Decode([.. VideoDouble.Sequence(), .. VideoDouble.Picture(0, 0, PictureFlags.Intra)], 0));
        Assert.True(error.IsSticky);
        Assert.True(context.IsFaulted);
    }

    [Fact]
    public void A_decoder_that_is_forgotten_is_collected()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            Forget(context);
            Assert.True(SpinWait.SpinUntil(
                () =>
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    return video.Get("parsers") == 0 && video.Get("decoders") == 0;
                },
                Patience));
            Assert.True(video.Driver.Api.FinalizerReleases >= 2);
        }

        Assert.Equal("", video.Misuse);
    }

    [Fact]
    public void Decoding_allocates_nothing()
    {
        using (CudaContext context = video.Driver.OpenContext())
        {
            Counter receiver = new();
            using CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 });
            receiver.Decoder = decoder;
            decoder.DecodeHeaders(VideoDouble.Sequence(16, 16));
            byte[] packet = VideoDouble.Picture(1);
            for (int i = 0; i < 100; i++)
            {
                decoder.Decode(packet, i);
            }

            Assert.Equal(0, AllocationSlices.LeastHere(() =>
            {
                for (int i = 0; i < 1000; i++)
                {
                    decoder.Decode(packet, i);
                }
            }));
            Assert.Equal(1100, receiver.Frames);
        }

        video.AssertClean();
    }

    [Fact]
    public void Options_are_checked()
    {
        using CudaContext context = video.Driver.OpenContext();
        VideoReceiver receiver = new(context);
        CudaVideoDecoderOptions good = new() { Codec = CudaVideoCodec.H264 };
        foreach ((CudaVideoDecoderOptions options, string words) in ((CudaVideoDecoderOptions, string)[])
        [
            (good with { Codec = (CudaVideoCodec)99 }, "wanted is one of H264, Hevc, Av1"),
            (good with { MaxFramesHeld = 0 }, "MaxFramesHeld is 0; wanted is 1 to 16"),
            (good with { DisplayDelay = 5 }, "DisplayDelay is 5; wanted is 0 to 4"),
            (good with { MaxWidth = -1 }, "MaxWidth is -1"),
            (good with { MaxWidth = 1920 }, "given are 1920x0"),
        ])
        {
            Assert.Contains(words, Assert.Throws<ArgumentException>(() => Make(context, receiver, options)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_library_that_is_not_there_or_not_it_is_told_in_words()
    {
        Assert.Equal(["other"], VideoApi.Candidates("other", isWindows: false));
        Assert.Equal("libnvcuvid.so.1", VideoApi.Candidates(null, isWindows: false)[0]);
        Assert.Equal("nvcuvid.dll", VideoApi.Candidates("", isWindows: true)[0]);
        VideoOpening opening = VideoApi.Open(["libno-such-library.so.7"]);
        Assert.Null(opening.Api);
        Assert.Contains("libno-such-library.so.7", opening.Reason, StringComparison.Ordinal);
        Assert.Contains("NVIDIA_DRIVER_CAPABILITIES=compute,utility,video", opening.Reason, StringComparison.Ordinal);
        opening = VideoApi.Open([video.Driver.Library]);
        Assert.Null(opening.Api);
        Assert.Contains("lacks functions that are needed: cuvidGetDecoderCaps, ", opening.Reason, StringComparison.Ordinal);
    }

    private void Forget(CudaContext context)
    {
        VideoReceiver receiver = new(context);
        CudaVideoDecoder decoder = Make(context, receiver, new CudaVideoDecoderOptions { Codec = CudaVideoCodec.H264 });
        receiver.Decoder = decoder;
        decoder.Decode([.. VideoDouble.Sequence(), .. VideoDouble.Picture(0, 0, PictureFlags.Intra)], 0);
    }

    private CudaVideoDecoder Make(CudaContext context, ICudaVideoReceiver receiver, CudaVideoDecoderOptions options) =>
        new(context, video.Api, options, receiver);

    private sealed class Counter : ICudaVideoReceiver
    {
        public CudaVideoDecoder? Decoder { get; set; }

        public int Frames { get; private set; }

        public void OnFrame(in CudaVideoFrame frame)
        {
            Frames++;
            Decoder!.Release(frame.Token);
        }
    }
}
