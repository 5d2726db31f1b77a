using System.Globalization;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>
/// Processes whose memory on the device is looked at from outside. Each tells where it stands in a line, <c>phase NAME BYTES</c> with what is planned
/// up to there, and goes on when it is answered.
/// </summary>
internal static class MemoryChildren
{
    private const int Decoders = 4;

    public static async Task RunAsync(string name)
    {
        string[] parts = name.Split(',');
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        Phase("context", 0);
        switch (parts)
        {
            case [_, "plan", string model, string precision, string batch, string lanes]:
                await OpenAsync(model, Enum.Parse<Precision>(precision), int.Parse(batch, null), int.Parse(lanes, null));
                break;
            case [_, "video", string clip]:
                DecodeVideo(context, new VideoClip(clip));
                break;
            case [_, "jpeg", string backend]:
                DecodeJpeg(context, Enum.Parse<CudaJpegBackend>(backend));
                break;
            default:
                throw new ArgumentException($"'{name}' is none of these.", nameof(name));
        }
    }

    private static async Task OpenAsync(string model, Precision precision, int batch, int lanes)
    {
        await using YoloDetector detector = YoloDetector.Open(model, new DetectorOptions
        {
            Device = Device.Cuda(),
            Precision = precision,
            MaxBatch = batch,
            Lanes = lanes,
            CompileInBackground = false,
        });
        Console.WriteLine(detector.Device);
        Console.WriteLine(detector.Memory);
        Phase("opened", detector.Memory.DeviceBytes);
        FrameFormat format = new(PixelFormat.Bgr24, 1920, 1080);
        byte[] pixels = new byte[format.ByteCount];
        for (int round = 0; round < 4; round++)
        {
            await Parallel.ForAsync(0, 2 * lanes * batch, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (_, stop) =>
            {
                using DetectionResult result = await detector.DetectAsync(pixels, format, cancellationToken: stop);
            });
        }

        Phase("run", detector.Memory.DeviceBytes);
    }

    private static void DecodeVideo(CudaContext context, VideoClip clip)
    {
        CudaVideoDecoderOptions options = new() { Codec = clip.Codec };
        List<CudaVideoDecoder> decoders = [];
        for (int count = 1; count <= Decoders; count++)
        {
            VideoReceiver receiver = new(context);
            CudaVideoDecoder decoder = new(context, options, receiver);
            receiver.Decoder = decoder;
            decoders.Add(decoder);
            foreach ((long timestamp, byte[] packet) in clip.Packets)
            {
                decoder.Decode(packet, timestamp);
            }

            CudaVideoFormat format = decoder.Format!.Value;
            long planned = VideoMemory.BytesOf(format.CodedWidth, format.CodedHeight, format.BitDepth, decoder.DecodeSurfaces, options.MaxFramesHeld);
            Console.WriteLine(FormattableString.Invariant(
                $"{format.Codec} {format.CodedWidth}x{format.CodedHeight} {format.BitDepth} bit: {decoder.DecodeSurfaces} surfaces for decoding"));
            Phase(FormattableString.Invariant($"decoders-{count}"), count * planned);
        }

        decoders.ForEach(static decoder => decoder.Dispose());
    }

    private static void DecodeJpeg(CudaContext context, CudaJpegBackend backend)
    {
        (_, byte[] file) = TestData.ReadJpegs()[0];
        CudaJpegDecoderOptions options = new() { Backend = backend };
        List<CudaJpegDecoder> decoders = [];
        for (int count = 1; count <= Decoders; count++)
        {
            CudaJpegDecoder decoder = new(context, options);
            decoders.Add(decoder);
            List<CudaJpegFrame> held = [];
            for (int picture = 0; picture < options.MaxFramesHeld; picture++)
            {
                held.Add(decoder.Decode(file));
            }

            (int width, int height) = (held[0].Width, held[0].Height);
            held.ForEach(frame => decoder.Release(frame.Token));
            Console.WriteLine(FormattableString.Invariant($"JPEG {width}x{height}, {decoder.Backend}"));
            Phase(FormattableString.Invariant($"decoders-{count}"), count * CudaJpegDecoder.PlanDeviceBytes(options, width, height));
        }

        decoders.ForEach(static decoder => decoder.Dispose());
    }

    private static void Phase(string name, long plannedBytes)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"phase {name} {plannedBytes}"));
        _ = Console.In.ReadLine();
    }
}
