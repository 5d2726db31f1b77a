using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Decodes a video whose packets are JPEGs on a detector's GPU.</summary>
internal sealed class DeviceMjpeg : IDeviceVideo, IFrameOwner
{
    private readonly YoloDetector detector;
    private readonly DeviceFrameReceiver receiver;
    private readonly int source;
    private readonly CudaContext context;
    private readonly CudaJpegDecoder decoder;
    private long damagedPictures;

    /// <param name="detector">A detector on CUDA.</param>
    /// <param name="options">How it is decoded; as <see cref="CudaJpegLayout.Bgr"/>, whatever the layout.</param>
    /// <param name="source">Number of the video among the detector's sources.</param>
    /// <param name="receiver">Gets the results.</param>
    /// <exception cref="ArgumentException">The detector is none on CUDA, or an option is wrong.</exception>
    /// <exception cref="CudaUnavailableException">nvJPEG is not there.</exception>
    /// <exception cref="CudaJpegException">nvJPEG does not start.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public DeviceMjpeg(YoloDetector detector, CudaJpegDecoderOptions options, int source, DeviceFrameReceiver receiver)
        : this(
            detector,
            DeviceVideo.OpenContext(detector),
            context => new CudaJpegDecoder(context, options with { Layout = CudaJpegLayout.Bgr }),
            source,
            receiver)
    {
    }

    /// <summary>With a context of its own, for tests; it is disposed with this.</summary>
    internal DeviceMjpeg(
        YoloDetector detector, CudaContext context, Func<CudaContext, CudaJpegDecoder> make, int source, DeviceFrameReceiver receiver)
    {
        this.detector = detector;
        this.context = context;
        this.receiver = receiver;
        this.source = source;
        try
        {
            decoder = make(context);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public long DamagedPictures => Volatile.Read(ref damagedPictures);

    /// <summary>Does nothing: every JPEG has its own.</summary>
    public void DecodeHeaders(ReadOnlySpan<byte> headers)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The pictures are of a kind that nvJPEG is not given: progressive, of several scans, RGB.</exception>
    /// <exception cref="CudaJpegException">nvJPEG failed.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="ObjectDisposedException">This was disposed.</exception>
    public void Decode(ReadOnlySpan<byte> packet, TimeSpan timestamp, long arrivedAt, CancellationToken cancellationToken)
    {
        CudaJpegFrame frame;
        try
        {
            frame = decoder.Decode(packet, cancellationToken);
        }
        catch (InvalidDataException)
        {
            // Half a picture, as a bad line or a bad cable gives it. The next one is whole.
            Volatile.Write(ref damagedPictures, damagedPictures + 1);
            return;
        }

        FrameFormat format;
        ValueTask<DetectionResult> result;
        try
        {
            format = new FrameFormat(PixelFormat.Bgr24, frame.Width, frame.Height, frame.Pitch);
            ExternalFrame external = ExternalFrame.OnDevice(frame.Address.Value, 0, format, frame.Ready.Value, this, frame.Token);
            result = detector.SubmitAsync(external, source, arrivedAt, cancellationToken);
        }
        catch (ArgumentException)
        {
            // Not taken. Otherwise the owner hears, even of a detector that is gone.
            decoder.Release(frame.Token);
            throw;
        }

        receiver(new DeviceFrame(timestamp, format, FollowsDamage: false), result);
    }

    /// <summary>Does nothing: no frame waits.</summary>
    public void Flush(CancellationToken cancellationToken)
    {
    }

    /// <inheritdoc/>
    void IFrameOwner.OnFrameFree(long token) => decoder.Release(token);

    /// <summary>Ends decoding. Frames that the detector has stay until it gives them back.</summary>
    public void Dispose()
    {
        decoder.Dispose();
        context.Dispose();
    }
}
