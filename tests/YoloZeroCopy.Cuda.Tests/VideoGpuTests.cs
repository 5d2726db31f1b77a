using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>The decoder on a device: its frames are ffmpeg's to the bit, in its order, and what is damaged harms nothing else.</summary>
[Collection(CudaTests.Name)]
public sealed class VideoGpuTests(ITestOutputHelper output)
{
    private static readonly string[] Clips =
    [
        "h264-b-1080", "h264-4k", "h264-odd", "h264-crop", "h264-crops", "h264-sizes",
        "hevc-b-1080", "hevc-odd", "hevc-crop", "hevc-crops", "hevc-10", "hevc-10-b", "hevc-sizes",
    ];

    [GpuFact]
    public void Frames_are_those_of_ffmpeg_to_the_bit()
    {
        using CudaContext context = Open();
        foreach (string name in Clips)
        {
            foreach (int delay in (int[])[0, 4])
            {
                VideoClip clip = new(name);
                (VideoClipFrame[] frames, CudaVideoDecoder decoder) = Play(context, clip, delay);
                output.WriteLine($"{name}, delay {delay}: {frames.Length} frames, {decoder.Format}");
                Assert.Equal(clip.Frames, frames);
                Assert.Equal((clip.Frames.Count, 0), (decoder.FramesDelivered, decoder.DamagedPictures));
            }
        }

        Assert.Equal((0, null), (CudaDriver.FailedReleases, CudaDriver.LastFailedRelease));
    }

    [GpuFact]
    public void Ten_bit_of_H264_is_decoded_or_refused()
    {
        using CudaContext context = Open();
        VideoClip clip = new("h264-10");
        CudaVideoLimits limits = CudaVideoDecoder.GetLimits(context, CudaVideoCodec.H264, 10);
        output.WriteLine($"{limits}");
        if (limits.IsSupported)
        {
            Assert.Equal(clip.Frames, Play(context, clip, 0).Frames);
        }
        else
        {
            Assert.Contains(
                "does not decode H264 of 10 bit", Assert.Throws<NotSupportedException>(() => Play(context, clip, 0)).Message,
                    StringComparison.Ordinal);
        }
    }

    [GpuFact]
    public void What_the_device_does_not_decode_is_refused()
    {
        using CudaContext context = Open();
        foreach (CudaVideoCodec codec in Enum.GetValues<CudaVideoCodec>())
        {
            CudaVideoLimits limits = CudaVideoDecoder.GetLimits(context, codec);
            output.WriteLine($"{codec}: {limits}; 10 bit: {CudaVideoDecoder.GetLimits(context, codec, 10)}");
            if (!limits.IsSupported)
            {
                NotSupportedException error = Assert.Throws<NotSupportedException>(
                    () => new CudaVideoDecoder(context, new CudaVideoDecoderOptions { Codec = codec }, new VideoReceiver(context)));
                Assert.Equal($"{context.Device.Name} does not decode {codec}.", error.Message);
            }
        }

        Assert.True(CudaVideoDecoder.GetLimits(context, CudaVideoCodec.H264).IsSupported);
        Assert.True(CudaVideoDecoder.GetLimits(context, CudaVideoCodec.Hevc, 10).IsSupported);
    }

    [GpuFact]
    public void A_picture_is_shown_with_its_own_packet_where_nothing_is_reordered()
    {
        using CudaContext context = Open();
        foreach (string name in (string[])["h264-odd", "hevc-odd", "hevc-10"])
        {
            VideoClip clip = new(name);
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = new(context, new CudaVideoDecoderOptions { Codec = clip.Codec }, receiver);
            receiver.Decoder = decoder;
            List<int> shown = [];
            foreach ((long timestamp, byte[] packet) in clip.Packets)
            {
                decoder.Decode(packet, timestamp);
                shown.Add(receiver.Frames.Count);
            }

            output.WriteLine($"{name}: shown after each packet {string.Join(' ', shown)}");
            Assert.Equal(Enumerable.Range(1, clip.Packets.Count), shown);
        }
    }

    [GpuFact]
    public void Frames_that_are_held_do_not_change_while_others_are_decoded()
    {
        using CudaContext context = Open();
        foreach (string name in (string[])["h264-sizes", "hevc-10-b"])
        {
            VideoClip clip = new(name);
            VideoReceiver receiver = new(context) { Holds = true };
            CudaVideoDecoder decoder = new(context, new CudaVideoDecoderOptions { Codec = clip.Codec, MaxFramesHeld = 16 }, receiver);
            int held = 0;
            foreach ((long timestamp, byte[] packet) in clip.Packets)
            {
                decoder.Decode(packet, timestamp);
                for (; receiver.Frames.Count - held > 8; held++)
                {
                    decoder.Release(receiver.Frames[held].Frame.Token);
                }
            }

            decoder.Flush();
            decoder.Dispose();
            for (; held < receiver.Frames.Count; held++)
            {
                (CudaVideoFrame frame, byte[] pixels) = receiver.Frames[held];
                Assert.Equal(pixels, receiver.Read(frame));
                decoder.Release(frame.Token);
            }

            Assert.Equal(clip.Frames, receiver.Frames.Select(static pair => Of(pair.Frame, pair.Pixels)));
        }
    }

    [GpuFact]
    public void A_stream_that_begins_anew_in_the_same_decoder_shows_the_same_frames_again()
    {
        using CudaContext context = Open();
        foreach (string name in Clips)
        {
            VideoClip clip = new(name);
            VideoReceiver receiver = new(context);
            using CudaVideoDecoder decoder = new(context, new CudaVideoDecoderOptions { Codec = clip.Codec }, receiver);
            receiver.Decoder = decoder;
            for (int pass = 0; pass < 3; pass++)
            {
                receiver.Frames.Clear();
                foreach ((long timestamp, byte[] packet) in clip.Packets)
                {
                    decoder.Decode(packet, timestamp);
                }

                decoder.Flush();
                Assert.Equal(clip.Frames, receiver.Frames.Select(static pair => Of(pair.Frame, pair.Pixels)));
            }

            Assert.Equal(0, decoder.DamagedPictures);
        }
    }

    [GpuFact]
    public void Damaged_streams_end_in_bounded_time_and_harm_no_other()
    {
        int rounds = int.Parse(Environment.GetEnvironmentVariable("YZC_DAMAGED_VIDEOS") ?? "200", CultureInfo.InvariantCulture);
        using CudaContext context = Open();
        VideoClip[] clips =
            [.. Clips.Where(static name => !name.Contains("1080", StringComparison.Ordinal)).Select(static name => new VideoClip(name))];
        VideoClip healthy = new("hevc-10-b");
        ConcurrentDictionary<string, int> outcomes = [];
        long slowest = 0;
        long begun = Stopwatch.GetTimestamp();
        int finished = 0;
        bool isOver = false;
        int healthyRounds = 0;
        Task watching = Task.Run(() =>
        {
            while (!Volatile.Read(ref isOver))
            {
                Assert.Equal(healthy.Frames, Play(context, healthy, 0).Frames);
                healthyRounds++;
            }
        });
        _ = Parallel.For(0, rounds, new ParallelOptions { MaxDegreeOfParallelism = 8 }, round =>
        {
            VideoClip clip = clips[round % clips.Length];
            long started = Stopwatch.GetTimestamp();
            foreach (string outcome in Damage(context, clip, new Random(round)))
            {
                _ = outcomes.AddOrUpdate(outcome, 1, static (_, count) => count + 1);
            }

            InterlockedMax(ref slowest, (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            if (Interlocked.Increment(ref finished) is int done && done % 250 == 0)
            {
                double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
                output.WriteLine($"{done} of {rounds} damaged streams after {seconds:F0} s, the slowest took {slowest} ms");
            }
        });
        Volatile.Write(ref isOver, true);
        watching.GetAwaiter().GetResult();
        foreach ((string outcome, int count) in outcomes.OrderByDescending(static pair => pair.Value))
        {
            output.WriteLine($"{count} x {outcome}");
        }

        output.WriteLine($"{rounds} damaged streams, the slowest took {slowest} ms; {healthyRounds} healthy ones beside them");
        Assert.True(slowest < 60_000, $"{slowest} ms");
        Assert.True(healthyRounds > 0);
        Assert.False(context.IsFaulted);
        Assert.Equal(healthy.Frames, Play(context, healthy, 0).Frames);
        Assert.Equal((0, null), (CudaDriver.FailedReleases, CudaDriver.LastFailedRelease));
    }

    [GpuFact]
    public void More_decoders_than_the_memory_holds_are_refused_and_the_others_go_on()
    {
        using CudaContext context = Open();
        VideoClip clip = new("hevc-odd");
        List<(CudaVideoDecoder Decoder, VideoReceiver Receiver)> all = [];
        CudaException? refused = null;
        try
        {
            while (refused is null && all.Count < 2000)
            {
                VideoReceiver receiver = new(context);
                CudaVideoDecoder decoder = new(
                    context, new CudaVideoDecoderOptions { Codec = clip.Codec, MaxFramesHeld = 16, MaxWidth = 8192, MaxHeight = 8192 }, receiver);
                receiver.Decoder = decoder;
                all.Add((decoder, receiver));
                try
                {
                    decoder.Decode(clip.Packets[0].Bytes, clip.Packets[0].Timestamp);
                }
                catch (CudaException error)
                {
                    refused = error;
                }
            }

            output.WriteLine($"{all.Count - 1} decoders of 8192x8192, then: {refused?.Message}");
            Assert.NotNull(refused);
            Assert.False(context.IsFaulted);
            (CudaVideoDecoder first, VideoReceiver seen) = all[0];
            foreach ((long timestamp, byte[] packet) in clip.Packets.Skip(1))
            {
                first.Decode(packet, timestamp);
            }

            first.Flush();
            Assert.Equal(clip.Frames, seen.Frames.Select(static pair => Of(pair.Frame, pair.Pixels)));
        }
        finally
        {
            all.ForEach(static one => one.Decoder.Dispose());
        }

        Assert.Equal(clip.Frames, Play(context, clip, 0).Frames);
    }

    private static CudaContext Open()
    {
        bool isThere = CudaVideoDecoder.TryInitialize(out string reason);
        Assert.SkipUnless(isThere || Environment.GetEnvironmentVariable("YZC_REQUIRE_GPU") == "1", reason);
        CudaContext context = CudaDevice.Get(0).OpenContext();
        context.MakeCurrent();
        return context;
    }

    private static (VideoClipFrame[] Frames, CudaVideoDecoder Decoder) Play(CudaContext context, VideoClip clip, int delay)
    {
        VideoReceiver receiver = new(context);
        using CudaVideoDecoder decoder = new(context, new CudaVideoDecoderOptions { Codec = clip.Codec, DisplayDelay = delay }, receiver);
        receiver.Decoder = decoder;
        foreach ((long timestamp, byte[] packet) in clip.Packets)
        {
            decoder.Decode(packet, timestamp);
        }

        decoder.Flush();
        return ([.. receiver.Frames.Select(static pair => Of(pair.Frame, pair.Pixels))], decoder);
    }

    /// <summary>Plays a clip of which some packets are cut short, left out, swapped or changed, and says how that ended.</summary>
    private static List<string> Damage(CudaContext context, VideoClip clip, Random random)
    {
        List<string> outcomes = [];
        VideoReceiver receiver = new(context);
        using CudaVideoDecoder decoder = new(context, new CudaVideoDecoderOptions { Codec = clip.Codec }, receiver);
        receiver.Decoder = decoder;
        int changes = random.Next(1, 5);
        try
        {
            foreach ((long timestamp, byte[] packet) in clip.Packets)
            {
                byte[] bytes = packet;
                if (random.Next(clip.Packets.Count) < changes)
                {
                    bytes = (byte[])packet.Clone();
                    switch (random.Next(4))
                    {
                        case 0:
                            bytes = bytes[..random.Next(1, bytes.Length)];
                            break;
                        case 1:
                            continue;
                        default:
                            for (int i = random.Next(1, 32); i > 0; i--)
                            {
                                bytes[random.Next(random.Next(2) == 0 ? Math.Min(64, bytes.Length) : bytes.Length)] = (byte)random.Next(256);
                            }

                            break;
                    }
                }

                decoder.Decode(bytes, timestamp);
            }

            decoder.Flush();
        }
        catch (CudaException error)
        {
            outcomes.Add($"{error.Call}: {error.StatusName}");
        }
        catch (NotSupportedException)
        {
            outcomes.Add("not supported");
        }

        outcomes.Add(decoder.DamagedPictures > 0 ? "damaged pictures counted" : "none counted");
        outcomes.Add(decoder.FramesDelivered < clip.Frames.Count ? "frames missing" : "as many frames as packets");
        return outcomes;
    }

    private static VideoClipFrame Of(in CudaVideoFrame frame, byte[] pixels) =>
        VideoClipFrame.Of(frame.Timestamp, frame.Format.Width, frame.Format.Height, pixels);

    private static void InterlockedMax(ref long target, long value)
    {
        long seen = Volatile.Read(ref target);
        while (value > seen && Interlocked.CompareExchange(ref target, value, seen) is long now && now != seen)
        {
            seen = now;
        }
    }
}
