namespace YoloZeroCopy;

/// <summary>
/// A frame in memory of the caller's: host memory that was registered once (<see cref="YoloDetector.Register(nint, long)"/>), or memory of the
/// detector's GPU. The detector reads it where it lies.
/// </summary>
/// <remarks>
/// A value, made for each submit without an allocation. The memory stays as it is, unchanged and not freed, until the owner hears that it is free.
/// </remarks>
public readonly struct ExternalFrame
{
    private ExternalFrame(
        RegisteredMemory? memory, ulong address, ulong secondPlane, in FrameFormat format, nint readyEvent, IFrameOwner owner, long token)
    {
        Memory = memory;
        Address = address;
        SecondPlane = secondPlane;
        Format = format;
        ReadyEvent = readyEvent;
        Owner = owner;
        Token = token;
    }

    /// <summary>Layout of the frame.</summary>
    public FrameFormat Format { get; }

    internal RegisteredMemory? Memory { get; }

    /// <summary>First byte, on the host or on the device.</summary>
    internal ulong Address { get; }

    internal ulong SecondPlane { get; }

    internal nint ReadyEvent { get; }

    /// <summary>Null in the default value, and in a pending frame that lies in a slot.</summary>
    internal IFrameOwner? Owner { get; }

    internal long Token { get; }

    internal bool IsOnDevice => Owner is not null && Memory is null;

    /// <summary>A frame in registered host memory.</summary>
    /// <param name="memory">The memory. On a CPU detector it may be of any detector, on a CUDA detector of any CUDA detector.</param>
    /// <param name="offset">Bytes from its beginning to the frame's first one.</param>
    /// <param name="format">Layout of the frame. Its <see cref="FrameFormat.ByteCount"/> is at most <see cref="YoloDetector.SlotBytes"/>.</param>
    /// <param name="owner">Hears when the frame has been read: on CUDA when it has been copied to the device, before inference ends.</param>
    /// <param name="token">What the owner hears with it, such as the number of the buffer.</param>
    /// <exception cref="ArgumentException">The format is the default value.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The frame is not within the memory.</exception>
    public static ExternalFrame InRegistered(RegisteredMemory memory, long offset, in FrameFormat format, IFrameOwner owner, long token = 0)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(owner);
        format.ThrowIfDefault(nameof(format));
        if (offset < 0 || offset > memory.ByteCount - format.ByteCount)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), offset, $"A frame of {format} takes {format.ByteCount} bytes; the registered memory has {memory.ByteCount}.");
        }

        return new ExternalFrame(memory, (ulong)memory.Address + (ulong)offset, secondPlane: 0, format, readyEvent: 0, owner, token);
    }

    /// <summary>A frame in device memory, such as another library's buffer or a decoder's surface. For a CUDA detector on the same device.</summary>
    /// <param name="address">
    /// Device address of the first byte, of P010 an even one, else in any alignment. Its allocation is of the device's primary context, or of a
    /// memory pool.
    /// </param>
    /// <param name="secondPlane">
    /// Device address of the plane of Cb and Cr where it does not lie right behind the rows of luminance; 0 where it does, and for formats without
    /// one. It has the same stride.
    /// </param>
    /// <param name="format">Layout of the frame; its stride is the pitch. Any size, also above <see cref="YoloDetector.SlotBytes"/>.</param>
    /// <param name="readyEvent">
    /// Handle (<c>CUevent</c>) of a recorded event that has passed when the frame is written: the detector's stream waits for it, no thread does. It
    /// lives, and is not recorded anew, until the owner hears. 0: the frame is written already.
    /// </param>
    /// <param name="owner">Hears when the batch that read the frame is done.</param>
    /// <param name="token">What the owner hears with it, such as the number of the surface.</param>
    /// <exception cref="ArgumentException">The format is the default value, the address is 0, or the format has no second plane.</exception>
    public static ExternalFrame OnDevice(
        ulong address, ulong secondPlane, in FrameFormat format, nint readyEvent, IFrameOwner owner, long token = 0)
    {
        ArgumentNullException.ThrowIfNull(owner);
        format.ThrowIfDefault(nameof(format));
        if (address == 0)
        {
            throw new ArgumentException("The frame's device address is 0.", nameof(address));
        }

        if (secondPlane != 0 && !format.IsYuv)
        {
            throw new ArgumentException($"A frame of {format} has one plane; {nameof(secondPlane)} is to be 0.", nameof(secondPlane));
        }

        return new ExternalFrame(memory: null, address, secondPlane, format, readyEvent, owner, token);
    }

    /// <summary>The same frame, of which it is known that it is written.</summary>
    internal ExternalFrame Ready() => new(Memory, Address, SecondPlane, Format, readyEvent: 0, Owner!, Token);
}
