using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Decodes JPEGs, such as the pictures of a camera that sends MJPEG, with nvJPEG into device memory that is read where it lies.</summary>
/// <remarks>
/// <para>
/// Any thread; several may decode at once. The methods bind the context by themselves and allocate nothing once pictures of the size have been
/// decoded. Decode waits for a picture to come back where all are held, and does what <see cref="CudaJpegDecoderOptions.Backend"/> leaves to the
/// processor; it does not wait for the device. What one thread decodes is complete in that order.
/// </para>
/// <para>
/// Taken are sequential JPEGs of 8 bits with Huffman code and one scan, gray or Y, Cb and Cr in full range (JFIF); Huffman tables that a camera
/// leaves out are the standard's. Pictures are not trusted: headers and the extent of the data are checked before nvJPEG sees them, and only what
/// the picture needs is passed on. An Exif orientation is not applied. Coded data have no check sum, so that a damaged byte within them may show as
/// wrong pixels.
/// </para>
/// <para>
/// After <see cref="InvalidDataException"/>, <see cref="NotSupportedException"/> and <see cref="CudaJpegException"/> the decoder goes on with the
/// next picture. After a sticky <see cref="CudaException"/> nothing in the context works any more.
/// </para>
/// </remarks>
public sealed class CudaJpegDecoder : IDisposable
{
    // A token's lowest bits are the surface's index; behind them are its generation and the decoder's number.
    private const int IndexBits = 8;
    private const int NumberShift = IndexBits + 32;

    private static int decoders;

    private readonly CudaJpegDecoderOptions options;
    private readonly JpegHandle jpeg;
    private readonly CudaStream stream;
    private readonly JpegSurface[] surfaces;
    private readonly long number = (long)Interlocked.Increment(ref decoders) << NumberShift;
    private readonly object gate = new();
    private bool isDisposed;

    /// <summary>Makes a decoder. Device memory is taken with the first picture. Any thread.</summary>
    /// <param name="context">Context to work in; kept alive.</param>
    /// <param name="options">How it works; null for the defaults.</param>
    /// <exception cref="ArgumentException">An option is wrong.</exception>
    /// <exception cref="CudaUnavailableException">nvJPEG is not there.</exception>
    /// <exception cref="NotSupportedException">The device has no such <see cref="CudaJpegDecoderOptions.Backend"/>.</exception>
    /// <exception cref="CudaJpegException">nvJPEG does not start.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public CudaJpegDecoder(CudaContext context, CudaJpegDecoderOptions? options = null)
        : this(context, JpegApi.Opened.Api ?? throw new CudaUnavailableException(JpegApi.Opened.Reason), options ?? new CudaJpegDecoderOptions())
    {
    }

    internal CudaJpegDecoder(CudaContext context, JpegApi api, CudaJpegDecoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        options.Validate();
        this.options = options;
        surfaces = new JpegSurface[options.MaxFramesHeld];
        jpeg = new JpegHandle(context, api, options.Backend);
        try
        {
            stream = new CudaStream(context);
            Memory = options.Memory?.AddOwner($"JPEG decoder {number >> NumberShift}", MostMemoryOf(options));
            for (int i = 0; i < surfaces.Length; i++)
            {
                surfaces[i] = new JpegSurface(jpeg, stream, Memory);
            }
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>What is used; <see cref="CudaJpegBackend.Automatic"/> where nvJPEG chooses.</summary>
    public CudaJpegBackend Backend => jpeg.Backend;

    /// <summary>What it takes of <see cref="CudaJpegDecoderOptions.Memory"/>, and may take; null where it allocates by itself.</summary>
    public CudaBlockOwner? Memory { get; }

    /// <summary>Looks for nvJPEG, which the environment variable <c>YZC_NVJPEG</c> can name. Never throws.</summary>
    /// <param name="reason">Empty on success, else one sentence for a user.</param>
    /// <remarks>It is looked for once in a process. Any thread.</remarks>
    public static bool TryInitialize(out string reason)
    {
        JpegOpening opening = JpegApi.Opened;
        reason = opening.Reason;
        return opening.Api is not null;
    }

    /// <summary>
    /// What a decoder takes of the device's memory, by formula, to plan with. Any thread, also where there is no device.
    /// </summary>
    /// <param name="options">How it works; null for the defaults.</param>
    /// <param name="width">Width of the pictures, in pixels.</param>
    /// <param name="height">Height of the pictures, in pixels.</param>
    /// <returns>
    /// Bytes of as many pictures as can be held, 24 bits a pixel, and for each what nvJPEG works in: 12 MiB, coefficients in 16 bits and planes in 8,
    /// three each at full size. Measured at one size only.
    /// </returns>
    /// <exception cref="ArgumentException">An option is wrong.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The size is not that of a JPEG.</exception>
    public static long PlanDeviceBytes(CudaJpegDecoderOptions? options, int width, int height)
    {
        options ??= new CudaJpegDecoderOptions();
        Validate(options, width, height);
        return options.MaxFramesHeld * (JpegSurface.BytesOf(options.Layout, width, height) + JpegSurface.WorkBytesOf(width, height));
    }

    /// <summary>
    /// Bytes that a picture takes of <see cref="CudaJpegDecoderOptions.Memory"/>, a part of <see cref="PlanDeviceBytes"/>: one of as many blocks as
    /// pictures can be held, for <see cref="CudaBlockPool.Reserve"/>. Any thread, also where there is no device.
    /// </summary>
    /// <inheritdoc cref="PlanDeviceBytes" path="/param"/>
    /// <inheritdoc cref="PlanDeviceBytes" path="/exception"/>
    public static long PlanPictureBytes(CudaJpegDecoderOptions? options, int width, int height)
    {
        options ??= new CudaJpegDecoderOptions();
        Validate(options, width, height);
        return JpegSurface.BytesOf(options.Layout, width, height);
    }

    /// <summary>Decodes a picture. Returns when it is queued: <see cref="CudaJpegFrame.Ready"/> passes when it is complete.</summary>
    /// <param name="picture">A whole JPEG, in any memory; bytes behind its end are ignored. It may change once the call has returned.</param>
    /// <param name="cancellationToken">Ends the wait for a picture to come back.</param>
    /// <returns>The picture, which the caller owns until <see cref="Release"/>.</returns>
    /// <exception cref="InvalidDataException">The picture is damaged, truncated, or larger than the options allow.</exception>
    /// <exception cref="NotSupportedException">It is of a kind that is not taken: progressive, of several scans, CMYK, RGB.</exception>
    /// <exception cref="CudaOutOfMemoryException">The device has too little memory for it.</exception>
    /// <exception cref="CudaJpegException">nvJPEG failed.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The decoder is disposed, its context too, or that was reset.</exception>
    public CudaJpegFrame Decode(ReadOnlySpan<byte> picture, CancellationToken cancellationToken = default)
    {
        JpegBitstream bitstream = JpegBitstream.Read(picture);
        if (bitstream.Width > options.MaxWidth || bitstream.Height > options.MaxHeight)
        {
            throw new InvalidDataException(
                $"The JPEG declares {bitstream.Width}x{bitstream.Height} pixels; at most {options.MaxWidth}x{options.MaxHeight} are allowed.");
        }

        int taken = Take(cancellationToken);
        try
        {
            using ContextBinding binding = jpeg.Context.Bind();
            return surfaces[taken].Decode(picture, bitstream, options.Layout, TokenOf(taken));
        }
        catch
        {
            GiveBack(taken);
            throw;
        }
    }

    /// <summary>Gives a picture back. Any thread, also after Dispose; it does not wait, and calls no driver.</summary>
    /// <param name="token">Token of the picture.</param>
    /// <exception cref="ArgumentException">No picture of this token is held: it was released before, or is another decoder's.</exception>
    public void Release(long token)
    {
        int taken = (int)(token & ((1 << IndexBits) - 1));
        lock (gate)
        {
            if (taken < surfaces.Length && surfaces[taken].IsTaken && TokenOf(taken) == token)
            {
                GiveBack(taken);
                return;
            }
        }

        throw new ArgumentException($"No picture with the token {token:x} is held; it was released before, or is of another decoder.", nameof(token));
    }

    /// <summary>
    /// Ends decoding. A call that waits for a picture to come back ends with an <see cref="ObjectDisposedException"/>; pictures that are held stay
    /// valid until they are released. Any thread, once or often.
    /// </summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (isDisposed)
            {
                return;
            }

            isDisposed = true;
            Monitor.PulseAll(gate);
            if (Array.Exists(surfaces, static surface => surface.IsTaken))
            {
                return;
            }
        }

        Free();
    }

    // A block for each picture that can be held, of the largest picture that is taken.
    private static long MostMemoryOf(CudaJpegDecoderOptions options) =>
        options.MaxFramesHeld * (long)CudaBlockPool.ClassOf((ulong)JpegSurface.BytesOf(options.Layout, options.MaxWidth, options.MaxHeight));

    private static void Validate(CudaJpegDecoderOptions options, int width, int height)
    {
        options.Validate();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, options.MaxWidth);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, options.MaxHeight);
    }

    private long TokenOf(int taken) => number | ((long)surfaces[taken].Generation << IndexBits) | (long)taken;

    /// <summary>Takes a surface; waits while all are held.</summary>
    private int Take(CancellationToken cancellationToken)
    {
        lock (gate)
        {
            int taken = Claim();
            if (taken >= 0)
            {
                return taken;
            }
        }

        using CancellationTokenRegistration registration =
            cancellationToken.UnsafeRegister(static decoder => ((CudaJpegDecoder)decoder!).Wake(), this);
        lock (gate)
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int taken = Claim();
                if (taken >= 0)
                {
                    return taken;
                }

                _ = Monitor.Wait(gate);
            }
        }
    }

    private int Claim()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        int taken = Array.FindIndex(surfaces, static surface => !surface.IsTaken);
        if (taken >= 0)
        {
            surfaces[taken].IsTaken = true;
            surfaces[taken].Generation++;
        }

        return taken;
    }

    private void GiveBack(int taken)
    {
        lock (gate)
        {
            surfaces[taken].IsTaken = false;
            Monitor.PulseAll(gate);
            if (!isDisposed || Array.Exists(surfaces, static surface => surface.IsTaken))
            {
                return;
            }
        }

        // Freeing may wait for the device, for which the thread that gives pictures back has no time.
        _ = ThreadPool.UnsafeQueueUserWorkItem(static decoder => decoder.Free(), this, preferLocal: false);
    }

    private void Wake()
    {
        lock (gate)
        {
            Monitor.PulseAll(gate);
        }
    }

    private void Free()
    {
        foreach (JpegSurface? surface in surfaces)
        {
            // Null where making one failed.
            surface?.Dispose();
        }

        stream?.Dispose();
        jpeg.Dispose();
    }
}
