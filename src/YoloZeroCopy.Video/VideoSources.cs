using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>Makes videos sources of a <see cref="SourceHub"/>.</summary>
public static class VideoSources
{
    /// <summary>Adds a video: a camera, a stream, a file, a folder of pictures.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="name">The source's name.</param>
    /// <param name="path">The video, as <see cref="VideoReader"/> takes it.</param>
    /// <param name="handler">Gets what was found. <see cref="SourceFrame.Timestamp"/> is the video's clock.</param>
    /// <param name="video">How it is read; null for the defaults.</param>
    /// <param name="options">What the source is to get; null for the defaults, which suit a live camera.</param>
    /// <returns>The source.</returns>
    /// <remarks>
    /// A live video that was lost is tried again by its reader, and the source says how it stands. What ends the reader, such as a file that is not
    /// there, fails the source, which then is tried again as <see cref="HubSourceOptions.RetryDelay"/> says. Frames that ffmpeg decodes lie in the
    /// source's slots, those of the GPU where they were decoded, without <see cref="SourceFrame.Pixels"/>.
    /// </remarks>
    /// <exception cref="ArgumentException">As of <see cref="SourceHub.Add"/> and <see cref="VideoReader(string, VideoReaderOptions)"/>; or the GPU is
    /// to decode, and the detector does not run on CUDA.</exception>
    /// <inheritdoc cref="SourceHub.Add" path="/exception"/>
    public static HubSource AddVideo(
        this SourceHub hub, string name, string path, FrameHandler handler, VideoSourceOptions? video = null, HubSourceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentException.ThrowIfNullOrEmpty(path);
        video ??= new VideoSourceOptions();
        video.Reader.Validate();
        VideoDetection.ThrowIfNotDecoded(hub.Detector, video.Decoding);
        video = video with { Reader = video.Reader with { Repeats = options?.Repeats == true } };
        return hub.Add(name, (feed, stop) => ProduceAsync(feed, hub.Detector, path, video, stop), handler, options);
    }

    private static async Task ProduceAsync(
        SourceFeed feed, YoloDetector detector, string path, VideoSourceOptions options, CancellationToken stop)
    {
        if (options.Decoding != VideoDecoding.Cpu && detector.CudaOrdinal is not null
            && await TryProducePacketsAsync(feed, detector, path, options, stop).ConfigureAwait(false))
        {
            return;
        }

        VideoReader video = new(path, options.Reader with { ReadsPackets = false, StateChanged = Telling(feed, options.Reader) });
        await using (video.ConfigureAwait(false))
        {
            await video.ConnectAsync(stop).ConfigureAwait(false);
            await ProduceFramesAsync(feed, video, options.InRealTime, stop).ConfigureAwait(false);
        }
    }

    private static async Task ProduceFramesAsync(SourceFeed feed, VideoReader video, bool inRealTime, CancellationToken stop)
    {
        Pace? pace = inRealTime && !video.IsLive ? new Pace() : null;
        long errors = 0;
        SourceSlot slot = await feed.RentAsync(video.Format).ConfigureAwait(false);
        try
        {
            while (await video.ReadFrameAsync(slot.Memory, stop).ConfigureAwait(false))
            {
                errors = CountErrors(feed, video.Statistics.DecodeErrors, errors);
                if (pace is not null)
                {
                    await pace.WaitAsync(video.Timestamp, stop).ConfigureAwait(false);
                }

                long arrivedAt = Stopwatch.GetTimestamp();
                if (pace is null && !video.IsLive)
                {
                    feed.Submit(slot, video.Timestamp, arrivedAt);
                    slot = await feed.RentAsync(video.Format).ConfigureAwait(false);
                }
                else if (feed.TryRent(video.Format, out SourceSlot next))
                {
                    feed.Submit(slot, video.Timestamp, arrivedAt);
                    slot = next;
                }
            }
        }
        finally
        {
            slot.Dispose();
            _ = CountErrors(feed, video.Statistics.DecodeErrors, errors);
        }
    }

    /// <summary>Lets the GPU decode. False where it cannot, and ffmpeg may do it.</summary>
    private static async Task<bool> TryProducePacketsAsync(
        SourceFeed feed, YoloDetector detector, string path, VideoSourceOptions options, CancellationToken stop)
    {
        VideoReader video = new(path, options.Reader with { ReadsPackets = true, StateChanged = Telling(feed, options.Reader) });
        await using (video.ConfigureAwait(false))
        {
            await video.ConnectAsync(stop).ConfigureAwait(false);
            Pace? pace = options.InRealTime && !video.IsLive ? new Pace() : null;
            bool takesAll = pace is null && !video.IsLive;
            DevicePackets packets = new(
                (codec, taker) => IDeviceVideo.Open(detector, codec, isLive: !takesAll, taker), video.IsLive, TakerOf(feed, takesAll), stop);
            await using (packets.ConfigureAwait(false))
            {
                long errors = 0;
                try
                {
                    await packets.ReadAsync(video, RoomAsync, DueAsync).ConfigureAwait(false);
                    ThrowIfDamaged();
                }
                catch (Exception error) when (VideoDetection.MayBeDecodedElsewhere(options.Decoding, packets, error))
                {
                    return false;
                }
                finally
                {
                    Count();
                }

                return true;

                ValueTask<bool> RoomAsync()
                {
                    Count();
                    return takesAll ? WaitForRoomAsync(feed) : new ValueTask<bool>(true);
                }

                ValueTask DueAsync(VideoPacket packet)
                {
                    if (packet.IsFirst && !video.IsLive)
                    {
                        // The pass before has ended.
                        ThrowIfDamaged();
                    }

                    return pace?.WaitAsync(packet.Timestamp, stop) ?? default;
                }

                void ThrowIfDamaged()
                {
                    if (packets.DamagedPictures > 0 && !options.Reader.IgnoreDecodeErrors)
                    {
                        throw VideoDetection.Damaged(video, packets);
                    }
                }

                void Count() => errors = CountErrors(feed, packets.DamagedPictures + video.Statistics.DecodeErrors, errors);
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<bool> WaitForRoomAsync(SourceFeed feed)
    {
        await feed.WaitForRoomAsync().ConfigureAwait(false);
        return true;
    }

    // A packet may give more than one frame: the thread that decodes waits for room, and has nothing else to do.
    internal static DeviceFrameTaker TakerOf(SourceFeed feed, bool takesAll) =>
        (in DeviceFrame frame, in ExternalFrame external, CancellationToken cancellationToken) =>
        {
            if (takesAll)
            {
                ValueTask room = feed.WaitForRoomAsync();
                if (!room.IsCompletedSuccessfully)
                {
                    room.AsTask().GetAwaiter().GetResult();
                }
            }

            return feed.TrySubmit(external, frame.Timestamp, frame.ArrivedAt, frame.FollowsDamage);
        };

    private static long CountErrors(SourceFeed feed, long now, long before)
    {
        if (now > before)
        {
            feed.CountDecodeErrors(now - before);
        }

        return now;
    }

    // The end of a video is told by the end of its producer.
    private static Action<VideoState, string?> Telling(SourceFeed feed, VideoReaderOptions options) => (state, problem) =>
    {
        SourceState? told = state switch
        {
            VideoState.Live => SourceState.Live,
            VideoState.Stalled => SourceState.Stalled,
            VideoState.Refused => SourceState.Refused,
            VideoState.Failed => SourceState.Failed,
            _ => null,
        };
        if (told is SourceState next)
        {
            feed.Tell(next, problem);
        }

        options.StateChanged?.Invoke(state, problem);
    };

    /// <summary>Holds the frames of a file back until they are due.</summary>
    private sealed class Pace
    {
        private readonly long start = Stopwatch.GetTimestamp();

        public async ValueTask WaitAsync(TimeSpan timestamp, CancellationToken stop)
        {
            TimeSpan wait = timestamp - Stopwatch.GetElapsedTime(start);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, stop).ConfigureAwait(false);
            }
        }
    }
}
