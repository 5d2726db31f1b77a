using System.ComponentModel;
using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Decoders of one kind on the device that will give a detector frames: sources that come and go while it runs.</summary>
/// <remarks>
/// Opening counts them in the <see cref="MemoryPlan"/>. Pictures of nvJPEG it allocates, in <see cref="YoloDetector.DecoderMemory"/>, so that no
/// source asks the driver for memory later. What NVDEC and nvJPEG take for themselves they take when a decoder begins; the plan leaves it free for
/// them.
/// </remarks>
[TypeConverter(typeof(ExpectedDecodersConverter))]
public sealed record ExpectedDecoders
{
    /// <summary>Pictures that a camera's decoder lets the detector hold: those of videos that are sources of a <see cref="SourceHub"/>.</summary>
    public const int CameraFramesHeld = 6;

    private const int MostCount = 4096;
    private const string Jpeg = "mjpeg";

    /// <summary>Decoders at one time, 1 to 4096.</summary>
    public required int Count { get; init; }

    /// <summary>Width of their pictures, in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of their pictures, in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>Bits of a sample, 8 or 10.</summary>
    public int BitDepth { get; init; } = 8;

    /// <summary>How each works where it decodes a video (NVDEC). Either this or <see cref="JpegDecoder"/> is given.</summary>
    public CudaVideoDecoderOptions? Decoder { get; init; }

    /// <summary>How each works where it decodes JPEGs (nvJPEG). Its memory is the detector's.</summary>
    public CudaJpegDecoderOptions? JpegDecoder { get; init; }

    /// <summary>Bytes that are allocated beforehand for a picture; 0 where the decoder allocates by itself.</summary>
    internal long PictureBytes =>
        JpegDecoder is null ? 0 : (long)CudaBlockPool.ClassOf((ulong)CudaJpegDecoder.PlanPictureBytes(JpegDecoder, Width, Height));

    /// <summary>Pictures that are allocated beforehand.</summary>
    internal int Pictures => JpegDecoder is null ? 0 : Count * JpegDecoder.MaxFramesHeld;

    /// <summary>Bytes that a decoder's library takes for itself.</summary>
    internal long SurfaceBytes => Decoder is not null
        ? CudaVideoDecoder.PlanDeviceBytes(Decoder, Width, Height, BitDepth)
        : CudaJpegDecoder.PlanDeviceBytes(JpegDecoder, Width, Height)
            - (JpegDecoder!.MaxFramesHeld * CudaJpegDecoder.PlanPictureBytes(JpegDecoder, Width, Height));

    /// <summary>Reads what cameras are expected.</summary>
    /// <param name="text">Their number, codec (<c>h264</c>, <c>hevc</c>, <c>av1</c>, <c>mjpeg</c>) and size: <c>16 mjpeg 1920x1080</c>.</param>
    /// <returns>Decoders that hold up to <see cref="CameraFramesHeld"/> pictures, of 8 bits.</returns>
    /// <exception cref="FormatException">Any other text, or a number or size that no decoder takes.</exception>
    public static ExpectedDecoders Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 3 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && TryReadCodec(parts[1], out CudaVideoCodec? codec) && parts[2].Contains('x', StringComparison.OrdinalIgnoreCase))
        {
            // A size in pixels is written as a model's is.
            ModelInputSize size = ModelInputSize.Parse(parts[2]);
            ExpectedDecoders expected = new()
            {
                Count = count,
                Width = size.Width,
                Height = size.Height,
                Decoder = codec is CudaVideoCodec video ? new CudaVideoDecoderOptions { Codec = video, MaxFramesHeld = CameraFramesHeld } : null,
                JpegDecoder = codec is null ? new CudaJpegDecoderOptions { MaxFramesHeld = CameraFramesHeld } : null,
            };
            try
            {
                expected.Validate();
                return expected;
            }
            catch (ArgumentException error)
            {
                throw new FormatException($"'{text}': {error.Message}", error);
            }
        }

        throw new FormatException(
            $"'{text}' are no decoders; their number, codec ({Codecs}) and pictures' size are wanted, such as 16 {Jpeg} 1920x1080.");
    }

    /// <summary>Number, codec and size, as <see cref="Parse"/> reads them.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Count} {Decoder?.Codec.ToString().ToLowerInvariant() ?? Jpeg} {Width}x{Height}");

    private static string Codecs => string.Join(", ", [.. Enum.GetNames<CudaVideoCodec>().Select(static name => name.ToLowerInvariant()), Jpeg]);

    private static bool TryReadCodec(string text, out CudaVideoCodec? codec)
    {
        codec = Enum.GetValues<CudaVideoCodec>().Cast<CudaVideoCodec?>().FirstOrDefault(
            known => known.ToString()!.Equals(text, StringComparison.OrdinalIgnoreCase));
        return codec is not null || text.Equals(Jpeg, StringComparison.OrdinalIgnoreCase);
    }

    internal void Validate()
    {
        DetectorOptions.ThrowIfOutside(Count, 1, MostCount, nameof(Count));
        if (Decoder is null == JpegDecoder is null)
        {
            string given = Decoder is null ? "neither is" : "both are";
            throw new ArgumentException($"Of {nameof(Decoder)} and {nameof(JpegDecoder)} one is wanted, and {given} given.", nameof(Decoder));
        }

        if (JpegDecoder is not null && BitDepth != 8)
        {
            throw new ArgumentException($"{nameof(BitDepth)} is {BitDepth}; JPEGs have 8.", nameof(BitDepth));
        }

        if (JpegDecoder?.Memory is not null)
        {
            throw new ArgumentException(
                $"{nameof(JpegDecoder)} has a {nameof(CudaJpegDecoderOptions.Memory)} of its own, and what is expected is allocated in the "
                    + "detector's.",
                nameof(JpegDecoder));
        }

        // Sizes and numbers are the decoder's to check.
        _ = SurfaceBytes;
    }

    /// <summary>What they take of the device, by what it is for.</summary>
    internal static IEnumerable<MemoryPlanEntry> Plan(IReadOnlyList<ExpectedDecoders> expected) =>
    [
        .. Entry(MemoryItem.DecoderSurfaces, "decoders", expected.Select(static one => (one.Count, one.SurfaceBytes))),
        .. Entry(MemoryItem.DecoderPictures, "pictures", expected.Select(static one => (one.Pictures, one.PictureBytes))),
    ];

    private static IEnumerable<MemoryPlanEntry> Entry(MemoryItem item, string what, IEnumerable<(int Count, long Bytes)> parts)
    {
        (int Count, long Bytes)[] some = [.. parts.Where(static part => part.Count != 0)];
        if (some.Length != 0)
        {
            yield return new MemoryPlanEntry(
                item, MemoryPlace.Device, some.Sum(static part => part.Count * part.Bytes), MemoryEvidence.Formula,
                string.Join(" + ", some.Select(part => FormattableString.Invariant($"{part.Count} {what} x {part.Bytes} bytes"))));
        }
    }
}
