using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Decodes one compressed video on the device's decoding engines (NVDEC), into device memory that is read where it lies.</summary>
/// <remarks>
/// <para>
/// One thread at a time calls <see cref="Decode"/>, <see cref="DecodeHeaders"/> and <see cref="Flush"/>; any thread may call <see cref="Release"/>
/// and Dispose. They bind the context by themselves, allocate nothing once the pictures' size is known, and wait for the engine and for a free
/// surface.
/// </para>
/// <para>
/// A change of size is followed: within <see cref="CudaVideoDecoderOptions.MaxWidth"/> by the same decoder, else by a new one. Pictures that are held
/// then stay valid, also after Dispose, until they are released.
/// </para>
/// <para>
/// A picture that the hardware reports as damaged is counted (<see cref="DamagedPictures"/>) and not delivered. After an exception other than
/// <see cref="OperationCanceledException"/> or one of the receiver's own, the decoder has failed: dispose it and make a new one. Other decoders are
/// not affected, unless the error is sticky (<see cref="CudaException.IsSticky"/>).
/// </para>
/// </remarks>
public sealed unsafe partial class CudaVideoDecoder : IDisposable
{
    private const int PacketPadding = 64;

    private readonly VideoApi video;
    private readonly CudaContext context;
    private readonly CudaVideoDecoderOptions options;
    private readonly ICudaVideoReceiver receiver;
    private readonly CudaStream stream;
    private readonly VideoHeaders headers;
    private volatile VideoParser parser;
    private int displayDelay;

    // Those that are disposed are here as long as pictures of them are held. Under its own lock.
    private readonly List<VideoSurfaces> all = [];
    private volatile VideoSurfaces? surfaces;
    private volatile bool isDisposed;
    private int isBusy;
    private byte[] padded = [];
    private int made;
    private bool hasFailed;
    private long framesDelivered;
    private long damagedPictures;

    /// <summary>Makes a decoder. The device is asked for a decoding engine only with the first picture. Any thread.</summary>
    /// <param name="context">Context to work in; kept alive.</param>
    /// <param name="options">How it works.</param>
    /// <param name="receiver">Gets the pictures.</param>
    /// <exception cref="ArgumentException">An option is wrong.</exception>
    /// <exception cref="CudaUnavailableException">NVIDIA's library for video decoding is not there.</exception>
    /// <exception cref="NotSupportedException">The device does not decode this codec.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public CudaVideoDecoder(CudaContext context, CudaVideoDecoderOptions options, ICudaVideoReceiver receiver)
        : this(context, Library, options, receiver)
    {
    }

    internal CudaVideoDecoder(CudaContext context, VideoApi video, CudaVideoDecoderOptions options, ICudaVideoReceiver receiver)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(receiver);
        options.Validate();
        this.context = context;
        this.video = video;
        this.options = options;
        this.receiver = receiver;
        if (!ReadLimits(context, video, options.Codec, 8).IsSupported)
        {
            throw new NotSupportedException($"{context.Device.Name} does not decode {options.Codec}.");
        }

        headers = new VideoHeaders(options.Codec);
        displayDelay = options.DisplayDelay;
        stream = new CudaStream(context);
        try
        {
            parser = new VideoParser(context, video, options.Codec, displayDelay, this);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>What the latest headers said; null before the first.</summary>
    public CudaVideoFormat? Format => surfaces?.Format;

    /// <summary>Surfaces that the decoder has for pictures that others are predicted from; 0 before the first headers.</summary>
    internal int DecodeSurfaces => surfaces?.DecodeSurfaces ?? 0;

    /// <summary>Pictures that the receiver got. Any thread.</summary>
    public long FramesDelivered => Volatile.Read(ref framesDelivered);

    /// <summary>Pictures that were not delivered because they could not be decoded without an error. Any thread.</summary>
    public long DamagedPictures => Volatile.Read(ref damagedPictures);

    private static VideoApi Library => VideoApi.Opened.Api ?? throw new CudaUnavailableException(VideoApi.Opened.Reason);

    /// <summary>Looks for NVIDIA's library for video decoding, which the environment variable <c>YZC_NVCUVID</c> can name. Never throws.</summary>
    /// <param name="reason">Empty on success, else one sentence for a user.</param>
    /// <remarks>It is looked for once in a process. Any thread.</remarks>
    public static bool TryInitialize(out string reason)
    {
        VideoOpening opening = VideoApi.Opened;
        reason = opening.Reason;
        return opening.Api is not null;
    }

    /// <summary>Asks what the device decodes of a codec, 4:2:0. Any thread.</summary>
    /// <param name="context">Context on the device.</param>
    /// <param name="codec">The codec.</param>
    /// <param name="bitDepth">8, 10 or 12.</param>
    /// <exception cref="CudaUnavailableException">NVIDIA's library for video decoding is not there.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public static CudaVideoLimits GetLimits(CudaContext context, CudaVideoCodec codec, int bitDepth = 8)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentOutOfRangeException.ThrowIfLessThan(bitDepth, 8);
        return ReadLimits(context, Library, codec, bitDepth);
    }

    /// <summary>
    /// What a decoder takes of the device's memory, by formula, to plan with: NVIDIA's library tells neither before nor after. Any thread, also
    /// where there is no device.
    /// </summary>
    /// <param name="options">How it works.</param>
    /// <param name="width">Width of the video, in pixels.</param>
    /// <param name="height">Height of the video, in pixels.</param>
    /// <param name="bitDepth">8 or 10.</param>
    /// <returns>
    /// Bytes, by a formula that was fitted to measurements: of as many surfaces as the codec lets a stream of this size refer to, at the lowest level
    /// that has such pictures, those that <see cref="CudaVideoDecoderOptions.DisplayDelay"/> and
    /// <see cref="CudaVideoDecoderOptions.MaxFramesHeld"/> add, and as many mapped ones as can be held. A stream that declares a higher level takes
    /// more: of H.264 up to 17 surfaces before those that are added.
    /// </returns>
    /// <exception cref="ArgumentException">An option is wrong.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The size or the depth is not that of a video.</exception>
    public static long PlanDeviceBytes(CudaVideoDecoderOptions options, int width, int height, int bitDepth = 8)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        ThrowIfOutside(width, 1, 32768, nameof(width));
        ThrowIfOutside(height, 1, 32768, nameof(height));
        ThrowIfOutside(bitDepth, 8, 10, nameof(bitDepth));
        width = Math.Max(width, options.MaxWidth);
        height = Math.Max(height, options.MaxHeight);
        int decoded = VideoSurfaces.CountDecodeSurfaces(
            VideoMemory.LeastSurfacesOf(options.Codec, width, height), options.DisplayDelay + options.MaxFramesHeld);
        return VideoMemory.BytesOf(width, height, bitDepth, decoded, options.MaxFramesHeld);
    }

    /// <summary>Decodes one packet: exactly one picture, or field, in the order of the stream.</summary>
    /// <param name="packet">The packet; H.264 and HEVC with start codes (Annex B), not with lengths. It is copied before the call returns.</param>
    /// <param name="timestamp">When the picture is shown, in any unit: it comes back with the picture. NVDEC gives these numbers out ascending, so
    /// that any others, such as a count of packets, come back with another picture where pictures are not shown in the order of decoding.</param>
    /// <param name="cancellationToken">Ends the wait for a free surface; the pictures of this packet are lost then, and the decoder goes on.</param>
    /// <remarks>The receiver gets what can be shown now: no picture, or several.</remarks>
    /// <exception cref="ArgumentException">The packet is empty.</exception>
    /// <exception cref="NotSupportedException">The device does not decode what the headers describe.</exception>
    /// <exception cref="CudaException">The driver refused, for example because the device has too little memory.</exception>
    /// <exception cref="InvalidOperationException">The decoder failed before, or is in use: by another thread, or its receiver called
    /// it.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The decoder is disposed, its context too, or that was reset.</exception>
    public void Decode(ReadOnlySpan<byte> packet, long timestamp, CancellationToken cancellationToken = default)
    {
        ThrowIfEmpty(packet);
        Parse(packet, VideoFlags.CUVID_PKT_ENDOFPICTURE | VideoFlags.CUVID_PKT_TIMESTAMP, timestamp, cancellationToken);
    }

    /// <summary>Reads headers that come outside of the packets, which some containers keep apart: with start codes, before the first
    /// packet.</summary>
    /// <param name="headers">The headers.</param>
    /// <exception cref="ArgumentException">The headers are empty.</exception>
    /// <exception cref="NotSupportedException">The device does not decode what the headers describe.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="InvalidOperationException">The decoder failed before, or is in use.</exception>
    /// <exception cref="ObjectDisposedException">The decoder is disposed, its context too, or that was reset.</exception>
    public void DecodeHeaders(ReadOnlySpan<byte> headers)
    {
        ThrowIfEmpty(headers);
        Parse(headers, 0, 0, default);
    }

    /// <summary>Gives the receiver the pictures that still wait, at the end of a stream. After it the next packet must be one to begin
    /// with.</summary>
    /// <param name="cancellationToken">Ends the wait for a free surface.</param>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="InvalidOperationException">The decoder failed before, or is in use.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The decoder is disposed, its context too, or that was reset.</exception>
    public void Flush(CancellationToken cancellationToken = default) => Parse([], VideoFlags.CUVID_PKT_ENDOFSTREAM, 0, cancellationToken);

    /// <summary>Gives a picture back. Any thread, also after Dispose; it does not wait, and calls no driver.</summary>
    /// <param name="token">Token of the picture.</param>
    /// <exception cref="ArgumentException">No picture of this token is held: it was released before, or is another decoder's.</exception>
    public void Release(long token)
    {
        VideoSurfaces? owner = null;
        lock (all)
        {
            foreach (VideoSurfaces one in all)
            {
                owner = one.Number == VideoSurfaces.NumberOf(token) ? one : owner;
            }
        }

        if (owner is null || !owner.TryRelease(token))
        {
            throw new ArgumentException(
                $"No picture with the token {token:x} is held; it was released before, or is of another decoder.", nameof(token));
        }
    }

    /// <summary>
    /// Ends decoding. A call that waits for a surface ends with an <see cref="ObjectDisposedException"/>; pictures that are held stay valid until
    /// they are released. Any thread, also inside the receiver.
    /// </summary>
    public void Dispose()
    {
        isDisposed = true;
        surfaces?.Abandon();
        parser.Dispose();
        if (Interlocked.CompareExchange(ref isBusy, 1, 0) == 0)
        {
            Close();
        }
    }

    private static void ThrowIfOutside(int value, int least, int most, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
    }

    private static void ThrowIfEmpty(ReadOnlySpan<byte> packet)
    {
        if (packet.IsEmpty)
        {
            throw new ArgumentException("The packet is empty; wanted is one picture.", nameof(packet));
        }
    }

    private static CudaVideoLimits ReadLimits(CudaContext context, VideoApi video, CudaVideoCodec codec, int bitDepth)
    {
        CUVIDDECODECAPS caps = new()
        {
            eCodecType = codec,
            eChromaFormat = cudaVideoChromaFormat.cudaVideoChromaFormat_420,
            nBitDepthMinus8 = (uint)bitDepth - 8,
        };
        using ContextBinding binding = context.Bind();
        context.ThrowIfFailed(video.cuvidGetDecoderCaps(&caps), "asking what the device decodes", nameof(VideoApi.cuvidGetDecoderCaps));
        int output = (int)(bitDepth == 8 ? cudaVideoSurfaceFormat.cudaVideoSurfaceFormat_NV12 : cudaVideoSurfaceFormat.cudaVideoSurfaceFormat_P016);
        return caps.bIsSupported == 0 || (caps.nOutputFormatMask & (1 << output)) == 0
            ? default
            : new CudaVideoLimits(
                true, caps.nNumNVDECs, caps.nMinWidth, caps.nMinHeight, (int)caps.nMaxWidth, (int)caps.nMaxHeight, caps.nMaxMBCount);
    }

    private void Parse(ReadOnlySpan<byte> data, uint flags, long timestamp, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (Interlocked.CompareExchange(ref isBusy, 1, 0) != 0)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            throw new InvalidOperationException(
                "The decoder is in use: by another thread, or its receiver called it. One packet at a time is wanted.");
        }

        try
        {
            if (hasFailed)
            {
                throw new InvalidOperationException("The decoder failed before; dispose it and make a new one.");
            }

            ParseBound(data, flags, timestamp, cancellationToken);
        }
        finally
        {
            Leave();
        }
    }

    private void ParseBound(ReadOnlySpan<byte> data, uint flags, long timestamp, CancellationToken cancellationToken)
    {
        using ContextBinding binding = context.Bind();
        headers.Read(data);
        ReorderAsHeadersSay();
        VideoParser current = parser;
        bool added = false;
        try
        {
            // Dispose on another thread, or inside the receiver, takes the parser away only after this.
            current.DangerousAddRef(ref added);
            cancellation = cancellationToken;
            CUresult status;
            fixed (byte* payload = Padded(data))
            {
                status = current.Parse(new CUVIDSOURCEDATAPACKET
                {
                    flags = new CULong(flags),
                    payload_size = new CULong((uint)data.Length),
                    payload = data.IsEmpty ? null : payload,
                    timestamp = timestamp,
                });
            }

            // Before the parser's own status, which only repeats that a callback failed.
            ThrowFailure();
            if (status != CUresult.CUDA_SUCCESS)
            {
                hasFailed = true;
                context.Throw(status, "parsing a packet", nameof(VideoApi.cuvidParseVideoData));
            }
        }
        finally
        {
            cancellation = default;
            if (added)
            {
                current.DangerousRelease();
            }
        }
    }

    // A parser that looks for the next start code, or reads bits by the word, may look behind a packet that ends in the midst of one. What lies there
    // is the caller's, or no memory at all.
    private byte[] Padded(ReadOnlySpan<byte> data)
    {
        int needed = checked(data.Length + PacketPadding);
        if (padded.Length < needed)
        {
            padded = new byte[Math.Max(needed, (int)Math.Min(2L * padded.Length, Array.MaxLength))];
        }

        data.CopyTo(padded);
        padded.AsSpan(data.Length, PacketPadding).Clear();
        return padded;
    }

    // A parser's delay is set once; until the first sequence has begun nothing is lost with a parser.
    private void ReorderAsHeadersSay()
    {
        if (surfaces is not null || headers.ReorderedPictures <= displayDelay)
        {
            return;
        }

        VideoParser old = parser;
        VideoParser next = new(context, video, options.Codec, headers.ReorderedPictures, this);
        displayDelay = headers.ReorderedPictures;
        parser = next;
        old.Dispose();
        if (isDisposed)
        {
            // Disposed meanwhile, perhaps before the new one was there to be taken away.
            next.Dispose();
            ObjectDisposedException.ThrowIf(true, this);
        }
    }

    private void ThrowFailure()
    {
        ExceptionDispatchInfo? thrown = failure;
        failure = null;
        thrown?.Throw();
    }

    private void Leave()
    {
        Volatile.Write(ref isBusy, 0);
        // Disposed meanwhile, by somebody who could not close it then.
        if (isDisposed && Interlocked.CompareExchange(ref isBusy, 1, 0) == 0)
        {
            Close();
        }
    }

    // Once: the decoder stays busy from here on.
    private void Close()
    {
        Retire();
        stream.Dispose();
    }

    private void Retire()
    {
        VideoSurfaces? old = surfaces;
        surfaces = null;
        lock (all)
        {
            // Of those that were disposed before, only they are wanted whose pictures are held.
            _ = all.RemoveAll(one => one != old && one.Held == 0);
        }

        old?.Dispose();
    }
}
