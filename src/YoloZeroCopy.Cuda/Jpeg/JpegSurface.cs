using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>What one picture of a decoder takes: nvJPEG's state, memory on the device, and the event behind the picture.</summary>
/// <remarks>
/// Used by one thread at a time. A state of its own for each picture, because nvJPEG's is busy on the device until the picture is complete.
/// </remarks>
internal sealed unsafe class JpegSurface : IDisposable
{
    // Rows begin at multiples of this, so that the device writes them in whole lines.
    private const int PitchUnit = 256;

    // What is left of 15.8 MiB that each picture of 640x480 took with the engines of a Hopper GPU. Other sizes were not measured.
    private const long StateBytes = 12L << 20;

    private readonly JpegHandle jpeg;
    private readonly CudaStream stream;
    private readonly CudaEvent ready;
    private JpegState? state;
    private JpegState? engineState;
    private readonly CudaBlockOwner? pool;
    private CudaDeviceMemory? memory;
    private CudaBlock? block;
    private byte[] clean = [];

    /// <param name="jpeg">The library.</param>
    /// <param name="stream">The decoder's stream.</param>
    /// <param name="pool">Where memory comes from; null allocates it.</param>
    public JpegSurface(JpegHandle jpeg, CudaStream stream, CudaBlockOwner? pool)
    {
        this.jpeg = jpeg;
        this.stream = stream;
        this.pool = pool;
        ready = new CudaEvent(jpeg.Context, CudaEventOptions.BlockingSync);
    }

    /// <summary>In the hands of the decoding thread or of a receiver. Under the decoder's lock.</summary>
    public bool IsTaken { get; set; }

    /// <summary>Counts uses, so that a picture that was given back is told from the next one. Under the decoder's lock.</summary>
    public uint Generation { get; set; }

    /// <summary>Bytes of a picture on the device.</summary>
    public static long BytesOf(CudaJpegLayout layout, int width, int height) => height * PlanesOf(layout) * PitchOf(layout, width);

    /// <summary>Bytes that nvJPEG works in for a picture: a fixed part, and three planes of coefficients and of samples, in blocks of 8x8.</summary>
    public static long WorkBytesOf(int width, int height) => StateBytes + (((width + 7L) & ~7) * ((height + 7L) & ~7) * 3 * (sizeof(short) + 1));

    /// <summary>Queues the decoding of a picture. The context is current.</summary>
    /// <exception cref="InvalidDataException">nvJPEG found the picture damaged.</exception>
    /// <exception cref="NotSupportedException">nvJPEG does not decode pictures of this kind.</exception>
    /// <exception cref="CudaJpegException">nvJPEG failed.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public CudaJpegFrame Decode(ReadOnlySpan<byte> given, in JpegBitstream bitstream, CudaJpegLayout layout, long token)
    {
        // Passed already, unless the picture was given back by one who did not read it.
        if (!ready.IsDone())
        {
            ready.Synchronize();
        }

        if (clean.Length < bitstream.MaxBytes)
        {
            // Never moved: nvJPEG may read it until the picture is complete. Longer than needed, because the next pictures may be longer.
            clean = GC.AllocateUninitializedArray<byte>(2 * bitstream.MaxBytes, pinned: true);
        }

        int pitch = (int)PitchOf(layout, bitstream.Width);
        ulong plane = (ulong)pitch * (ulong)bitstream.Height;
        ulong bytes = (ulong)BytesOf(layout, bitstream.Width, bitstream.Height);
        CUdeviceptr place = MemoryFor(bytes);
        ulong address = place.Value;
        NvjpegImage image = default;
        for (int i = 0; i < PlanesOf(layout); i++)
        {
            image.channel[i] = address + ((ulong)i * plane);
            image.pitch[i] = (ulong)pitch;
        }

        int length = bitstream.Write(given, clean);
        NvjpegStatus status = NvjpegStatus.NVJPEG_STATUS_JPEG_NOT_SUPPORTED;
        bool isOnEngine = jpeg.Backend == CudaJpegBackend.Engine && bitstream.IsForEngine;
        if (isOnEngine)
        {
            engineState ??= new JpegState(jpeg);
            status = engineState.DecodeOnEngine(clean.AsSpan(0, length), layout, image, stream.Handle);
            isOnEngine = !IsRefused(status);
        }

        if (!isOnEngine)
        {
            // Not for the engines of this device, by what we know or by what they say.
            state ??= new JpegState(jpeg);
            status = state.Decode(clean.AsSpan(0, length), layout, image, stream.Handle);
        }

        if (status != NvjpegStatus.NVJPEG_STATUS_SUCCESS)
        {
            throw Failed(status, isOnEngine ? nameof(JpegApi.nvjpegDecodeBatched) : nameof(JpegApi.nvjpegDecode), bitstream);
        }

        ready.Record(stream);
        return new CudaJpegFrame(place, pitch, bitstream.Width, bitstream.Height, layout, ready.Handle, token);
    }

    public void Dispose()
    {
        ForgetStates();
        GiveBackMemory();
        ready.Dispose();
    }

    /// <summary>Memory that nothing on the device uses any more: JPEG engines write at once.</summary>
    private CUdeviceptr MemoryFor(ulong bytes)
    {
        if ((block?.Bytes ?? memory?.Bytes ?? 0) < bytes)
        {
            GiveBackMemory();
            block = TryRent(bytes);
            memory = block is null ? new CudaDeviceMemory(jpeg.Context, (nuint)bytes) : null;
        }

        return block?.Address ?? memory!.Address;
    }

    private CudaBlock? TryRent(ulong bytes)
    {
        try
        {
            return pool?.Rent(bytes);
        }
        catch (ObjectDisposedException)
        {
            // With the detector that it belongs to. Whoever gets the picture says so, and the decoder goes on.
            return null;
        }
    }

    // A picture that was given back unread may still be on its way.
    private void GiveBackMemory()
    {
        memory?.Dispose();
        memory = null;
        block?.Return(stream);
        block = null;
    }

    /// <summary>Why a picture was not decoded. Nobody says what nvJPEG's state is worth afterwards: the next picture gets a new one.</summary>
    private Exception Failed(NvjpegStatus status, string call, in JpegBitstream bitstream)
    {
        // Part of it may be on the device already; also an error of the device comes to light here, which matters more than what nvJPEG says.
        stream.Synchronize();
        ForgetStates();
        string picture = $"a JPEG of {bitstream.Width}x{bitstream.Height} pixels";
        return status switch
        {
            NvjpegStatus.NVJPEG_STATUS_BAD_JPEG or NvjpegStatus.NVJPEG_STATUS_INCOMPLETE_BITSTREAM =>
                new InvalidDataException($"The JPEG is damaged: nvJPEG answered {status}."),
            _ when IsRefused(status) =>
                new NotSupportedException($"nvJPEG does not decode {picture} of this kind ({status})."),
            _ => new CudaJpegException(status, call, $"decoding {picture}"),
        };
    }

    private static int PlanesOf(CudaJpegLayout layout) => layout is CudaJpegLayout.BgrPlanar or CudaJpegLayout.RgbPlanar ? 3 : 1;

    private static long PitchOf(CudaJpegLayout layout, int width)
    {
        long rowBytes = PlanesOf(layout) == 3 ? width : 3L * width;
        return (rowBytes + PitchUnit - 1) / PitchUnit * PitchUnit;
    }

    private static bool IsRefused(NvjpegStatus status) =>
        status is NvjpegStatus.NVJPEG_STATUS_JPEG_NOT_SUPPORTED or NvjpegStatus.NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED;

    private void ForgetStates()
    {
        state?.Dispose();
        state = null;
        engineState?.Dispose();
        engineState = null;
    }
}
