namespace YoloZeroCopy.Cuda;

/// <summary>How a <see cref="CudaVideoDecoder"/> works.</summary>
public sealed record CudaVideoDecoderOptions
{
    /// <summary>How the video is compressed.</summary>
    public required CudaVideoCodec Codec { get; init; }

    /// <summary>
    /// Pictures that receivers may hold at a time, 1 to 16. When all are held, decoding waits for one to come back. Each takes the memory of two
    /// pictures.
    /// </summary>
    public int MaxFramesHeld { get; init; } = 4;

    /// <summary>
    /// Pictures that may wait in the decoder before the first is shown, 0 to 4. 0 shows each as soon as it is decoded, and lets the decoding
    /// engine rest between the pictures of one stream; 2 to 4 keep it busy, which a single file needs and many streams do not. Where the stream's
    /// headers say that more must wait to be shown in their order, so many do.
    /// </summary>
    public int DisplayDelay { get; init; }

    /// <summary>Largest width and height, in pixels, to which the decoder adapts without being made anew; 0 for those of the first picture.</summary>
    public int MaxWidth { get; init; }

    /// <inheritdoc cref="MaxWidth"/>
    public int MaxHeight { get; init; }

    internal void Validate()
    {
        if (!Enum.IsDefined(Codec))
        {
            throw new ArgumentException($"{nameof(Codec)} is {Codec}; wanted is one of {string.Join(", ", Enum.GetNames<CudaVideoCodec>())}.");
        }

        Check(MaxFramesHeld is >= 1 and <= 16, nameof(MaxFramesHeld), MaxFramesHeld, "1 to 16");
        Check(DisplayDelay is >= 0 and <= 4, nameof(DisplayDelay), DisplayDelay, "0 to 4");
        Check(MaxWidth is >= 0 and <= 32768, nameof(MaxWidth), MaxWidth, "0 to 32768");
        Check(MaxHeight is >= 0 and <= 32768, nameof(MaxHeight), MaxHeight, "0 to 32768");
        if ((MaxWidth == 0) != (MaxHeight == 0))
        {
            throw new ArgumentException(
                $"{nameof(MaxWidth)} and {nameof(MaxHeight)} are given together or not at all; given are {MaxWidth}x{MaxHeight}.");
        }
    }

    private static void Check(bool isGood, string name, int given, string wanted)
    {
        if (!isGood)
        {
            throw new ArgumentException($"{name} is {given}; wanted is {wanted}.");
        }
    }
}
