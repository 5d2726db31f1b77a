using System.Threading.Channels;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <content>Videos that the GPU decodes.</content>
public static partial class VideoDetection
{
    /// <summary>
    /// Detects objects in every frame of a video that the detector's GPU may decode. Frames are then read where they were decoded: no slot, no copy,
    /// and the bus carries the compressed video only.
    /// </summary>
    /// <param name="detector">Where to detect.</param>
    /// <param name="path">A video or camera, as <see cref="VideoReader"/> takes it.</param>
    /// <param name="decoding">Who decodes.</param>
    /// <param name="options">How it is read; null for the defaults. <see cref="VideoReaderOptions.PixelFormat"/> is for the CPU alone: a GPU gives
    /// NV12, P010, or of MJPEG Bgr24.</param>
    /// <param name="source">Number of the video among the detector's sources. Videos at the same time have one each, so that none waits for
    /// another.</param>
    /// <param name="cancellationToken">Ends reading and the wait for results.</param>
    /// <returns>The frames, as without a choice of <paramref name="decoding"/>.</returns>
    /// <remarks>
    /// Pictures that the GPU cannot decode without an error are left out; at its end a file that had some is a <see cref="MediaException"/>, unless
    /// <see cref="VideoReaderOptions.IgnoreDecodeErrors"/> is set. A live video goes on with a new decoder when one failed. Rotation metadata turns
    /// no picture there.
    /// </remarks>
    /// <exception cref="NotSupportedException">With <see cref="VideoDecoding.Gpu"/>: the GPU does not decode this video.</exception>
    /// <exception cref="CudaUnavailableException">With <see cref="VideoDecoding.Gpu"/>: NVIDIA's library for such videos is not
    /// there.</exception>
    /// <exception cref="CudaException">The driver refused, for example because the device has too little memory.</exception>
    /// <exception cref="ArgumentException">With <see cref="VideoDecoding.Gpu"/>: the detector does not run on CUDA. Or an option is
    /// wrong.</exception>
    /// <inheritdoc cref="DetectVideoAsync(IDetector, string, VideoReaderOptions, CancellationToken)" path="/exception"/>
    public static IAsyncEnumerable<VideoDetections> DetectVideoAsync(
        this YoloDetector detector,
        string path,
        VideoDecoding decoding,
        VideoReaderOptions? options = null,
        int source = 0,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(detector);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ThrowIfNotDecoded(detector, decoding);
        return decoding != VideoDecoding.Cpu && detector.CudaOrdinal is not null
            ? DetectAsync(detector, (ahead, end) => ReadPacketsAsync(detector, path, decoding, options, source, ahead, end), cancellationToken)
            : DetectAsync(detector, (ahead, end) => ReadFramesAsync(detector, path, options, source, ahead, end), cancellationToken);
    }

    /// <exception cref="ArgumentException">The detector has no GPU that decodes, or nothing is known of who is to.</exception>
    internal static void ThrowIfNotDecoded(YoloDetector detector, VideoDecoding decoding)
    {
        if (!Enum.IsDefined(decoding))
        {
            throw new ArgumentOutOfRangeException(nameof(decoding), decoding, "Wanted is Cpu, Gpu or Auto.");
        }

        if (decoding == VideoDecoding.Gpu && detector.CudaOrdinal is null)
        {
            throw new ArgumentException($"A GPU decodes for a detector on CUDA; this one runs on {detector.Device}.", nameof(decoding));
        }
    }

    /// <summary>Another codec, too many bits or pixels for this GPU, or no library for it: ffmpeg decodes such a video.</summary>
    internal static bool MayBeDecodedElsewhere(VideoDecoding decoding, DevicePackets packets, Exception error) =>
        decoding == VideoDecoding.Auto && packets.Frames == 0 && error is (NotSupportedException or CudaUnavailableException);

    internal static MediaException Damaged(VideoReader video, DevicePackets packets) => new(
        video.Name, $"the video is damaged; {packets.Frames} frames were read, and {packets.DamagedPictures} could not be decoded.");

    private static async Task ReadPacketsAsync(
        YoloDetector detector,
        string path,
        VideoDecoding decoding,
        VideoReaderOptions? options,
        int source,
        ChannelWriter<PendingFrame> ahead,
        CancellationToken end)
    {
        VideoReader video = await VideoReader.OpenAsync(
            path, (options ?? new VideoReaderOptions()) with { ReadsPackets = true }, end).ConfigureAwait(false);
        try
        {
            DevicePackets packets = new(
                (codec, taker) => IDeviceVideo.Open(detector, codec, video.IsLive, taker),
                video.IsLive,
                TakerOf(detector, source, ahead, end),
                end);
            await using (packets.ConfigureAwait(false))
            {
                try
                {
                    await packets.ReadAsync(video, () => ahead.WaitToWriteAsync(end)).ConfigureAwait(false);
                    if (packets.DamagedPictures > 0 && options?.IgnoreDecodeErrors != true)
                    {
                        throw Damaged(video, packets);
                    }

                    return;
                }
                catch (Exception error) when (MayBeDecodedElsewhere(decoding, packets, error))
                {
                }
            }
        }
        finally
        {
            await video.DisposeAsync().ConfigureAwait(false);
        }

        await ReadFramesAsync(detector, path, options, source, ahead, end).ConfigureAwait(false);
    }

    /// <summary>Submits frames that were decoded on the device, and hands their results on to who reads ahead.</summary>
    internal static DeviceFrameTaker TakerOf(YoloDetector detector, int source, ChannelWriter<PendingFrame> ahead, CancellationToken end)
    {
        long number = 0;
        return DeviceFrameTakers.To(detector, source, HandOn);

        // The frame is the detector's: nothing may throw here.
        void HandOn(in DeviceFrame frame, ValueTask<DetectionResult> result)
        {
            PendingFrame pending = new(number++, frame.Timestamp, frame.Format, result, frame.FollowsDamage);
            if (!ahead.TryWrite(pending))
            {
                HandOnLate(ahead, pending, end);
            }
        }
    }

    // The caller is behind. The thread that decodes has nothing else to do than to wait for it.
    private static void HandOnLate(ChannelWriter<PendingFrame> ahead, in PendingFrame frame, CancellationToken end)
    {
        try
        {
            ahead.WriteAsync(frame, end).AsTask().GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is OperationCanceledException or ChannelClosedException)
        {
            _ = frame.DiscardAsync().AsTask();
        }
    }
}
