using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>One decoder of the device for one size of picture, and the surfaces that its pictures are mapped to.</summary>
/// <remarks>
/// One thread decodes and maps; any thread releases. A release only notes it: the decoding thread unmaps the surface when it needs it again, so that
/// the thread that drives the detector never waits inside the driver for a decoder. Each mapped surface is a lease on the handle, so that a decoder
/// that is disposed while some are held goes with the last of them.
/// </remarks>
internal sealed unsafe class VideoSurfaces : CudaHandle
{
    private const int MaxDecodeSurfaces = 31;

    private readonly VideoApi video;
    private readonly CudaStream stream;
    private readonly Slot[] slots;
    private readonly object gate = new();
    private bool isAbandoned;

    /// <summary>Makes the decoder. The context is current.</summary>
    /// <param name="stream">Stream on which pictures are mapped; kept alive.</param>
    /// <param name="video">The library.</param>
    /// <param name="number">Number of this among those of one <see cref="CudaVideoDecoder"/>; part of the tokens.</param>
    /// <param name="format">What is decoded.</param>
    /// <param name="decodeSurfaces">Pictures that the decoder keeps for itself, to predict others from.</param>
    /// <param name="options">Limits.</param>
    /// <exception cref="CudaOutOfMemoryException">The device has too little free memory.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public VideoSurfaces(
        CudaStream stream, VideoApi video, int number, in CudaVideoFormat format, int decodeSurfaces, CudaVideoDecoderOptions options)
        : base(stream.Context)
    {
        this.video = video;
        this.stream = stream;
        Number = number;
        Format = format;
        DecodeSurfaces = decodeSurfaces;
        MaxWidth = Math.Max(format.CodedWidth, options.MaxWidth);
        MaxHeight = Math.Max(format.CodedHeight, options.MaxHeight);
        CUVIDDECODECREATEINFO info = new()
        {
            CodecType = format.Codec,
            ChromaFormat = cudaVideoChromaFormat.cudaVideoChromaFormat_420,
            bitDepthMinus8 = new CULong((uint)format.BitDepth - 8),
            OutputFormat = format.BitDepth == 8
                ? cudaVideoSurfaceFormat.cudaVideoSurfaceFormat_NV12
                : cudaVideoSurfaceFormat.cudaVideoSurfaceFormat_P016,
            ulCreationFlags = new CULong(VideoFlags.cudaVideoCreate_PreferCUVID),
            ulWidth = new CULong((uint)format.CodedWidth),
            ulHeight = new CULong((uint)format.CodedHeight),
            // The whole coded picture is mapped, unscaled; the part to be shown is a matter of addresses.
            ulTargetWidth = new CULong((uint)format.CodedWidth),
            ulTargetHeight = new CULong((uint)format.CodedHeight),
            ulMaxWidth = new CULong((uint)MaxWidth),
            ulMaxHeight = new CULong((uint)MaxHeight),
            ulNumDecodeSurfaces = new CULong((uint)decodeSurfaces),
            ulNumOutputSurfaces = new CULong((uint)options.MaxFramesHeld),
        };
        slots = new Slot[options.MaxFramesHeld];
        bool added = false;
        stream.DangerousAddRef(ref added);
        try
        {
            for (int i = 0; i < slots.Length; i++)
            {
                slots[i].Ready = new CudaEvent(Context);
            }

            nint decoder;
            ThrowIfFailed(
                video.cuvidCreateDecoder(&decoder, &info),
                $"making a decoder for {format.Codec}, {format.BitDepth} bit, "
                    + $"{format.CodedWidth}x{format.CodedHeight}, with {decodeSurfaces} surfaces",
                nameof(VideoApi.cuvidCreateDecoder));
            Own(decoder);
        }
        catch
        {
            ReleaseParents();
            throw;
        }
    }

    public int Number { get; }

    public CudaVideoFormat Format { get; private set; }

    public int DecodeSurfaces { get; }

    public int MaxWidth { get; }

    public int MaxHeight { get; }

    /// <summary>Surfaces that are in use.</summary>
    public int Held
    {
        get
        {
            lock (gate)
            {
                return slots.Count(static slot => slot.IsTaken);
            }
        }
    }

    /// <summary>Surfaces for decoding: what the stream needs, and more for pictures that wait or are held, as far as the hardware goes.</summary>
    /// <returns>The number, or 0 when the stream needs more than there can be.</returns>
    public static int CountDecodeSurfaces(int least, int more) => least > MaxDecodeSurfaces ? 0 : Math.Min(least + more, MaxDecodeSurfaces);

    /// <summary>Takes what changes nothing but what is shown of the coded picture.</summary>
    public void Show(in CudaVideoFormat format) => Format = format;

    /// <summary>Makes the decoder one for another size. Only inside the callback of a sequence, with no surface in use.</summary>
    public CUresult Reconfigure(in CudaVideoFormat format)
    {
        for (int i = 0; i < slots.Length; i++)
        {
            Unmap(ref slots[i]);
        }

        CUVIDRECONFIGUREDECODERINFO info = new()
        {
            ulWidth = (uint)format.CodedWidth,
            ulHeight = (uint)format.CodedHeight,
            ulTargetWidth = (uint)format.CodedWidth,
            ulTargetHeight = (uint)format.CodedHeight,
            ulNumDecodeSurfaces = (uint)DecodeSurfaces,
        };
        CUresult status = video.cuvidReconfigureDecoder(handle, &info);
        if (status == CUresult.CUDA_SUCCESS)
        {
            Format = format;
        }

        return status;
    }

    public CUresult Decode(CUVIDPICPARAMS* picture) => video.cuvidDecodePicture(handle, picture);

    /// <summary>Takes a surface to map a picture to; waits while all are held.</summary>
    /// <exception cref="OperationCanceledException">Cancelled while waiting.</exception>
    /// <exception cref="ObjectDisposedException">The decoder was disposed while waiting.</exception>
    public int Take(CancellationToken cancellationToken)
    {
        int taken;
        lock (gate)
        {
            taken = Claim();
        }

        if (taken < 0)
        {
            using CancellationTokenRegistration registration =
                cancellationToken.UnsafeRegister(static surfaces => ((VideoSurfaces)surfaces!).Wake(), this);
            lock (gate)
            {
                while ((taken = Claim()) < 0)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    ObjectDisposedException.ThrowIf(isAbandoned, typeof(CudaVideoDecoder));
                    _ = Monitor.Wait(gate);
                }
            }
        }

        bool added = false;
        DangerousAddRef(ref added);
        Unmap(ref slots[taken]);
        return taken;
    }

    /// <summary>Waits until no surface is in use, for a while.</summary>
    /// <returns>False when some still are.</returns>
    public bool WaitUntilFree(TimeSpan limit)
    {
        long end = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        lock (gate)
        {
            while (slots.Any(static slot => slot.IsTaken))
            {
                long left = end - Environment.TickCount64;
                if (isAbandoned || left <= 0)
                {
                    return false;
                }

                _ = Monitor.Wait(gate, TimeSpan.FromMilliseconds(left));
            }
        }

        return true;
    }

    /// <summary>Maps a picture to a taken surface; the work is queued on the stream, and the surface's event behind it.</summary>
    public CUresult Map(int taken, CUVIDPARSERDISPINFO* shown, out CUdeviceptr address, out int pitch)
    {
        CUVIDPROCPARAMS parameters = new()
        {
            progressive_frame = shown->progressive_frame,
            top_field_first = shown->top_field_first,
            unpaired_field = shown->repeat_first_field < 0 ? 1 : 0,
            output_stream = new CUstream(stream.DangerousGetHandle()),
        };
        CUdeviceptr mapped;
        uint bytes;
        CUresult status = video.cuvidMapVideoFrame64(handle, shown->picture_index, &mapped, &bytes, &parameters);
        address = status == CUresult.CUDA_SUCCESS ? mapped : default;
        pitch = status == CUresult.CUDA_SUCCESS ? (int)bytes : 0;
        slots[taken].Mapped = address;
        return status;
    }

    /// <summary>Queues the surface's event behind the mapping.</summary>
    public CUevent Mark(int taken)
    {
        slots[taken].Ready.Record(new CUstream(stream.DangerousGetHandle()));
        return slots[taken].Ready.Handle;
    }

    /// <summary>How the decoding of a mapped picture ended. Waits for it where it has not.</summary>
    public bool IsDamaged(int picture)
    {
        CUVIDGETDECODESTATUS answer;
        CUresult status = video.cuvidGetDecodeStatus(handle, picture, &answer);
        if (status == CUresult.CUDA_SUCCESS && answer.decodeStatus == cuvidDecodeStatus.cuvidDecodeStatus_InProgress)
        {
            ThrowIfFailed(
                Api.cuStreamSynchronize(new CUstream(stream.DangerousGetHandle())), "waiting for a picture", nameof(DriverApi.cuStreamSynchronize));
            status = video.cuvidGetDecodeStatus(handle, picture, &answer);
        }

        // Some codecs have no status.
        return status == CUresult.CUDA_SUCCESS
            && answer.decodeStatus is cuvidDecodeStatus.cuvidDecodeStatus_Error or cuvidDecodeStatus.cuvidDecodeStatus_Error_Concealed;
    }

    /// <summary>Token of a taken surface.</summary>
    public long TokenOf(int taken) => ((long)Number << 40) | ((long)slots[taken].Generation << 8) | (long)taken;

    public static int NumberOf(long token) => (int)(token >> 40);

    /// <summary>Gives a surface back. Any thread; calls no driver, unless the decoder is disposed and this was the last.</summary>
    /// <returns>False when the token is of an earlier use of the surface, or it was given back already.</returns>
    public bool TryRelease(long token)
    {
        int taken = (int)(token & 0xFF);
        bool isLast;
        lock (gate)
        {
            if (taken >= slots.Length || !slots[taken].IsTaken || TokenOf(taken) != token)
            {
                return false;
            }

            slots[taken].IsTaken = false;
            isLast = IsClosed && !slots.Any(static slot => slot.IsTaken);
            Monitor.PulseAll(gate);
        }

        if (isLast)
        {
            // Destroying a decoder takes its time, which the thread that gives frames back does not have.
            _ = ThreadPool.UnsafeQueueUserWorkItem(static surfaces => surfaces.DangerousRelease(), this, preferLocal: false);
        }
        else
        {
            DangerousRelease();
        }

        return true;
    }

    /// <summary>Lets a thread that waits for a surface give up.</summary>
    public void Abandon()
    {
        lock (gate)
        {
            isAbandoned = true;
            Monitor.PulseAll(gate);
        }
    }

    private protected override CUresult Destroy(nint native)
    {
        for (int i = 0; i < slots.Length; i++)
        {
            Unmap(ref slots[i]);
        }

        return video.cuvidDestroyDecoder(native);
    }

    private protected override void ReleaseParents()
    {
        foreach (Slot slot in slots)
        {
            // Null where making one failed.
            slot.Ready?.Dispose();
        }

        stream.DangerousRelease();
    }

    private void Wake()
    {
        lock (gate)
        {
            Monitor.PulseAll(gate);
        }
    }

    private int Claim()
    {
        for (int i = 0; i < slots.Length; i++)
        {
            if (!slots[i].IsTaken)
            {
                slots[i].IsTaken = true;
                slots[i].Generation++;
                return i;
            }
        }

        return -1;
    }

    private void Unmap(ref Slot slot)
    {
        if (slot.Mapped.Value != 0)
        {
            Api.NoteRelease(video.cuvidUnmapVideoFrame64(handle, slot.Mapped), nameof(VideoApi.cuvidUnmapVideoFrame64));
            slot.Mapped = default;
        }
    }

    private struct Slot
    {
        /// <summary>In the hands of the decoding thread or of a receiver.</summary>
        public bool IsTaken;
        public uint Generation;

        /// <summary>What is mapped, also after it was given back; none where nothing is.</summary>
        public CUdeviceptr Mapped;
        public CudaEvent Ready;
    }
}
