namespace YoloZeroCopy.Cuda;

/// <summary>How a <see cref="CudaJpegDecoder"/> works.</summary>
public sealed record CudaJpegDecoderOptions
{
    /// <summary>Largest width and height that a JPEG can have.</summary>
    private const int LargestSide = 65_535;

    /// <summary>What undoes the Huffman code.</summary>
    public CudaJpegBackend Backend { get; init; }

    /// <summary>How the pictures lie in memory.</summary>
    public CudaJpegLayout Layout { get; init; } = CudaJpegLayout.Bgr;

    /// <summary>Pictures that receivers may hold at a time, 1 to 16. When all are held, decoding waits for one to come back.</summary>
    public int MaxFramesHeld { get; init; } = 4;

    /// <summary>Largest width and height of a picture, in pixels. A JPEG that declares more is refused before memory is taken.</summary>
    public int MaxWidth { get; init; } = 8192;

    /// <inheritdoc cref="MaxWidth"/>
    public int MaxHeight { get; init; } = 8192;

    /// <summary>
    /// Where memory for pictures comes from, so that decoders that come and go take it over from each other; null allocates and frees it, for which
    /// the device is waited for. Of the decoder's context. When it is disposed, the decoder goes on without it. A decoder takes no more of it at a
    /// time than <see cref="MaxFramesHeld"/> pictures of <see cref="MaxWidth"/> x <see cref="MaxHeight"/>.
    /// </summary>
    public CudaBlockPool? Memory { get; init; }

    internal void Validate()
    {
        Check(Enum.IsDefined(Backend), nameof(Backend), (int)Backend, string.Join(", ", Enum.GetNames<CudaJpegBackend>()));
        Check(Enum.IsDefined(Layout), nameof(Layout), (int)Layout, string.Join(", ", Enum.GetNames<CudaJpegLayout>()));
        Check(MaxFramesHeld is >= 1 and <= 16, nameof(MaxFramesHeld), MaxFramesHeld, "1 to 16");
        Check(MaxWidth is >= 1 and <= LargestSide, nameof(MaxWidth), MaxWidth, $"1 to {LargestSide}");
        Check(MaxHeight is >= 1 and <= LargestSide, nameof(MaxHeight), MaxHeight, $"1 to {LargestSide}");
    }

    private static void Check(bool isGood, string name, int given, string wanted)
    {
        if (!isGood)
        {
            throw new ArgumentException($"{name} is {given}; wanted is {wanted}.");
        }
    }
}
