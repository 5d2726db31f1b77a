using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;

namespace YoloZeroCopy;

/// <summary>
/// A detector's slots: a fixed number of equal ones, allocated once as one aligned block, rented and given back without allocation.
/// </summary>
/// <remarks>
/// Any thread. The slot behind the last one is handed out next while that one is out, since frames of a batch that lie side by side go to a device in
/// one copy; else the first that is free, so that the memory in use stays warm in the cache. Callers of <see cref="RentAsync"/> that wait are served
/// first come, first served. Disposing while slots are out is safe: their memory lives until the last one is back, or until nothing
/// refers to the pool any more. No code of others runs in here.
/// </remarks>
internal sealed class FramePool : IDisposable
{
    public const int MaxSlotCount = 4096;

    // Every slot begins on a page of its own: a DMA engine moves whole pages, and no two slots share a cache line.
    private const int Alignment = 4096;

    // A slot's state word is its generation, counted up at each renting, over two bits of state: 0 is free.
    private const int StateBits = 2;
    private const int StateMask = (1 << StateBits) - 1;
    private const int Rented = 1;
    private const int Submitted = 2;

    private readonly Lock sync = new();
    private readonly FrameMemory memory;
    private readonly nint slotStep;
    private readonly int[] states;
    private readonly FrameFormat[] formats;
    private readonly SlotMemoryManager[] managers;

    // A bit for each slot, set while it is free.
    private readonly ulong[] free;
    private readonly Timer stallTimer;
    private int freeCount;
    private int lastRented = -1;
    private RentWaiter? firstWaiter;
    private RentWaiter? lastWaiter;
    private RentWaiter? spareWaiters;
    private bool isWatchingForStall;
    private long reportedStall;
    private bool isClosed;
    private bool disposed;
    private Exception? failure;

    /// <summary>Allocates the slots in ordinary native memory.</summary>
    /// <param name="slotCount">Number of slots, 1 to 4,096.</param>
    /// <param name="slotBytes">Bytes of the largest frame a slot can hold, as <see cref="FrameFormat.ByteCount"/> gives it.</param>
    /// <exception cref="ArgumentOutOfRangeException">A count or size that is not positive, or too many slots.</exception>
    /// <exception cref="OutOfMemoryException">The memory cannot be had.</exception>
    public FramePool(int slotCount, int slotBytes)
        : this(slotCount, slotBytes, static byteCount => new AlignedFrameMemory(byteCount))
    {
    }

    internal FramePool(int slotCount, int slotBytes, Func<long, FrameMemory> allocate)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slotCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(slotCount, MaxSlotCount);
        ArgumentOutOfRangeException.ThrowIfLessThan(slotBytes, 1);
        SlotCount = slotCount;
        SlotBytes = slotBytes;
        slotStep = StepOf(slotBytes);
        memory = allocate(PlannedBytes(slotCount, slotBytes));
        states = new int[slotCount];
        formats = new FrameFormat[slotCount];
        managers = new SlotMemoryManager[slotCount];
        free = new ulong[(slotCount + 63) / 64];
        freeCount = slotCount;
        for (int index = 0; index < slotCount; index++)
        {
            managers[index] = new SlotMemoryManager(this, index);
            SetFree(index);
        }

        // Weak, so that a pool nobody has any more is not kept by its timer.
        stallTimer = new Timer(
            static state =>
            {
                if (((WeakReference<FramePool>)state!).TryGetTarget(out FramePool? pool))
                {
                    pool.LookForStall();
                }
            },
            new WeakReference<FramePool>(this),
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
    }

    /// <summary>Number of slots.</summary>
    public int SlotCount { get; }

    /// <summary>Bytes of the largest frame a slot can hold.</summary>
    public int SlotBytes { get; }

    /// <summary>Slots that are rented or submitted now.</summary>
    public int SlotsInUse
    {
        get
        {
            lock (sync)
            {
                return SlotCount - freeCount;
            }
        }
    }

    /// <summary>Slots that are rented now and not yet submitted.</summary>
    public int SlotsRented
    {
        get
        {
            lock (sync)
            {
                return states.Count(static state => (state & StateMask) == Rented);
            }
        }
    }

    /// <summary>How long a rent waits, while every slot is rented and none submitted, before <see cref="Warnings"/> hears of it.</summary>
    internal TimeSpan StallTime { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Where to say that a rent cannot be served; null says nothing.</summary>
    internal Warnings? Warnings { get; set; }

    /// <summary>Asked for a slot when none is free; true when it made one free. The policy that drops the oldest waiting frame hangs here.</summary>
    internal Func<bool>? Reclaim { get; set; }

    /// <summary>Rents a free slot, or returns false at once when there is none.</summary>
    /// <param name="format">Layout of the frame that will be written into it.</param>
    /// <param name="slot">The slot, the caller's until it is submitted or returned.</param>
    /// <exception cref="ArgumentException">The format is the default value, or its frames are larger than a slot.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public bool TryRent(in FrameFormat format, out FrameSlot slot)
    {
        ThrowIfTooLarge(format);
        do
        {
            lock (sync)
            {
                ThrowIfClosed();
                if (freeCount > 0)
                {
                    slot = Take(format);
                    return true;
                }
            }
        }
        while (Reclaim?.Invoke() == true);

        slot = default;
        return false;
    }

    /// <summary>Rents a free slot, waiting until one is returned: this is the back-pressure on a producer.</summary>
    /// <param name="format">Layout of the frame that will be written into it.</param>
    /// <param name="cancellationToken">Ends the wait; no slot is lost.</param>
    /// <returns>The slot, the caller's until it is submitted or returned. Await it exactly once.</returns>
    /// <exception cref="ArgumentException">The format is the default value, or its frames are larger than a slot.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed, before or during the wait.</exception>
    [SuppressMessage("Reliability", "CA2012", Justification = "The value task is made here and handed to the caller.")]
    public ValueTask<FrameSlot> RentAsync(in FrameFormat format, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<FrameSlot>(cancellationToken);
        }

        if (TryRent(format, out FrameSlot slot))
        {
            return new ValueTask<FrameSlot>(slot);
        }

        RentWaiter waiter;
        lock (sync)
        {
            ThrowIfClosed();
            if (freeCount > 0)
            {
                return new ValueTask<FrameSlot>(Take(format));
            }

            waiter = spareWaiters ?? new RentWaiter(this);
            spareWaiters = waiter.Next;
            waiter.Arm(format, cancellationToken);
            Enqueue(waiter);
            if (!isWatchingForStall)
            {
                // One look for all who wait: a timer for each would cost them more than the rest of the wait's bookkeeping.
                isWatchingForStall = stallTimer.Change(StallTime, Timeout.InfiniteTimeSpan);
            }
        }

        waiter.WatchCancellation();
        return new ValueTask<FrameSlot>(waiter, waiter.Version);
    }

    /// <summary>Frees the memory as soon as no slot is out; those who wait for a slot get <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => Close(null);

    internal static long PlannedBytes(int slotCount, int slotBytes) => (long)slotCount * StepOf(slotBytes);

    internal static MemoryPlanEntry Plan(int slotCount, int slotBytes, MemoryPlace place) =>
        new(MemoryItem.Slots, place, PlannedBytes(slotCount, slotBytes), MemoryEvidence.Formula, $"{slotCount} slots x {StepOf(slotBytes)} bytes");

    /// <summary>Bytes from slot to slot in a pool of slots of this size.</summary>
    internal static nint StepOf(int slotBytes) => (nint)(((long)slotBytes + Alignment - 1) & ~(Alignment - 1L));

    /// <summary>Refuses renting from now on: with <paramref name="cause"/>, or because the pool is disposed when that is null.</summary>
    internal void Close(Exception? cause)
    {
        RentWaiter? waiter;
        bool release;
        lock (sync)
        {
            failure ??= cause;
            disposed |= cause is null;
            waiter = firstWaiter;
            firstWaiter = lastWaiter = null;
            release = disposed && freeCount == SlotCount;
            if (!isClosed)
            {
                isClosed = true;
                isWatchingForStall = true;
                stallTimer.Dispose();
            }
        }

        while (waiter is not null)
        {
            RentWaiter? next = waiter.Next;
            waiter.Next = null;
            waiter.Fail(cause ?? Disposed());
            waiter = next;
        }

        if (release)
        {
            memory.Dispose();
        }
    }

    internal FrameFormat FormatOf(in FrameSlot slot)
    {
        ThrowIfStale(slot);
        return formats[slot.Index];
    }

    internal Span<byte> SpanOf(scoped in FrameSlot slot)
    {
        ThrowIfStale(slot);
        return Bytes(slot.Index);
    }

    internal Memory<byte> MemoryOf(in FrameSlot slot)
    {
        ThrowIfStale(slot);
        return managers[slot.Index].Memory;
    }

    /// <summary>Where a slot lies. Of one that was submitted for the lane that reads it, until <see cref="Recycle"/>.</summary>
    internal nint AddressOf(int index) => memory.Address + (index * slotStep);

    internal Span<byte> RentedSpan(int index)
    {
        if ((Volatile.Read(ref states[index]) & StateMask) != Rented)
        {
            throw new InvalidOperationException("The slot behind this memory was submitted or disposed.");
        }

        return Bytes(index);
    }

    /// <summary>Hands a rented slot over to the pipeline, so that the producer's copies of it are stale.</summary>
    /// <exception cref="InvalidOperationException">The slot is stale.</exception>
    internal FrameFormat Submit(in FrameSlot slot)
    {
        FrameFormat format = formats[slot.Index];
        return TrySubmit(slot) ? format : throw Stale();
    }

    /// <summary>Takes a submitted slot back once nothing reads it any more.</summary>
    internal void Recycle(int index) => GiveBack(index);

    /// <summary>Takes a rented slot back unused; false when it was submitted or returned before.</summary>
    internal bool TryReturn(in FrameSlot slot)
    {
        // By way of the submitted state, so that of two returns at once only one goes on.
        if (!TrySubmit(slot))
        {
            return false;
        }

        GiveBack(slot.Index);
        return true;
    }

    /// <summary>Ends one wait because its token was cancelled; too late when a slot was handed over before.</summary>
    internal void Cancel(RentWaiter waiter)
    {
        string? stall;
        lock (sync)
        {
            if (!waiter.CancellationToken.IsCancellationRequested || !Unlink(waiter))
            {
                return;
            }

            stall = StallOf(waiter);
        }

        CancellationToken token = waiter.CancellationToken;
        waiter.Fail(stall is null ? new OperationCanceledException(token)
            : new OperationCanceledException($"The wait for a slot was cancelled. {stall}", token));
    }

    internal void Keep(RentWaiter waiter)
    {
        lock (sync)
        {
            waiter.Next = spareWaiters;
            spareWaiters = waiter;
        }
    }

    private bool TrySubmit(in FrameSlot slot) =>
        Interlocked.CompareExchange(ref states[slot.Index], (slot.Token & ~StateMask) | Submitted, slot.Token) == slot.Token;

    private static InvalidOperationException Stale() =>
        new("The slot is stale: it was submitted or disposed before, and may hold another frame by now.");

    private static ObjectDisposedException Disposed() => new(nameof(YoloDetector));

    private unsafe Span<byte> Bytes(int index) => new((void*)AddressOf(index), formats[index].ByteCount);

    private void ThrowIfStale(in FrameSlot slot)
    {
        if (Volatile.Read(ref states[slot.Index]) != slot.Token)
        {
            throw Stale();
        }
    }

    private void ThrowIfTooLarge(in FrameFormat format)
    {
        if (format.ByteCount > SlotBytes)
        {
            throw new ArgumentException(
                $"A frame of {format} takes {format.ByteCount} bytes, and {nameof(SlotBytes)} is {SlotBytes}; open the detector with "
                    + $"{nameof(SlotBytes)} for the largest frame.", nameof(format));
        }

        format.ThrowIfNotWithin(SlotBytes, nameof(format));
    }

    private void ThrowIfClosed()
    {
        if (disposed || failure is not null)
        {
            throw ClosedError();
        }
    }

    private Exception ClosedError() => disposed ? Disposed() : failure!;

    /// <summary>Why a waiter cannot be served; null when a lane has a slot that will come back. Called with the lock held.</summary>
    private string? StallOf(RentWaiter waiter)
    {
        if (SlotsRented < SlotCount)
        {
            return null;
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"It has lasted {Stopwatch.GetElapsedTime(waiter.WaitingSince).TotalSeconds:F1} s, and all "
                + $"{SlotCount} slots are rented and none submitted: "
            + $"a rented slot comes back only when it is submitted or disposed, so dispose those that are not "
            + $"submitted, as when a frame cannot be read.");
    }

    private void LookForStall()
    {
        string? stall = null;
        lock (sync)
        {
            if (isClosed || firstWaiter is null)
            {
                isWatchingForStall = isClosed;
                return;
            }

            // Who waits is served in turn: when the first has waited so long, no slot came back in that time.
            TimeSpan left = StallTime - Stopwatch.GetElapsedTime(firstWaiter.WaitingSince);
            if (left <= TimeSpan.Zero && firstWaiter.WaitingSince != reportedStall)
            {
                stall = StallOf(firstWaiter);
                reportedStall = stall is null ? 0 : firstWaiter.WaitingSince;
            }

            isWatchingForStall = stallTimer.Change(left > TimeSpan.Zero ? left + TimeSpan.FromMilliseconds(1) : StallTime, Timeout.InfiniteTimeSpan);
        }

        if (stall is not null)
        {
            Warnings?.Say($"A caller waits for a slot. {stall}");
        }
    }

    // Called with the lock held and a slot free.
    private FrameSlot Take(in FrameFormat format)
    {
        int index = NextFree();
        free[index / 64] &= ~(1UL << (index % 64));
        freeCount--;
        return Assign(index, format);
    }

    private int NextFree()
    {
        int behind = lastRented + 1;
        if (behind > 0 && behind < SlotCount && IsFree(behind) && !IsFree(lastRented))
        {
            return behind;
        }

        int word = 0;
        while (free[word] == 0)
        {
            word++;
        }

        return (64 * word) + BitOperations.TrailingZeroCount(free[word]);
    }

    private bool IsFree(int index) => (free[index / 64] & (1UL << (index % 64))) != 0;

    private void SetFree(int index) => free[index / 64] |= 1UL << (index % 64);

    private FrameSlot Assign(int index, in FrameFormat format)
    {
        formats[index] = format;
        lastRented = index;
        int token = (((states[index] >> StateBits) + 1) << StateBits) | Rented;
        Volatile.Write(ref states[index], token);
        return new FrameSlot(this, index, token);
    }

    private void GiveBack(int index)
    {
        RentWaiter? waiter;
        FrameSlot slot = default;
        bool release = false;
        lock (sync)
        {
            waiter = firstWaiter;
            if (waiter is not null)
            {
                // Handed on directly: it was never free, so nobody can jump the queue.
                bool unlinked = Unlink(waiter);
                Debug.Assert(unlinked, "The first waiter is in the queue.");
                slot = Assign(index, waiter.Format);
            }
            else
            {
                states[index] &= ~StateMask;
                SetFree(index);
                freeCount++;
                release = disposed && freeCount == SlotCount;
            }
        }

        waiter?.Complete(slot);
        if (release)
        {
            memory.Dispose();
        }
    }

    private void Enqueue(RentWaiter waiter)
    {
        waiter.Next = null;
        if (lastWaiter is null)
        {
            firstWaiter = waiter;
        }
        else
        {
            lastWaiter.Next = waiter;
        }

        lastWaiter = waiter;
    }

    private bool Unlink(RentWaiter waiter)
    {
        RentWaiter? previous = null;
        for (RentWaiter? current = firstWaiter; current is not null; previous = current, current = current.Next)
        {
            if (!ReferenceEquals(current, waiter))
            {
                continue;
            }

            if (previous is null)
            {
                firstWaiter = current.Next;
            }
            else
            {
                previous.Next = current.Next;
            }

            if (ReferenceEquals(lastWaiter, current))
            {
                lastWaiter = previous;
            }

            current.Next = null;
            return true;
        }

        return false;
    }
}
