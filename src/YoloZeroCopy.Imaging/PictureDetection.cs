namespace YoloZeroCopy;

/// <summary>Detects objects in pictures that are files, streams or encoded bytes: reads them, decodes straight into a slot and submits it.</summary>
/// <remarks>
/// Any thread, many calls at once. JPEG, PNG, WebP, BMP and the first frame of a GIF, as <see cref="PictureFile"/> reads them, as Bgr24. Nothing that
/// is given need be trusted: the size that a picture declares is checked against <see cref="IDetector.SlotBytes"/> before it is decoded, and of a
/// stream no more is kept than such a picture can have. However a call ends, no slot is lost. A picture is decoded on the thread that has its bytes:
/// the caller's, or the one that reading ended on.
/// </remarks>
public static class PictureDetection
{
    private const string DefaultName = "picture";

    // A PNG of 16 bits in four channels has 8 bytes for a pixel that takes 3 in the slot; the rest is for what files carry beside their pixels.
    private const int LargestFactor = 3;
    private const int BesidePixels = 16 << 20;

    /// <summary>Detects objects in a picture file.</summary>
    /// <param name="detector">Where to detect.</param>
    /// <param name="path">A picture file; its kind is told by content.</param>
    /// <param name="cancellationToken">Ends reading, and the wait for a slot and for the result.</param>
    /// <returns>The result, with boxes in pixels of the picture. Await it exactly once, and dispose it when read.</returns>
    /// <exception cref="MediaException">From the task: the file cannot be read, is no picture that can be decoded, or one larger than a
    /// slot.</exception>
    /// <exception cref="OperationCanceledException">From the task: cancelled.</exception>
    /// <exception cref="InferenceException">From the task: the engine failed on this picture.</exception>
    /// <exception cref="DetectorFaultedException">From the task: the detector met an error it cannot go on after.</exception>
    /// <exception cref="ObjectDisposedException">From the task: the detector was disposed before a lane took the picture.</exception>
    public static ValueTask<DetectionResult> DetectAsync(this IDetector detector, string path, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(detector);
        ArgumentException.ThrowIfNullOrEmpty(path);
        return DetectAsync(detector, stream: null, path, cancellationToken);
    }

    /// <summary>Detects objects in the picture that a stream gives, from where it stands to its end.</summary>
    /// <param name="detector">Where to detect.</param>
    /// <param name="picture">Any stream, as of an upload. It stays open; what it throws comes from the task.</param>
    /// <param name="cancellationToken">Ends reading, and the wait for a slot and for the result.</param>
    /// <returns>The result, with boxes in pixels of the picture. Await it exactly once, and dispose it when read.</returns>
    /// <exception cref="MediaException">From the task: it is no picture that can be decoded, one larger than a slot, or has more bytes than such a
    /// picture can have.</exception>
    /// <inheritdoc cref="DetectAsync(IDetector, string, CancellationToken)" path="/exception[not(contains(@cref, 'MediaException'))]"/>
    public static ValueTask<DetectionResult> DetectAsync(this IDetector detector, Stream picture, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(detector);
        ArgumentNullException.ThrowIfNull(picture);
        return DetectAsync(detector, picture, DefaultName, cancellationToken);
    }

    /// <summary>Detects objects in a picture whose file is in memory.</summary>
    /// <param name="detector">Where to detect.</param>
    /// <param name="picture">Bytes of the whole file, as of a JPEG; not changed until the task has ended.</param>
    /// <param name="cancellationToken">Ends the wait for a slot and for the result.</param>
    /// <returns>The result, with boxes in pixels of the picture. Await it exactly once, and dispose it when read.</returns>
    /// <exception cref="MediaException">From the task: it is no picture that can be decoded, or one larger than a slot.</exception>
    /// <inheritdoc cref="DetectAsync(IDetector, string, CancellationToken)" path="/exception[not(contains(@cref, 'MediaException'))]"/>
    public static async ValueTask<DetectionResult> DetectAsync(
        this IDetector detector, ReadOnlyMemory<byte> picture, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(detector);
        FrameFormat format = FormatOf(detector, picture.Span, DefaultName);
        using FrameSlot slot = await detector.RentAsync(format, cancellationToken).ConfigureAwait(false);
        PictureFile.Decode(picture.Span, slot.Span, format);
        return await detector.SubmitAsync(slot, cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    // Without a stream the name is a file's.
    private static async ValueTask<DetectionResult> DetectAsync(
        IDetector detector, Stream? stream, string name, CancellationToken cancellationToken)
    {
        int limit = (int)Math.Min(((long)detector.SlotBytes * LargestFactor) + BesidePixels, Array.MaxLength - 1);
        FrameSlot slot = default;
        try
        {
            // All bytes are there before a slot is rented, so that a slow sender holds none; and they are gone before the wait for the result.
            using (PictureReading reading = stream is null
                ? await PictureReading.OfFileAsync(name, limit, cancellationToken).ConfigureAwait(false)
                : await PictureReading.OfStreamAsync(stream, name, limit, cancellationToken).ConfigureAwait(false))
            {
                FrameFormat format = FormatOf(detector, reading.Bytes, name);
                slot = await detector.RentAsync(format, cancellationToken).ConfigureAwait(false);
                PictureFile.Decode(reading.Bytes, slot.Span, format, name);
            }

            return await detector.SubmitAsync(slot, cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // Does nothing once it is submitted.
            slot.Dispose();
        }
    }

    private static FrameFormat FormatOf(IDetector detector, ReadOnlySpan<byte> file, string name)
    {
        PictureInfo info = PictureFile.ReadInfo(file, name);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        if (format.ByteCount > detector.SlotBytes)
        {
            throw new MediaException(
                name, $"the picture is {info.Width}x{info.Height} pixels, which take {format.ByteCount} bytes, and a slot of this detector has "
                    + $"{detector.SlotBytes}; open it with {nameof(DetectorOptions.SlotBytes)} for the largest picture.");
        }

        return format;
    }
}
