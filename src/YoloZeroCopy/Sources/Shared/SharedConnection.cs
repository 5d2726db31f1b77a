using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A producer in another process, while it is connected. It is not trusted: what it sends is looked at in a copy that it cannot
/// reach.</summary>
internal sealed class SharedConnection : IDisposable
{
    private readonly Socket socket;
    private readonly SourceFeed feed;
    private readonly SlotRing slots;
    private readonly int slotBytes;
    private readonly bool wantsResults;
    private readonly byte[] received = new byte[SharedMessage.FrameBytes + 1];
    private readonly byte[] grant = new byte[SharedMessage.SlotBytes];
    private readonly byte[] result;

    // The producer's slots, by their numbers; the default value where it has not got one. Under the lock, as one task grants and another one takes.
    private readonly SourceSlot[] granted;
    private readonly Lock sync = new();

    // Of the frames on their way.
    private readonly uint[] generations;

    public SharedConnection(Socket socket, SourceFeed feed, SlotRing slots, int slotBytes, bool wantsResults)
    {
        this.socket = socket;
        this.feed = feed;
        this.slots = slots;
        this.slotBytes = slotBytes;
        this.wantsResults = wantsResults;
        granted = new SourceSlot[slots.Count];
        generations = new uint[slots.Count];
        result = wantsResults ? new byte[SharedMessage.MaxResultBytes] : [];
    }

    /// <summary>Tells a producer why it is cut off, if it can hear.</summary>
    public static void Refuse(Socket socket, SharedFrameRefusal reason)
    {
        byte[] message = new byte[SharedMessage.RefusedBytes];
        _ = SharedMessage.Write(message, SharedMessage.Refused, SharedMessage.Magic, SharedMessage.Version, (uint)reason);
        _ = socket.Send(message, SocketFlags.None, out _);
    }

    /// <summary>Gives the producer the memory; false where it is gone.</summary>
    public bool TryWelcome()
    {
        CudaDeviceMemory? device = slots.Device;
        byte[] message = new byte[device is null ? SharedMessage.WelcomeBytes : SharedMessage.WelcomeOnDeviceBytes];
        _ = SharedMessage.Write(
            message, device is null ? SharedMessage.Welcome : SharedMessage.WelcomeOnDevice, SharedMessage.Magic, SharedMessage.Version,
            (uint)slots.Count, (uint)slotBytes, (uint)slots.SlotBytes);
        if (device is null)
        {
            return SharedSystem.TrySend(socket, message, slots.Shared!.File);
        }

        Span<byte> handle = message.AsSpan(SharedMessage.WelcomeBytes, CudaIpc.HandleBytes);
        device.GetIpcHandle(handle);
        _ = device.Context.Device.Uuid.TryWriteBytes(message.AsSpan(SharedMessage.WelcomeBytes + CudaIpc.HandleBytes), bigEndian: true, out _);
        return socket.Send(message, SocketFlags.None, out _) == message.Length;
    }

    /// <summary>Gives the producer slots and takes its frames, until it goes.</summary>
    /// <exception cref="SharedFrameException">It broke the protocol, and was told so.</exception>
    public async Task ServeAsync(CancellationToken stop)
    {
        Task granting = GrantAsync(stop);
        try
        {
            while (await ReceiveAsync(stop).ConfigureAwait(false) is int length and > 0)
            {
                SharedFrameRefusal refusal = Take(received.AsSpan(0, length));
                if (refusal != SharedFrameRefusal.None)
                {
                    Refuse(socket, refusal);
                    throw new SharedFrameException($"The producer sent what it must not, and was cut off: {Words(refusal)}.", refusal);
                }
            }
        }
        finally
        {
            feed.Source.Close(feed);
            socket.Dispose();
            await granting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Tells the producer what was found in the frame of a slot, where it wants to know. One at a time, before the slot is free.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask SendResultAsync(int slot, DetectionResult found)
    {
        if (wantsResults)
        {
            try
            {
                await SendAsync(SharedMessage.WriteResult(result, slot, generations[slot], found.Detections), default).ConfigureAwait(false);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // It is gone, which is seen where its frames are received.
            }
        }
    }

    public void Dispose() => socket.Dispose();

    private static string Words(SharedFrameRefusal refusal) => refusal switch
    {
        SharedFrameRefusal.Message => "a message of another length or kind than a frame's",
        SharedFrameRefusal.Slot => "a frame in a slot that is not its own, or not any more",
        _ => "a frame of no format, or larger than a slot",
    };

    private async Task GrantAsync(CancellationToken stop)
    {
        while (await feed.Source.RentSharedAsync(feed).ConfigureAwait(false) is SourceSlot slot && slot != default)
        {
            lock (sync)
            {
                granted[slot.Index] = slot;
            }

            await SendAsync(SharedMessage.Write(grant, SharedMessage.Slot, (uint)slot.Index, (uint)slot.Token, 0), stop).ConfigureAwait(false);
        }
    }

    // Without a wait where the producer reads what it is sent, and so without an allocation.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken stop)
    {
        _ = socket.Send(message.Span, SocketFlags.None, out SocketError error);
        if (error == SocketError.WouldBlock)
        {
            _ = await socket.SendAsync(message, SocketFlags.None, stop).ConfigureAwait(false);
        }
        else if (error != SocketError.Success)
        {
            throw new SocketException((int)error);
        }
    }

    // A producer that was killed may have left a reset behind.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReceiveAsync(CancellationToken stop)
    {
        try
        {
            return await socket.ReceiveAsync(received.AsMemory(), SocketFlags.None, stop).ConfigureAwait(false);
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    private SharedFrameRefusal Take(ReadOnlySpan<byte> message)
    {
        if (message.Length != SharedMessage.FrameBytes || SharedMessage.Word(message, 0) != SharedMessage.Frame)
        {
            return SharedFrameRefusal.Message;
        }

        if (!TryReadFormat(message, out FrameFormat format) || format.ByteCount > slotBytes)
        {
            return SharedFrameRefusal.Format;
        }

        uint index = SharedMessage.Word(message, 1);
        uint generation = SharedMessage.Word(message, 2);
        long capturedAt = SharedMessage.LongWord(message, 8);
        SourceSlot slot = default;
        lock (sync)
        {
            if (index < (uint)granted.Length && granted[index] != default && (uint)granted[index].Token == generation)
            {
                slot = granted[index];
                granted[index] = default;
            }
        }

        if (slot == default)
        {
            return SharedFrameRefusal.Slot;
        }

        // Both processes read one clock. One that says "later" has another, and no age at all.
        long now = Stopwatch.GetTimestamp();
        generations[index] = generation;
        feed.Source.Submit(
            feed, slot, TimeSpan.FromTicks(SharedMessage.LongWord(message, 10) / TimeSpan.NanosecondsPerTick),
            capturedAt > 0 && capturedAt < now ? capturedAt : now, format);
        return SharedFrameRefusal.None;
    }

    private static bool TryReadFormat(ReadOnlySpan<byte> message, out FrameFormat format)
    {
        format = default;
        YuvColor color = (YuvColor)SharedMessage.Word(message, 7);
        try
        {
            format = new FrameFormat(
                (PixelFormat)SharedMessage.Word(message, 3), (int)SharedMessage.Word(message, 4), (int)SharedMessage.Word(message, 5),
                (int)SharedMessage.Word(message, 6))
            {
                Color = color,
            };
        }
        catch (ArgumentOutOfRangeException)
        {
            return false;
        }

        return Enum.IsDefined(color);
    }
}
