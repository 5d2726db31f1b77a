using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace YoloZeroCopy;

/// <summary>Detects objects in the frames of a video.</summary>
public static partial class VideoDetection
{
    /// <summary>
    /// Detects objects in every frame of a video, in order. Frames are read straight into slots and submitted ahead of the caller, as many as the
    /// detector has slots, so that all its lanes have work while the caller handles a frame.
    /// </summary>
    /// <param name="detector">Where to detect. Its slots must hold a frame of the video: <see cref="DetectorOptions.SlotBytes"/>.</param>
    /// <param name="path">A video or camera, as <see cref="VideoReader"/> takes it.</param>
    /// <param name="options">How it is read; null for the defaults.</param>
    /// <param name="cancellationToken">Ends reading and the wait for results.</param>
    /// <returns>
    /// The frames. Reading begins with the enumeration, anew for each. However it ends, also by a <c>break</c>, ffmpeg is gone then and every slot
    /// given back.
    /// </returns>
    /// <remarks>
    /// A detector that drops frames (<see cref="DetectorOptions.Overflow"/>, <see cref="DetectorOptions.MaxFrameAge"/>) gives dropped ones, too, with
    /// that status. Exceptions come from the enumeration, after the frames before them.
    /// </remarks>
    /// <exception cref="MediaException">The video cannot be opened or read, or is damaged. A live one that was lost is waited for, unless
    /// <see cref="VideoReaderOptions.Reconnects"/> is off.</exception>
    /// <exception cref="NativeLibraryException">ffmpeg is not found or cannot be started.</exception>
    /// <exception cref="ArgumentException">A frame of the video is larger than a slot, or an option is wrong.</exception>
    /// <exception cref="InferenceException">The engine failed on a frame.</exception>
    /// <exception cref="DetectorFaultedException">The detector met an error it cannot go on after.</exception>
    /// <exception cref="ObjectDisposedException">The detector was disposed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IAsyncEnumerable<VideoDetections> DetectVideoAsync(
        this IDetector detector, string path, VideoReaderOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(detector);
        ArgumentException.ThrowIfNullOrEmpty(path);
        return DetectAsync(detector, (ahead, end) => ReadFramesAsync(detector, path, options, source: 0, ahead, end), cancellationToken);
    }

    private static async IAsyncEnumerable<VideoDetections> DetectAsync(
        IDetector detector, FrameFeed feed, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<PendingFrame> ahead = Channel.CreateBounded<PendingFrame>(
            new BoundedChannelOptions(Math.Max(1, detector.SlotCount)) { SingleReader = true, SingleWriter = true });
        Task reading = ReadAheadAsync(feed, ahead.Writer, end.Token);
        try
        {
            while (await IsMoreAsync(ahead.Reader, cancellationToken).ConfigureAwait(false))
            {
                while (ahead.Reader.TryRead(out PendingFrame frame))
                {
                    yield return await frame.WaitAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            await end.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(false);
            while (ahead.Reader.TryRead(out PendingFrame frame))
            {
                await frame.DiscardAsync().ConfigureAwait(false);
            }
        }
    }

    // Throws nothing; the reader of the channel gets what goes wrong, behind the frames before it.
    private static async Task ReadAheadAsync(FrameFeed feed, ChannelWriter<PendingFrame> ahead, CancellationToken end)
    {
        Exception? failure = null;
        try
        {
            await feed(ahead, end).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever goes wrong belongs to the caller who waits for frames.
        catch (Exception error)
#pragma warning restore CA1031
        {
            failure = error;
        }

        ahead.Complete(failure);
    }

    private static async Task ReadFramesAsync(
        IDetector detector, string path, VideoReaderOptions? options, int source, ChannelWriter<PendingFrame> ahead, CancellationToken end)
    {
        VideoReader video = await VideoReader.OpenAsync(path, options, end).ConfigureAwait(false);
        await using (video.ConfigureAwait(false))
        {
            await ReadFramesAsync(detector, video, source, ahead, end).ConfigureAwait(false);
        }
    }

    private static async Task ReadFramesAsync(
        IDetector detector, VideoReader video, int source, ChannelWriter<PendingFrame> ahead, CancellationToken end)
    {
        // Room first, so that nothing is submitted that cannot be handed over, and no slot waits for the caller.
        while (await ahead.WaitToWriteAsync(end).ConfigureAwait(false))
        {
            using FrameSlot slot = await detector.RentAsync(video.Format, end).ConfigureAwait(false);
            if (!await video.ReadFrameAsync(slot.Memory, end).ConfigureAwait(false))
            {
                return;
            }

            ValueTask<DetectionResult> result = detector.SubmitAsync(slot, source, cancellationToken: end);
            _ = ahead.TryWrite(new PendingFrame(video.FramesRead - 1, video.Timestamp, video.Format, result));
        }
    }

    // With the caller's own token in the exception.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<bool> IsMoreAsync(ChannelReader<PendingFrame> ahead, CancellationToken cancellationToken)
    {
        try
        {
            return await ahead.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (OperationCanceledException error) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(error.Message, error, cancellationToken);
        }
    }

    /// <summary>Reads a video to its end, and submits its frames to a detector.</summary>
    private delegate Task FrameFeed(ChannelWriter<PendingFrame> ahead, CancellationToken end);

    /// <summary>A frame that was submitted. One of the two methods is called, once.</summary>
    internal readonly record struct PendingFrame(
        long Number, TimeSpan Timestamp, FrameFormat Format, ValueTask<DetectionResult> Result, bool FollowsDamage = false)
    {
        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        public async ValueTask<VideoDetections> WaitAsync(CancellationToken cancellationToken)
        {
            try
            {
                using DetectionResult result = await Result.ConfigureAwait(false);
                return new VideoDetections(
                    Number, Timestamp, Format, result.IsDropped ? [] : result.ToArray(), result.Status, FollowsDamage, result.Latency);
            }
            catch (OperationCanceledException error) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(error.Message, error, cancellationToken);
            }
        }

        public async ValueTask DiscardAsync()
        {
            try
            {
                (await Result.ConfigureAwait(false)).Dispose();
            }
#pragma warning disable CA1031 // Nobody waits for this frame any more, and what ended the enumeration is on its way.
            catch (Exception)
#pragma warning restore CA1031
            {
            }
        }
    }
}
