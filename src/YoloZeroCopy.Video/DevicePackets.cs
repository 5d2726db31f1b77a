using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Decodes the packets of one video on the GPU, on a thread of its own, and hands on what is submitted. What fails is begun anew.</summary>
/// <remarks>One call at a time.</remarks>
internal sealed class DevicePackets : IAsyncDisposable
{
    private const int FirstPacketBytes = 1 << 20;

    private readonly Func<VideoCodec, DeviceFrameTaker, IDeviceVideo> make;
    private readonly DeviceFrameTaker taker;
    private readonly bool isLive;
    private readonly CancellationToken end;
    private readonly FrameWorker worker;
    private IDeviceVideo? video;
    private VideoCodec codec;
    private ReadOnlyMemory<byte> headers;
    private VideoCodec begunCodec;
    private ReadOnlyMemory<byte> begunHeaders;
    private VideoPacket packet;
    private bool needsKey = true;
    private bool hasFailed;
    private long frames;
    private long damagedBefore;

    /// <param name="make">Makes the decoder of a codec.</param>
    /// <param name="isLive">Whether the video goes on when its decoder failed.</param>
    /// <param name="taker">Gets the frames.</param>
    /// <param name="end">Ends everything.</param>
    public DevicePackets(Func<VideoCodec, DeviceFrameTaker, IDeviceVideo> make, bool isLive, DeviceFrameTaker taker, CancellationToken end)
    {
        this.make = make;
        this.isLive = isLive;
        this.taker = taker;
        this.end = end;

        // Whatever it waits for ends with the token.
        worker = new FrameWorker("YoloZeroCopy video decoder", Decode, static () => { });
    }

    /// <summary>Frames that were taken, with one that just is.</summary>
    public long Frames => Volatile.Read(ref frames);

    /// <summary>Pictures that could not be decoded.</summary>
    public long DamagedPictures => damagedBefore + (video?.DamagedPictures ?? 0);

    /// <summary>Reads a video to its end.</summary>
    /// <param name="video">A reader of packets, connected.</param>
    /// <param name="beforeRead">Awaited before each packet is read: whether there is room for more.</param>
    /// <param name="beforeDecode">Awaited with each packet before it is decoded; null for nothing.</param>
    /// <inheritdoc cref="DecodeAsync" path="/exception"/>
    /// <inheritdoc cref="VideoReader.ReadPacketAsync" path="/exception"/>
    public async Task ReadAsync(VideoReader video, Func<ValueTask<bool>> beforeRead, Func<VideoPacket, ValueTask>? beforeDecode = null)
    {
        byte[] buffer = new byte[FirstPacketBytes];
        while (await beforeRead().ConfigureAwait(false))
        {
            if (!await video.ReadPacketAsync(buffer, end).ConfigureAwait(false))
            {
                await FlushAsync().ConfigureAwait(false);
                return;
            }

            if (video.Packet.Size > buffer.Length)
            {
                // Nothing was read; the same packet comes again.
                buffer = new byte[Math.Max(video.Packet.Size, 2 * buffer.Length)];
                continue;
            }

            if (beforeDecode is not null)
            {
                await beforeDecode(video.Packet).ConfigureAwait(false);
            }

            await DecodeAsync(buffer.AsMemory(0, video.Packet.Size), video.Packet, video.Codec, video.Extradata).ConfigureAwait(false);
        }
    }

    /// <summary>Decodes one packet. Of a live video whose decoder fails, what comes until the next key frame is passed by.</summary>
    /// <param name="bytes">The packet.</param>
    /// <param name="described">What stands beside it.</param>
    /// <param name="streamCodec">How it is coded.</param>
    /// <param name="extradata">What a decoder needs before the first packet.</param>
    /// <exception cref="NotSupportedException">The GPU does not decode this video.</exception>
    /// <exception cref="CudaException">The driver refused, of a live video for the second time without a frame in between.</exception>
    /// <exception cref="CudaJpegException">nvJPEG failed, likewise.</exception>
    /// <exception cref="CudaUnavailableException">NVIDIA's library for such videos is not there.</exception>
    public async ValueTask DecodeAsync(
        ReadOnlyMemory<byte> bytes, VideoPacket described, VideoCodec streamCodec, ReadOnlyMemory<byte> extradata)
    {
        packet = described;
        codec = streamCodec;
        headers = extradata;
        _ = await worker.RunAsync(bytes, System.Diagnostics.Stopwatch.GetTimestamp(), end).ConfigureAwait(false);
    }

    /// <summary>Submits the frames that still wait, at the end.</summary>
    public async ValueTask FlushAsync() => _ = await worker.RunAsync(default, 0, end).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        await worker.StopAsync().ConfigureAwait(false);
        video?.Dispose();
    }

    // On the worker's thread.
    private bool Decode(ReadOnlyMemory<byte> bytes, long arrivedAt)
    {
        try
        {
            if (bytes.IsEmpty)
            {
                video?.Flush(end);
                return true;
            }

            if (packet.IsFirst)
            {
                // The pictures before it are shown, and the stream begins as if nothing had been.
                video?.Flush(end);
                if (IsRepeat())
                {
                    DecodeHeaders(video!);
                }
                else
                {
                    Forget();
                }

                needsKey = true;
            }

            if (needsKey && !packet.IsKey)
            {
                return true;
            }

            video ??= Begin();
            needsKey = false;
            video.Decode(bytes.Span, packet.Timestamp, arrivedAt, end);
        }
        catch (Exception error) when (isLive && !hasFailed && error is (CudaJpegException or CudaException { IsSticky: false }))
        {
            hasFailed = true;
            Forget();
        }

        return true;
    }

    private IDeviceVideo Begin()
    {
        IDeviceVideo begun = make(codec, Take);
        try
        {
            DecodeHeaders(begun);
        }
        catch
        {
            begun.Dispose();
            throw;
        }

        begunCodec = codec;
        begunHeaders = headers;
        return begun;
    }

    // A file that begins anew keeps its decoder: to make one takes longer than many pictures, and while one is made no other decodes.
    private bool IsRepeat() => !isLive && video is not null && codec == begunCodec && headers.Span.SequenceEqual(begunHeaders.Span);

    private void DecodeHeaders(IDeviceVideo begun)
    {
        if (!headers.IsEmpty)
        {
            begun.DecodeHeaders(headers.Span);
        }
    }

    private void Forget()
    {
        damagedBefore = DamagedPictures;
        video?.Dispose();
        video = null;
        needsKey = true;
    }

    private bool Take(in DeviceFrame frame, in ExternalFrame external, CancellationToken cancellationToken)
    {
        hasFailed = false;
        bool isTaken = false;
        Volatile.Write(ref frames, frames + 1);
        try
        {
            isTaken = taker(frame, external, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref frames, frames - (isTaken ? 0 : 1));
        }

        return isTaken;
    }
}
