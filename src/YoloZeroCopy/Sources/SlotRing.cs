using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>The slots of one source: registered memory that the detector reads frames in, and that its handler may look at afterwards.</summary>
/// <remarks>
/// A slot that was submitted has two users, the detector and the handler, and is free when both have let go of it. The gate is that of the source.
/// </remarks>
internal sealed class SlotRing : IFrameOwner, IDisposable
{
    private const int Users = 2;

    // Whole pages are locked, and no two registrations may share one.
    private const int Page = 4096;

    private readonly HubSource source;
    private readonly RegisteredMemory? registered;
    private readonly CudaDeviceMemory? device;
    private readonly DecoderDevice? place;
    private readonly Memory<byte> memory;
    private readonly int step;
    private readonly FrameFormat[] formats;
    private readonly int[] tokens;
    private readonly int[] users;
    private readonly bool[] isRented;
    private readonly int[] free;
    private int freeCount;
    private bool isDisposed;

    /// <param name="source">Whose slots these are.</param>
    /// <param name="detector">Reads them.</param>
    /// <param name="slotBytes">Bytes of the largest frame.</param>
    /// <param name="count">How many.</param>
    /// <param name="user">Null, or whose processes are to write them: the slots are in memory that can be shared then.</param>
    /// <param name="onDevice">Whether that memory is the device's. The detector runs on CUDA then.</param>
    /// <exception cref="ArgumentException">So many slots of this size are too much.</exception>
    /// <exception cref="IOException">The system has no such memory to share.</exception>
    /// <exception cref="YoloZeroCopy.Cuda.CudaException">The driver refused to register the memory.</exception>
    public SlotRing(HubSource source, YoloDetector detector, int slotBytes, int count, uint? user = null, bool onDevice = false)
    {
        this.source = source;
        long bytes = BytesOf(slotBytes, count);
        if (bytes > Array.MaxLength)
        {
            throw new ArgumentException(
                $"{count} frames of {slotBytes} bytes are more than {Array.MaxLength}; {nameof(HubSourceOptions.FramesAhead)} must be smaller.");
        }

        step = (int)FramePool.StepOf(slotBytes);
        formats = new FrameFormat[count];
        tokens = new int[count];
        users = new int[count];
        isRented = new bool[count];
        free = new int[count];
        User = user;
        for (int index = count - 1; index >= 0; index--)
        {
            free[freeCount++] = index;
        }

        if (onDevice)
        {
            // Of several devices one that a decoder would get.
            place = detector.TakeDecoderDevice();
            try
            {
                device = new CudaDeviceMemory(place.Context, (nuint)(bytes - Page));
            }
            catch
            {
                place.Dispose();
                throw;
            }

            return;
        }

        if (user is uint named)
        {
            Shared = SharedMemory.Create(bytes - Page, named);
            memory = Shared.Memory;
        }
        else
        {
            byte[] array = GC.AllocateUninitializedArray<byte>((int)bytes, pinned: true);
            memory = array.AsMemory(BytesToPage(array), (int)bytes - Page);
        }

        try
        {
            registered = detector.Register(memory);
        }
        catch
        {
            Shared?.Close();
            throw;
        }
    }

    /// <summary>Bytes of the largest frame that a slot can hold.</summary>
    public int SlotBytes => step;

    /// <summary>How many slots there are.</summary>
    public int Count => formats.Length;

    /// <summary>Whose processes write the slots; null where this one does.</summary>
    public uint? User { get; }

    /// <summary>The device memory that another process writes; null where it is the host's.</summary>
    public CudaDeviceMemory? Device => device;

    /// <summary>What the thread that frees a slot is to call, to grant it at once. Set and read with the gate held.</summary>
    public Action? Freed { get; set; }

    /// <summary>The host memory that another process writes; null where the slots are written here, or on the device.</summary>
    public SharedMemory? Shared { get; }

    /// <summary>Bytes that so many slots take.</summary>
    public static long BytesOf(int slotBytes, int count) => (count * (long)FramePool.StepOf(slotBytes)) + Page;

    /// <summary>Rents a free slot. With the gate held.</summary>
    public bool TryRent(in FrameFormat format, out SourceSlot slot)
    {
        slot = default;
        if (freeCount == 0)
        {
            return false;
        }

        int index = free[--freeCount];
        formats[index] = format;
        isRented[index] = true;
        slot = new SourceSlot(this, index, ++tokens[index]);
        return true;
    }

    /// <summary>A rented slot is submitted: both its users have it from here on. With the gate held.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="format">The frame's format, where it was not known as the slot was rented.</param>
    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    public ExternalFrame Lend(in SourceSlot slot, FrameFormat? format = null)
    {
        ThrowIfStale(slot);
        formats[slot.Index] = format ?? formats[slot.Index];
        long offset = (long)slot.Index * step;
        FrameFormat layout = formats[slot.Index];
        ExternalFrame frame = device is null
            ? ExternalFrame.InRegistered(registered!, offset, layout, this, slot.Index)
            : ExternalFrame.OnDevice(device.Address.Value + (ulong)offset, secondPlane: 0, layout, readyEvent: 0, this, slot.Index);
        isRented[slot.Index] = false;
        users[slot.Index] = Users;
        return frame;
    }

    /// <summary>The detector did not take the frame. With the gate held.</summary>
    public void TakeBack(int index)
    {
        users[index] = 0;
        free[freeCount++] = index;
    }

    /// <summary>One of a frame's two users lets go of it. With the gate held.</summary>
    /// <returns>Null, or <see cref="Freed"/>: to be called when the gate is not held any more.</returns>
    public Action? Leave(int index)
    {
        if (--users[index] > 0)
        {
            return null;
        }

        free[freeCount++] = index;
        return Freed;
    }

    /// <summary>Takes back what is rented and not submitted, and gives its number. With the gate held.</summary>
    public int Reclaim()
    {
        int count = 0;
        for (int index = 0; index < isRented.Length; index++)
        {
            if (isRented[index])
            {
                isRented[index] = false;
                free[freeCount++] = index;
                count++;
            }
        }

        return count;
    }

    /// <summary>A slot is given back unused, where it is not stale.</summary>
    public void Return(in SourceSlot slot)
    {
        lock (source.Gate)
        {
            if (IsRented(slot))
            {
                isRented[slot.Index] = false;
                free[freeCount++] = slot.Index;
                source.LeaveRoom();
            }
        }
    }

    public FrameFormat FormatOf(in SourceSlot slot)
    {
        lock (source.Gate)
        {
            ThrowIfStale(slot);
            return formats[slot.Index];
        }
    }

    public Memory<byte> MemoryOf(in SourceSlot slot)
    {
        lock (source.Gate)
        {
            ThrowIfStale(slot);
            return PixelsOf(slot.Index);
        }
    }

    /// <summary>The frame in a slot; empty where it is on the device.</summary>
    public Memory<byte> PixelsOf(int index) => device is null ? memory.Slice(index * step, formats[index].ByteCount) : default;

    /// <summary>Waits until the detector reads none of the frames. Their memory is freed then, or the garbage collector's.</summary>
    public void Dispose()
    {
        registered?.Dispose();
        Shared?.Close();
        if (device is not null)
        {
            lock (source.Gate)
            {
                isDisposed = true;
            }

            FreeDeviceMemory();
        }
    }

    void IFrameOwner.OnFrameFree(long token)
    {
        Action? freed;
        lock (source.Gate)
        {
            freed = Leave((int)token);
            source.WakeProducer();
        }

        freed?.Invoke();
        if (device is not null)
        {
            FreeDeviceMemory();
        }
    }

    private static unsafe int BytesToPage(byte[] array)
    {
        fixed (byte* first = array)
        {
            return (int)(((nuint)first + Page - 1) / Page * Page - (nuint)first);
        }
    }

    // A batch may read a frame whose result nobody waits for any more: the last owner to hear frees the memory.
    private void FreeDeviceMemory()
    {
        lock (source.Gate)
        {
            if (!isDisposed || freeCount < free.Length)
            {
                return;
            }
        }

        device?.Dispose();
        place?.Dispose();
    }

    private bool IsRented(in SourceSlot slot) => isRented[slot.Index] && tokens[slot.Index] == slot.Token;

    private void ThrowIfStale(in SourceSlot slot)
    {
        if (!IsRented(slot))
        {
            throw new InvalidOperationException(
                "The slot is stale: it was submitted or disposed, or the call of the producer that rented it has ended.");
        }
    }
}
