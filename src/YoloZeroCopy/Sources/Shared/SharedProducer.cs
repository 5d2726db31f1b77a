using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>
/// Writes frames for a detector in another process of this machine, into memory that both have mapped: what is written there the detector reads
/// there. For the source of <see cref="SourceHub.AddShared"/>. A process that only produces needs no model, no GPU and no detector.
/// </summary>
/// <remarks>
/// Of no thread: one call at a time, but <see cref="Dispose"/>, which ends a wait. Where the detector's process ends, or refuses something, calls
/// throw a
/// <see cref="SharedFrameException"/>; dispose the producer then, and connect anew where the reason is <see cref="SharedFrameRefusal.None"/>.
/// </remarks>
public sealed class SharedProducer : IDisposable
{
    private static readonly TimeSpan CrowdPause = TimeSpan.FromMilliseconds(5);

    private readonly Socket socket;
    private readonly SharedMemory? memory;
    private readonly int slotStep;
    private readonly SharedResultHandler? results;
    private readonly SharedRings rings;
    private readonly byte[] received = new byte[SharedMessage.RefusedBytes + 1];
    private readonly byte[] answer = new byte[SharedMessage.AnswerBytes];
    private readonly byte[] message = new byte[SharedMessage.FrameBytes];
    private readonly byte[] bell = new byte[SharedMessage.BellBytes];
    private readonly Detection[] detections;
    private readonly Slot[] slots;
    private readonly int[] free;
    private int freeCount;
    private int submittedCount;
    private long rentings;
    private volatile bool isDisposed;

    private SharedProducer(
        Socket socket, SharedMemory? memory, SharedRings rings, int slotCount, int slotBytes, int slotStep, SharedResultHandler? results)
    {
        this.socket = socket;
        this.memory = memory;
        this.slotStep = slotStep;
        this.results = results;
        this.rings = rings;
        detections = results is null ? [] : new Detection[SharedMessage.MaxDetections];
        SlotBytes = slotBytes;
        _ = SharedMessage.Write(bell, SharedMessage.Bell);
        slots = new Slot[slotCount];
        free = new int[slotCount];
    }

    private enum Holder
    {
        Detector,
        Nobody,
        Caller,
    }

    /// <summary>Bytes of the largest frame.</summary>
    public int SlotBytes { get; }

    /// <summary>How many slots there are: frames that may be written or on their way.</summary>
    public int SlotCount => slots.Length;

    /// <summary>
    /// Where the slots are in memory of a device: the handle to open it with, by <see cref="CudaIpcMemory"/> or <c>cudaIpcOpenMemHandle</c>, once.
    /// Empty where they are in memory of the host.
    /// </summary>
    /// <remarks>The memory is the detector's: close the mapping before <see cref="Dispose"/>, and submit frames that are written, not
    /// queued.</remarks>
    public ReadOnlyMemory<byte> DeviceHandle { get; private init; }

    /// <summary>The device that <see cref="DeviceHandle"/> is of.</summary>
    public Guid DeviceUuid { get; private init; }

    /// <summary>Connects to a detector's process, and waits until it answers: as long as another producer is connected, it does not.</summary>
    /// <param name="socketPath">File of the socket.</param>
    /// <param name="results">Hears what became of each frame; null where that is of no interest here.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SharedFrameException">There is no such socket, nobody listens there, or this process is refused.</exception>
    /// <exception cref="IOException">The memory that came is not as long as was said, or not sealed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    public static async Task<SharedProducer> ConnectAsync(
        string socketPath, SharedResultHandler? results = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(socketPath);
        SharedSystem.ThrowIfElsewhere();
        Socket socket = await ConnectAsync(new UnixDomainSocketEndPoint(socketPath), socketPath, cancellationToken).ConfigureAwait(false);
        try
        {
            socket.Blocking = false;
            byte[] hello = new byte[SharedMessage.HelloBytes];
            _ = SharedMessage.Write(
                hello, SharedMessage.Hello, SharedMessage.Magic, SharedMessage.Version, results is null ? 0 : SharedMessage.WantsResults);

            // Who was cut off at once is told why.
            _ = socket.Send(hello, SocketFlags.None, out _);
            return await TakeWelcomeAsync(socket, results, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException error)
        {
            socket.Dispose();
            throw Lost(error);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Rents a slot, waiting until there is one.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The slot, the caller's until it is submitted or disposed.</returns>
    /// <exception cref="SharedFrameException">The detector's process is gone, or has refused a frame.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The producer is disposed.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<SharedSlot> RentAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);

        // What was found comes first, and frees slots.
        _ = TakeAnswers();
        while (freeCount == 0)
        {
            await WaitForAnswersAsync(cancellationToken).ConfigureAwait(false);
        }

        return Rent();
    }

    /// <summary>Rents a slot, where there is one: a live camera leaves its frame out where there is none.</summary>
    /// <param name="slot">The slot.</param>
    /// <inheritdoc cref="RentAsync" path="/exception[@cref='T:YoloZeroCopy.SharedFrameException']"/>
    /// <exception cref="ObjectDisposedException">The producer is disposed.</exception>
    public bool TryRent(out SharedSlot slot)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (!TakeAnswers() && freeCount == 0)
        {
            // Whether anybody is there still.
            _ = TryTakePacket();
        }

        slot = freeCount > 0 ? Rent() : default;
        return slot != default;
    }

    /// <summary>Hands a filled slot over. It never waits.</summary>
    /// <param name="slot">The slot; not the caller's any more.</param>
    /// <param name="format">Layout of the frame in it.</param>
    /// <param name="timestamp">Its time by the producer's own clock, for the detector's handler and the result.</param>
    /// <param name="capturedAt"><see cref="System.Diagnostics.Stopwatch.GetTimestamp"/> when it was captured, a clock that both processes read; 0
    /// means now.</param>
    /// <exception cref="ArgumentException">The format is the default value, or a frame of it is larger than a slot.</exception>
    /// <exception cref="InvalidOperationException">The slot is stale, or another producer's.</exception>
    /// <exception cref="SharedFrameException">The detector's process is gone.</exception>
    /// <exception cref="ObjectDisposedException">The producer is disposed.</exception>
    public void Submit(SharedSlot slot, in FrameFormat format, TimeSpan timestamp = default, long capturedAt = 0)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        format.ThrowIfNotWithin(SlotBytes, nameof(format));
        ThrowIfStale(slot);
        ref Slot submitted = ref slots[slot.Index];
        ReadOnlySpan<byte> frame = SharedMessage.WriteFrame(
            message, slot.Index, submitted.Generation, format, capturedAt, timestamp.Ticks * TimeSpan.NanosecondsPerTick);
        bool wakes = rings.ToDetector.Write(frame);
        submitted.Holder = Holder.Detector;
        submitted.Timestamp = timestamp;
        submitted.IsSubmitted = true;
        submittedCount++;
        if (wakes)
        {
            Ring();
        }
    }

    /// <summary>Waits until nothing that was submitted is on its way any more.</summary>
    /// <inheritdoc cref="RentAsync"/>
    public async Task DrainAsync(CancellationToken cancellationToken = default)
    {
        _ = TakeAnswers();
        while (submittedCount > 0)
        {
            await WaitForAnswersAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Disconnects: what was submitted is still detected in, and nothing is heard of it any more. Spans of slots are not to be touched after
    /// it.</summary>
    public void Dispose()
    {
        isDisposed = true;
        socket.Dispose();
        rings.Dispose();
        memory?.Close();
    }

    internal Memory<byte> MemoryOf(in SharedSlot slot)
    {
        ThrowIfStale(slot);
        return memory?.Memory.Slice(slot.Index * slotStep, SlotBytes)
            ?? throw new InvalidOperationException($"The slot is on the device; it begins {nameof(SharedSlot.DeviceOffset)} bytes into its memory.");
    }

    internal long DeviceOffsetOf(in SharedSlot slot)
    {
        ThrowIfStale(slot);
        return memory is null
            ? slot.Index * (long)slotStep
            : throw new InvalidOperationException("The slot is in memory of the host, and has a span.");
    }

    internal void Return(in SharedSlot slot)
    {
        if (IsRented(slot))
        {
            slots[slot.Index].Holder = Holder.Nobody;
            free[freeCount++] = slot.Index;
        }
    }

    private static async Task<Socket> ConnectAsync(UnixDomainSocketEndPoint place, string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            Socket socket = new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(place, cancellationToken).ConfigureAwait(false);
                return socket;
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.WouldBlock or SocketError.TryAgain)
            {
                // So many wait there that this one cannot yet.
                socket.Dispose();
            }
            catch (SocketException error)
            {
                socket.Dispose();
                throw new SharedFrameException($"No detector answers at '{path}': {error.Message}", SharedFrameRefusal.None, error);
            }
            catch
            {
                socket.Dispose();
                throw;
            }

            await Task.Delay(CrowdPause, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task<SharedProducer> TakeWelcomeAsync(Socket socket, SharedResultHandler? results, CancellationToken cancellationToken)
    {
        byte[] welcome = new byte[SharedMessage.WelcomeOnDeviceBytes + 1];
        await WaitAsync(socket, welcome, cancellationToken).ConfigureAwait(false);
        int length = SharedSystem.Receive(socket, welcome, out SafeFileHandle? file);
        try
        {
            ThrowIfRefused(welcome.AsSpan(0, Math.Max(length, 0)));
            bool isOnDevice = length == SharedMessage.WelcomeOnDeviceBytes && SharedMessage.Word(welcome, 0) == SharedMessage.WelcomeOnDevice;
            bool isOnHost = length == SharedMessage.WelcomeBytes && SharedMessage.Word(welcome, 0) == SharedMessage.Welcome && file is not null;
            if (!(isOnDevice || isOnHost) || SharedMessage.Word(welcome, 1) != SharedMessage.Magic
                || SharedMessage.Word(welcome, 2) != SharedMessage.Version)
            {
                throw new SharedFrameException(
                    length == 0 ? "The detector's process is gone." : "What listens there does not speak this protocol.", SharedFrameRefusal.None);
            }

            uint count = SharedMessage.Word(welcome, 3);
            uint bytes = SharedMessage.Word(welcome, 4);
            uint step = SharedMessage.Word(welcome, 5);
            long total = count * (long)step;
            if (count is 0 or > SharedMessage.MaxSlots || bytes == 0 || bytes > step || total > Array.MaxLength)
            {
                throw new SharedFrameException($"The detector's process offers {count} slots of {bytes} bytes, {step} apart: none that can be.");
            }

            SharedMemory? memory = isOnHost ? SharedMemory.Open(file!, total) : null;
            if (isOnDevice)
            {
                file?.Dispose();
            }

            SharedRings rings;
            try
            {
                rings = await TakeRingsAsync(socket, (int)count, results is not null, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                memory?.Close();
                throw;
            }

            return new SharedProducer(socket, memory, rings, (int)count, (int)bytes, (int)step, results)
            {
                DeviceHandle = isOnDevice ? welcome.AsMemory(SharedMessage.WelcomeBytes, CudaIpc.HandleBytes) : default,
                DeviceUuid = isOnDevice
                    ? new Guid(welcome.AsSpan(SharedMessage.WelcomeBytes + CudaIpc.HandleBytes, SharedMessage.DeviceBytes), bigEndian: true)
                    : default,
            };
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    private static async Task<SharedRings> TakeRingsAsync(Socket socket, int slots, bool withResults, CancellationToken cancellationToken)
    {
        byte[] message = new byte[SharedMessage.RingsBytes + 1];
        await WaitAsync(socket, message, cancellationToken).ConfigureAwait(false);
        int length = SharedSystem.Receive(socket, message, out SafeFileHandle? file);
        ThrowIfRefused(message.AsSpan(0, Math.Max(length, 0)));
        if (length == SharedMessage.RingsBytes && SharedMessage.Word(message, 0) == SharedMessage.Rings && file is not null)
        {
            return SharedRings.Open(file, slots, withResults);
        }

        file?.Dispose();
        throw new SharedFrameException(
            length == 0 ? "The detector's process is gone." : "What listens there does not speak this protocol.", SharedFrameRefusal.None);
    }

    // Asked, and not taken: the message may bring a file. A reset is told once, and what was sent before it is still there.
    private static async Task WaitAsync(Socket socket, byte[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            _ = await socket.ReceiveAsync(buffer.AsMemory(0, 1), SocketFlags.Peek, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
        {
            _ = await socket.ReceiveAsync(buffer.AsMemory(0, 1), SocketFlags.Peek, cancellationToken).ConfigureAwait(false);
        }
    }

    private static void ThrowIfRefused(ReadOnlySpan<byte> message)
    {
        if (message.Length == SharedMessage.RefusedBytes && SharedMessage.Word(message, 0) == SharedMessage.Refused)
        {
            uint reason = SharedMessage.Word(message, 3);
            throw (SharedFrameRefusal)reason switch
            {
                SharedFrameRefusal.Version => new SharedFrameException(
                    $"The detector's process speaks version {SharedMessage.Word(message, 2)} of the protocol, and this one {SharedMessage.Version}.",
                    SharedFrameRefusal.Version),
                SharedFrameRefusal.User => new SharedFrameException(
                    $"Processes of user {SharedSystem.User} are not welcome there.", SharedFrameRefusal.User),
                _ => new SharedFrameException(
                    $"The detector's process has cut this producer off: reason {(SharedFrameRefusal)reason}.", (SharedFrameRefusal)reason),
            };
        }
    }

    private static SharedFrameException Lost(Exception? cause = null) =>
        new("The detector's process is gone.", SharedFrameRefusal.None, cause);

    private SharedSlot Rent()
    {
        int index = free[--freeCount];
        slots[index].Holder = Holder.Caller;
        slots[index].Renting = ++rentings;
        return new SharedSlot(this, index, rentings);
    }

    private bool IsRented(in SharedSlot slot) =>
        (uint)slot.Index < (uint)slots.Length && slots[slot.Index].Holder == Holder.Caller && slots[slot.Index].Renting == slot.Renting;

    private void ThrowIfStale(in SharedSlot slot)
    {
        if (slot != new SharedSlot(this, slot.Index, slot.Renting) || !IsRented(slot))
        {
            throw new InvalidOperationException("The slot is stale, or another producer's: each is submitted or disposed once, where it was rented.");
        }
    }

    /// <summary>Takes what the detector's process has answered.</summary>
    /// <returns>Whether anything was there.</returns>
    private bool TakeAnswers()
    {
        bool any = false;
        bool isBroken;
        for (; rings.ToProducer.TryRead(answer, out isBroken); any = true)
        {
            Take(answer);
        }

        return isBroken ? throw Foreign() : any;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WaitForAnswersAsync(CancellationToken cancellationToken)
    {
        rings.ToProducer.AskForWaking();
        if (TakeAnswers())
        {
            _ = rings.ToProducer.TryTakeBack();
            return;
        }

        try
        {
            await WaitForPacketAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (SharedFrameException error) when (error.Refusal == SharedFrameRefusal.None)
        {
            // What the other side answered before it went counts.
            if (!TakeAnswers())
            {
                throw;
            }

            return;
        }

        _ = TakeAnswers();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WaitForPacketAsync(CancellationToken cancellationToken)
    {
        try
        {
            int length = await socket.ReceiveAsync(received.AsMemory(), SocketFlags.None, cancellationToken).ConfigureAwait(false);
            TakePacket(received.AsSpan(0, length));
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Why, the next message may say.
            if (!TryTakePacket())
            {
                throw Lost(error);
            }
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.OperationAborted)
        {
            throw new ObjectDisposedException(nameof(SharedProducer), error);
        }
        catch (SocketException error)
        {
            throw Lost(error);
        }
    }

    /// <summary>Takes a packet that is there.</summary>
    private bool TryTakePacket()
    {
        int length = socket.Receive(received, SocketFlags.None, out SocketError error);
        if (error == SocketError.ConnectionReset)
        {
            length = socket.Receive(received, SocketFlags.None, out error);
        }

        if (error == SocketError.WouldBlock)
        {
            return false;
        }

        if (error != SocketError.Success)
        {
            throw Lost(new SocketException((int)error));
        }

        TakePacket(received.AsSpan(0, length));
        return true;
    }

    // Beside the one that wakes there is only the one that says why this producer is cut off.
    private static void TakePacket(ReadOnlySpan<byte> packet)
    {
        ThrowIfRefused(packet);
        if (packet.IsEmpty)
        {
            throw Lost();
        }

        if (packet.Length != SharedMessage.BellBytes || SharedMessage.Word(packet, 0) != SharedMessage.Bell)
        {
            throw Foreign();
        }
    }

    private void Ring()
    {
        _ = socket.Send(bell, SocketFlags.None, out SocketError error);
        if (error is not (SocketError.Success or SocketError.WouldBlock))
        {
            // It may have said why it went.
            while (TryTakePacket())
            {
            }

            throw Lost(new SocketException((int)error));
        }
    }

    private void Take(ReadOnlySpan<byte> message)
    {
        uint index = SharedMessage.Word(message, 1);
        if (index >= (uint)slots.Length || slots[index].Holder != Holder.Detector)
        {
            throw Foreign();
        }

        ref Slot slot = ref slots[index];
        uint count = SharedMessage.Word(message, 3);
        if (SharedMessage.Word(message, 0) == SharedMessage.Slot)
        {
            slot.Holder = Holder.Nobody;
            slot.Generation = SharedMessage.Word(message, 2);
            free[freeCount++] = (int)index;
            Finish(ref slot, new SharedResult(slot.Timestamp, isDropped: true, [], 0));
        }
        else if (SharedMessage.Word(message, 0) == SharedMessage.Result && slot.IsSubmitted && count <= detections.Length)
        {
            Span<Detection> found = detections.AsSpan(0, (int)count);
            rings.ToProducer.ReadResult((int)index, MemoryMarshal.AsBytes(found));
            Finish(ref slot, new SharedResult(slot.Timestamp, isDropped: false, found, (int)SharedMessage.Word(message, 4)));
        }
        else
        {
            throw Foreign();
        }
    }

    // A slot that comes back before its frame's result has none.
    private void Finish(ref Slot slot, SharedResult result)
    {
        if (slot.IsSubmitted)
        {
            slot.IsSubmitted = false;
            submittedCount--;
            results?.Invoke(result);
        }
    }

    private static SharedFrameException Foreign() => new("The detector's process sent what is no message of this protocol.");

    private struct Slot
    {
        public Holder Holder;
        public uint Generation;
        public long Renting;
        public TimeSpan Timestamp;
        public bool IsSubmitted;
    }
}
