using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Decodes one video on a detector's GPU. The detector reads the frames where they were decoded, and gives them back.</summary>
/// <remarks>One thread at a time decodes; disposal from any.</remarks>
internal sealed class DeviceVideo : IDeviceVideo, ICudaVideoReceiver, IFrameOwner
{
    // More than a decoder holds pictures: what is known of a packet is asked for when its picture is shown.
    private const int PacketsRemembered = 128;

    private readonly DeviceFrameTaker taker;
    private readonly CudaContext context;
    private readonly DecoderDevice? device;
    private readonly CudaVideoDecoder decoder;
    private readonly (TimeSpan Timestamp, long ArrivedAt, bool IsShown)[] packets = new (TimeSpan, long, bool)[PacketsRemembered];
    private long packetCount;
    private CancellationToken cancellation;

    /// <param name="detector">A detector on CUDA.</param>
    /// <param name="options">How it is decoded.</param>
    /// <param name="taker">Gets the frames.</param>
    /// <exception cref="ArgumentException">The detector is none on CUDA, or an option is wrong.</exception>
    /// <exception cref="CudaUnavailableException">NVIDIA's library for video decoding is not there.</exception>
    /// <exception cref="NotSupportedException">The device does not decode this codec.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public DeviceVideo(YoloDetector detector, CudaVideoDecoderOptions options, DeviceFrameTaker taker)
        : this(DeviceFor(detector), options, taker)
    {
    }

    private DeviceVideo(DecoderDevice device, CudaVideoDecoderOptions options, DeviceFrameTaker taker)
        : this(OpenContext(device), (context, self) => new CudaVideoDecoder(context, options, self), taker, device)
    {
    }

    /// <summary>With a context of its own, for tests; it is disposed with this.</summary>
    internal DeviceVideo(
        CudaContext context, Func<CudaContext, ICudaVideoReceiver, CudaVideoDecoder> make, DeviceFrameTaker taker, DecoderDevice? device = null)
    {
        this.context = context;
        this.device = device;
        this.taker = taker;
        try
        {
            decoder = make(context, this);
        }
        catch
        {
            context.Dispose();
            device?.Dispose();
            throw;
        }
    }

    /// <inheritdoc cref="CudaVideoDecoder.DamagedPictures"/>
    public long DamagedPictures => decoder.DamagedPictures;

    /// <inheritdoc/>
    /// <inheritdoc cref="CudaVideoDecoder.DecodeHeaders" path="/exception"/>
    public void DecodeHeaders(ReadOnlySpan<byte> headers) => decoder.DecodeHeaders(headers);

    /// <inheritdoc/>
    /// <inheritdoc cref="CudaVideoDecoder.Decode" path="/exception"/>
    public void Decode(ReadOnlySpan<byte> packet, TimeSpan timestamp, long arrivedAt, CancellationToken cancellationToken)
    {
        packets[packetCount++ % PacketsRemembered] = (timestamp, arrivedAt, false);
        cancellation = cancellationToken;
        decoder.Decode(packet, timestamp.Ticks, cancellationToken);
    }

    /// <inheritdoc/>
    /// <inheritdoc cref="CudaVideoDecoder.Flush" path="/exception"/>
    public void Flush(CancellationToken cancellationToken)
    {
        cancellation = cancellationToken;
        decoder.Flush(cancellationToken);
    }

    /// <inheritdoc/>
    void ICudaVideoReceiver.OnFrame(in CudaVideoFrame frame)
    {
        TimeSpan timestamp = TimeSpan.FromTicks(frame.Timestamp);
        FrameFormat format = FormatOf(frame);
        ExternalFrame external = ExternalFrame.OnDevice(
            frame.Luma.Value, frame.Chroma.Value, format, frame.Ready.Value, this, frame.Token);
        if (!taker(new DeviceFrame(timestamp, format, frame.FollowsDamage, ArrivalOf(timestamp)), external, cancellation))
        {
            decoder.Release(frame.Token);
        }
    }

    /// <inheritdoc/>
    void IFrameOwner.OnFrameFree(long token) => decoder.Release(token);

    /// <summary>Ends decoding. Frames that the detector has stay until it gives them back.</summary>
    public void Dispose()
    {
        decoder.Dispose();
        context.Dispose();
        device?.Dispose();
    }

    /// <summary>The device that decodes for a detector: of several the one with the fewest decoders.</summary>
    internal static DecoderDevice DeviceFor(YoloDetector detector) => detector.CudaOrdinal is not null
        ? detector.TakeDecoderDevice()
        : throw new ArgumentException(
            $"A video is decoded on the GPU for a detector on CUDA; this one runs on {detector.Device}.", nameof(detector));

    internal static CudaContext OpenContext(DecoderDevice device)
    {
        try
        {
            return CudaDevice.Get(device.Ordinal).OpenContext();
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    // Of packets with one time, the first that was not asked for: it is shown first. Where none is known, the parser has made the time up.
    private long ArrivalOf(TimeSpan timestamp)
    {
        long oldest = Math.Max(0, packetCount - PacketsRemembered);
        for (long packet = oldest; packet < packetCount; packet++)
        {
            ref (TimeSpan Timestamp, long ArrivedAt, bool IsShown) known = ref packets[packet % PacketsRemembered];
            if (known.Timestamp == timestamp && !known.IsShown)
            {
                known.IsShown = true;
                return known.ArrivedAt;
            }
        }

        return packets[(packetCount - 1) % PacketsRemembered].ArrivedAt;
    }

    private static FrameFormat FormatOf(in CudaVideoFrame frame)
    {
        // Where a video does not say its matrix, it is taken as VideoReader takes it.
        bool isBt709 = frame.Format.Matrix == 1;
        return new FrameFormat(
            frame.Format.BitDepth == 8 ? PixelFormat.Nv12 : PixelFormat.P010, frame.Format.Width, frame.Format.Height, frame.Pitch)
        {
            Color = frame.Format.IsFullRange
                ? isBt709 ? YuvColor.Bt709Full : YuvColor.Bt601Full
                : isBt709 ? YuvColor.Bt709Limited : YuvColor.Bt601Limited,
        };
    }
}
