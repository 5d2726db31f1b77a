using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Decodes a video whose packets are JPEGs on a detector's GPU.</summary>
internal sealed class DeviceMjpeg : IDeviceVideo, IFrameOwner
{
    private readonly DeviceFrameTaker taker;
    private readonly CudaContext context;
    private readonly DecoderDevice? device;
    private readonly CudaJpegDecoder decoder;
    private long damagedPictures;

    /// <param name="detector">A detector on CUDA.</param>
    /// <param name="options">How it is decoded; as <see cref="CudaJpegLayout.Bgr"/>, whatever the layout.</param>
    /// <param name="taker">Gets the frames.</param>
    /// <exception cref="ArgumentException">The detector is none on CUDA, or an option is wrong.</exception>
    /// <exception cref="CudaUnavailableException">nvJPEG is not there.</exception>
    /// <exception cref="CudaJpegException">nvJPEG does not start.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public DeviceMjpeg(YoloDetector detector, CudaJpegDecoderOptions options, DeviceFrameTaker taker)
        : this(DeviceVideo.DeviceFor(detector), options, taker)
    {
    }

    private DeviceMjpeg(DecoderDevice device, CudaJpegDecoderOptions options, DeviceFrameTaker taker)
        : this(DeviceVideo.OpenContext(device), context => new CudaJpegDecoder(context, OptionsFor(device.Memory, options)), taker, device)
    {
    }

    /// <summary>The options as a detector's frames need them, with the memory that its decoders take over from each other.</summary>
    internal static CudaJpegDecoderOptions OptionsFor(CudaBlockPool? memory, CudaJpegDecoderOptions options) => options with
    {
        Layout = CudaJpegLayout.Bgr,
        Memory = options.Memory ?? memory,
    };

    /// <summary>With a context of its own, for tests; it is disposed with this.</summary>
    internal DeviceMjpeg(CudaContext context, Func<CudaContext, CudaJpegDecoder> make, DeviceFrameTaker taker, DecoderDevice? device = null)
    {
        this.context = context;
        this.device = device;
        this.taker = taker;
        try
        {
            decoder = make(context);
        }
        catch
        {
            context.Dispose();
            device?.Dispose();
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

        bool isTaken = false;
        try
        {
            FrameFormat format = new(PixelFormat.Bgr24, frame.Width, frame.Height, frame.Pitch);
            ExternalFrame external = ExternalFrame.OnDevice(frame.Address.Value, 0, format, frame.Ready.Value, this, frame.Token);
            isTaken = taker(new DeviceFrame(timestamp, format, FollowsDamage: false, arrivedAt), external, cancellationToken);
        }
        finally
        {
            // Otherwise the owner hears, even of a detector that is gone.
            if (!isTaken)
            {
                decoder.Release(frame.Token);
            }
        }
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
        device?.Dispose();
    }
}
