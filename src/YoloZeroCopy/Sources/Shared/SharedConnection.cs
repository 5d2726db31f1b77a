using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A producer in another process, while it is connected. It is not trusted: what it tells is looked at in a copy that it cannot
/// reach.</summary>
/// <remarks>Nothing here waits for it but the task that takes its frames.</remarks>
internal sealed class SharedConnection : IDisposable
{
    private readonly Socket socket;
    private readonly SourceFeed feed;
    private readonly SlotRing slots;
    private readonly int slotBytes;
    private readonly bool wantsResults;
    private readonly SharedRings rings;
    private readonly byte[] received = new byte[SharedMessage.BellBytes + 1];
    private readonly byte[] frame = new byte[SharedMessage.FrameBytes];
    private readonly byte[] answer = new byte[SharedMessage.AnswerBytes];
    private readonly byte[] bell = new byte[SharedMessage.BellBytes];

    // The producer's slots, by their numbers; the default value where it has not got one. Under the lock, as whoever frees a slot grants it.
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
        rings = SharedRings.Create(slots.Count, wantsResults, slots.User!.Value);
        _ = SharedMessage.Write(bell, SharedMessage.Bell);
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
            return SharedSystem.TrySend(socket, message, slots.Shared!.File) && TrySendRings();
        }

        Span<byte> handle = message.AsSpan(SharedMessage.WelcomeBytes, CudaIpc.HandleBytes);
        device.GetIpcHandle(handle);
        _ = device.Context.Device.Uuid.TryWriteBytes(message.AsSpan(SharedMessage.WelcomeBytes + CudaIpc.HandleBytes), bigEndian: true, out _);
        return socket.Send(message, SocketFlags.None, out _) == message.Length && TrySendRings();
    }

    /// <summary>Gives the producer slots and takes its frames, until it goes.</summary>
    /// <exception cref="SharedFrameException">It broke the protocol, and was told so.</exception>
    public async Task ServeAsync(CancellationToken stop)
    {
        try
        {
            feed.Source.WhenFree(slots, Grant);
            Grant();

            // Frames that came without a packet. Who sends more packets than frames would keep the detector's process busy for nothing.
            long quiet = 0;
            bool isBellDue = false;
            while (true)
            {
                int count = TakeAll();
                quiet += count;
                if (!isBellDue)
                {
                    // It looks once more, and sleeps.
                    rings.ToDetector.AskForWaking();
                    isBellDue = true;
                }
                else if (count > 0)
                {
                    isBellDue = !rings.ToDetector.TryTakeBack();
                }
                else
                {
                    int length = await ReceiveAsync(stop).ConfigureAwait(false);
                    if (length == 0)
                    {
                        return;
                    }

                    isBellDue = false;
                    quiet += TakeAll() - 1;
                    if (length != SharedMessage.BellBytes || SharedMessage.Word(received, 0) != SharedMessage.Bell || quiet < 0)
                    {
                        throw CutOff(SharedFrameRefusal.Message);
                    }
                }
            }
        }
        finally
        {
            feed.Source.Close(feed);
            Dispose();
        }
    }

    /// <summary>Tells the producer what was found in the frame of a slot, where it wants to know: before the slot is free.</summary>
    public void SendResult(int slot, DetectionResult found)
    {
        if (!wantsResults)
        {
            return;
        }

        ReadOnlySpan<byte> sent = SharedMessage.BytesOf(found.Detections);
        Answer(
            SharedMessage.Result, slot, generations[slot], sent, (uint)Math.Min(found.Detections.Length, SharedMessage.MaxDetections),
            (uint)found.Detections.Length);
    }

    public void Dispose()
    {
        rings.Dispose();
        socket.Dispose();
    }

    private static string Words(SharedFrameRefusal refusal) => refusal switch
    {
        SharedFrameRefusal.Message => "a message of another length or kind than is due",
        SharedFrameRefusal.Slot => "a frame in a slot that is not its own, or not any more",
        _ => "a frame of no format, or larger than a slot",
    };

    // On whatever thread frees a slot, and at the beginning.
    private void Grant()
    {
        while (feed.Source.TryRentShared(feed, out SourceSlot slot))
        {
            lock (sync)
            {
                granted[slot.Index] = slot;
            }

            Answer(SharedMessage.Slot, slot.Index, (uint)slot.Token);
        }
    }

    private void Answer(uint kind, int slot, uint generation, ReadOnlySpan<byte> result = default, uint count = 0, uint found = 0)
    {
        bool wakes;
        lock (sync)
        {
            _ = SharedMessage.Write(answer, kind, (uint)slot, generation, count, found);
            wakes = rings.ToProducer.Write(answer, result, slot);
        }

        if (wakes)
        {
            try
            {
                // Where it reads none of them there is one for it already. Where it is gone, that is seen where its frames are taken.
                _ = socket.Send(bell, SocketFlags.None, out _);
            }
            catch (ObjectDisposedException)
            {
                // It was cut off meanwhile.
            }
        }
    }

    private bool TrySendRings()
    {
        byte[] message = new byte[SharedMessage.RingsBytes];
        _ = SharedMessage.Write(
            message, SharedMessage.Rings, SharedMessage.Magic, SharedMessage.Version, (uint)SharedRings.BytesFor(slots.Count, wantsResults));
        return SharedSystem.TrySend(socket, message, rings.File);
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

    /// <summary>Takes all frames that are there, and gives their number.</summary>
    private int TakeAll()
    {
        int count = 0;
        bool isBroken;
        for (; rings.ToDetector.TryRead(frame, out isBroken); count++)
        {
            SharedFrameRefusal refusal = Take(frame);
            if (refusal != SharedFrameRefusal.None)
            {
                throw CutOff(refusal);
            }
        }

        return isBroken ? throw CutOff(SharedFrameRefusal.Message) : count;
    }

    private SharedFrameException CutOff(SharedFrameRefusal refusal)
    {
        Refuse(socket, refusal);
        return new SharedFrameException($"The producer sent what it must not, and was cut off: {Words(refusal)}.", refusal);
    }

    private SharedFrameRefusal Take(ReadOnlySpan<byte> message)
    {
        if (SharedMessage.Word(message, 0) != SharedMessage.Frame)
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
