using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Decodes the packets of one stream of a benchmark, and counts the frames there or has them detected in.</summary>
internal abstract class StreamDecoder : IDisposable
{
    /// <param name="packet">One picture.</param>
    /// <param name="arrivedAt">When it came.</param>
    public abstract void Decode(ReadOnlySpan<byte> packet, long arrivedAt);

    public abstract void Dispose();

    /// <summary>Only decoded, on the device.</summary>
    public static StreamDecoder Of(VideoStream stream, CudaContext context, CudaVideoDecoderOptions options) =>
        new VideoOnly(stream, context, options);

    /// <inheritdoc cref="Of(VideoStream, CudaContext, CudaVideoDecoderOptions)"/>
    public static StreamDecoder Of(VideoStream stream, CudaContext context, CudaJpegDecoderOptions options) =>
        new JpegOnly(stream, context, options);

    /// <summary>Decoded on the device, and detected in.</summary>
    public static StreamDecoder Of(IDeviceVideo video) => new OnDevice(video);

    /// <summary>JPEGs, decoded by the processor; detected in through slots, or with no detector only decoded.</summary>
    public static StreamDecoder OfPictures(VideoStream stream, YoloDetector? detector, int source) => new Pictures(stream, detector, source);

    private sealed class VideoOnly : StreamDecoder, ICudaVideoReceiver
    {
        private readonly VideoStream stream;
        private readonly CudaVideoDecoder decoder;
        private long packets;

        public VideoOnly(VideoStream stream, CudaContext context, CudaVideoDecoderOptions options)
        {
            this.stream = stream;
            decoder = new CudaVideoDecoder(context, options, this);
        }

        public override void Decode(ReadOnlySpan<byte> packet, long arrivedAt) => decoder.Decode(packet, packets++);

        public void OnFrame(in CudaVideoFrame frame)
        {
            decoder.Release(frame.Token);
            stream.Count();
        }

        public override void Dispose() => decoder.Dispose();
    }

    private sealed class JpegOnly(VideoStream stream, CudaContext context, CudaJpegDecoderOptions options) : StreamDecoder
    {
        private readonly CudaJpegDecoder decoder = new(context, options);

        public override void Decode(ReadOnlySpan<byte> packet, long arrivedAt)
        {
            // Its surface waits for it to be complete before it takes the next one.
            decoder.Release(decoder.Decode(packet).Token);
            stream.Count();
        }

        public override void Dispose() => decoder.Dispose();
    }

    private sealed class OnDevice(IDeviceVideo video) : StreamDecoder
    {
        public override void Decode(ReadOnlySpan<byte> packet, long arrivedAt) =>
            video.Decode(packet, TimeSpan.Zero, arrivedAt, CancellationToken.None);

        public override void Dispose() => video.Dispose();
    }

    private sealed class Pictures(VideoStream stream, YoloDetector? detector, int source) : StreamDecoder
    {
        private byte[] pixels = [];

        public override void Decode(ReadOnlySpan<byte> packet, long arrivedAt)
        {
            PictureInfo info = PictureFile.ReadInfo(packet);
            FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
            if (detector is null)
            {
                pixels = pixels.Length < format.ByteCount ? new byte[format.ByteCount] : pixels;
                PictureFile.Decode(packet, pixels, format);
                stream.Count();
                return;
            }

            // On a thread of its own, which may wait.
            using FrameSlot slot = detector.RentAsync(format).AsTask().GetAwaiter().GetResult();
            PictureFile.Decode(packet, slot.Span, format);
            stream.Await(detector.SubmitAsync(slot, source, arrivedAt));
        }

        public override void Dispose()
        {
        }
    }
}
