using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>What a plan of memory is to be for, beside the detector's own options.</summary>
public sealed record MemoryPlanOptions
{
    /// <summary>Cameras or videos whose frames are detected in, 0 to 100,000.</summary>
    public int Streams { get; init; }

    /// <summary>
    /// Their frames. Null takes <see cref="DetectorOptions.SlotBytes"/> for their size; it is needed where the device decodes them.
    /// </summary>
    public FrameFormat? Frame { get; init; }

    /// <summary>
    /// How a decoder on the device works, one for each stream, where videos are decoded there; null where frames come into slots. Of the slots one
    /// is then left.
    /// </summary>
    public CudaVideoDecoderOptions? Decoder { get; init; }

    /// <summary>
    /// How nvJPEG decodes each stream's pictures on the device, in place of <see cref="Decoder"/>; null where it does not. Of the slots one is then
    /// left.
    /// </summary>
    public CudaJpegDecoderOptions? JpegDecoder { get; init; }

    /// <summary>
    /// Slots that each stream has of its own, as a source of a <see cref="SourceHub"/> does (<see cref="HubSourceOptions.FramesAhead"/>), 2 to 64; of
    /// the detector's one is then left. 0: each stream has one more of the detector's.
    /// </summary>
    public int FramesAhead { get; init; }

    /// <summary>Bytes of the host that each stream takes beside slots, such as a program's that decodes it.</summary>
    public long DecoderProgramBytes { get; init; }

    /// <summary>
    /// Bytes of a device to plan for, by formula, whether there is one or not: <see cref="GpuCard.MemoryBytes"/>, for example. Null plans for the
    /// device that <see cref="DetectorOptions.Device"/> names, asks it, and takes what is free there.
    /// </summary>
    public long? DeviceBytes { get; init; }

    /// <summary>Bytes of the host that the process may have. Null takes this machine's, and none where <see cref="DeviceBytes"/> is given.</summary>
    public long? HostBytes { get; init; }

    internal void Validate()
    {
        DetectorOptions.ThrowIfOutside(Streams, 0, 100_000, nameof(Streams));
        if (FramesAhead != 0)
        {
            HubSourceOptions.ThrowIfNotAhead(FramesAhead);
        }

        DetectorOptions.ThrowIfOutside(DecoderProgramBytes, 0L, 1L << 40, nameof(DecoderProgramBytes));
        DetectorOptions.ThrowIfOutside(DeviceBytes ?? 1, 1L, long.MaxValue, nameof(DeviceBytes));
        DetectorOptions.ThrowIfOutside(HostBytes ?? 1, 1L, long.MaxValue, nameof(HostBytes));
        if (DecodesOnDevice && Frame is null)
        {
            throw new ArgumentException($"A decoder is given and {nameof(Frame)} is not, of which its surfaces are.", nameof(Frame));
        }

        if (Decoder is not null && JpegDecoder is not null)
        {
            throw new ArgumentException($"{nameof(Decoder)} and {nameof(JpegDecoder)} are given; a stream has one of them.", nameof(JpegDecoder));
        }

        if (DecodesOnDevice && FramesAhead != 0)
        {
            throw new ArgumentException(
                $"A decoder and {nameof(FramesAhead)} are given; frames that the device decodes lie in no slots.", nameof(FramesAhead));
        }

        if (DecodesOnDevice && DecoderProgramBytes != 0)
        {
            throw new ArgumentException(
                $"A decoder and {nameof(DecoderProgramBytes)} are given; a stream is decoded on the device or by a program.",
                nameof(DecoderProgramBytes));
        }
    }

    internal bool DecodesOnDevice => Decoder is not null || JpegDecoder is not null;

    /// <summary>A stream's decoder; null where none is there.</summary>
    internal ExpectedDecoders? Decoders => !DecodesOnDevice ? null : new ExpectedDecoders
    {
        Count = 1,
        Width = Frame!.Value.Width,
        Height = Frame.Value.Height,
        BitDepth = Frame.Value.PixelFormat == PixelFormat.P010 ? 10 : 8,
        Decoder = Decoder,
        JpegDecoder = JpegDecoder,
    };
}
