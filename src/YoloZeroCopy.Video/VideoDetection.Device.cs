using System.Threading.Channels;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <content>Videos that the GPU decodes.</content>
public static partial class VideoDetection
{
    private const int FirstPacketBytes = 1 << 20;

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
        if (!Enum.IsDefined(decoding))
        {
            throw new ArgumentOutOfRangeException(nameof(decoding), decoding, "Wanted is Cpu, Gpu or Auto.");
        }

        if (decoding == VideoDecoding.Gpu && detector.CudaOrdinal is null)
        {
            throw new ArgumentException($"A GPU decodes for a detector on CUDA; this one runs on {detector.Device}.", nameof(decoding));
        }

        return decoding != VideoDecoding.Cpu && detector.CudaOrdinal is not null
            ? DetectAsync(detector, (ahead, end) => ReadPacketsAsync(detector, path, decoding, options, source, ahead, end), cancellationToken)
            : DetectAsync(detector, (ahead, end) => ReadFramesAsync(detector, path, options, source, ahead, end), cancellationToken);
    }

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
                (codec, receiver) => IDeviceVideo.Open(detector, codec, video.IsLive, source, receiver), video.IsLive, ahead, end);
            await using (packets.ConfigureAwait(false))
            {
                try
                {
                    await ReadPacketsAsync(video, packets, ahead, end).ConfigureAwait(false);
                    if (packets.DamagedPictures > 0 && options?.IgnoreDecodeErrors != true)
                    {
                        throw new MediaException(
                            video.Name, $"the video is damaged; {packets.Frames} frames were read, and "
                                + $"{packets.DamagedPictures} could not be decoded.");
                    }

                    return;
                }
                catch (Exception error) when (
                    decoding == VideoDecoding.Auto && packets.Frames == 0 && error is (NotSupportedException or CudaUnavailableException))
                {
                    // Another codec, too many bits or pixels for this GPU, or no library for it. ffmpeg decodes it.
                }
            }
        }
        finally
        {
            await video.DisposeAsync().ConfigureAwait(false);
        }

        await ReadFramesAsync(detector, path, options, source, ahead, end).ConfigureAwait(false);
    }

    private static async Task ReadPacketsAsync(VideoReader video, DevicePackets packets, ChannelWriter<PendingFrame> ahead, CancellationToken end)
    {
        byte[] buffer = new byte[FirstPacketBytes];
        while (await ahead.WaitToWriteAsync(end).ConfigureAwait(false))
        {
            if (!await video.ReadPacketAsync(buffer, end).ConfigureAwait(false))
            {
                await packets.FlushAsync().ConfigureAwait(false);
                return;
            }

            if (video.Packet.Size > buffer.Length)
            {
                // Nothing was read; the same packet comes again.
                buffer = new byte[Math.Max(video.Packet.Size, 2 * buffer.Length)];
                continue;
            }

            await packets.DecodeAsync(buffer.AsMemory(0, video.Packet.Size), video.Packet, video.Codec, video.Extradata).ConfigureAwait(false);
        }
    }
}
