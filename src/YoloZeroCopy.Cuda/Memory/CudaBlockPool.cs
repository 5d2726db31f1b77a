using System.Numerics;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda;

/// <summary>
/// Device memory that is kept when it is given back, and used again for what is of about the same size: taking and giving it back calls no allocator
/// and waits for no device, as <c>cuMemFree</c> does.
/// </summary>
/// <remarks>
/// <para>
/// Any thread. Sizes are rounded up to classes an eighth of a power of two apart, and a block serves its class only. What was queued on a stream
/// before a block was given back comes before what its next user does: that user's stream waits for it on the device, or, where none is named, the
/// thread.
/// </para>
/// <para>
/// Taking and giving back allocate nothing once there are as many blocks of a class as are used at a time, which <see cref="Reserve"/> sees to
/// beforehand.
/// </para>
/// </remarks>
public sealed class CudaBlockPool : IDisposable
{
    // As the driver aligns.
    private const ulong LeastBytes = 512;
    private const int StepsPerDoubling = 8;

    private readonly object gate = new();
    private readonly CudaContext context;
    private readonly Dictionary<ulong, SizeClass> classes = [];
    private readonly long maxIdleBytes;
    private long reserved;
    private long maxReserved;
    private long used;
    private long maxUsed;
    private long asked;
    private long hits;
    private long misses;
    private bool isDisposed;

    /// <summary>Makes a pool without memory.</summary>
    /// <param name="context">Context to allocate in.</param>
    /// <param name="maxIdleBytes">
    /// Bytes that are kept while nobody uses them, beside those that were reserved; above that, what is given back is freed.
    /// </param>
    public CudaBlockPool(CudaContext context, long maxIdleBytes = long.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentOutOfRangeException.ThrowIfNegative(maxIdleBytes);
        this.context = context;
        this.maxIdleBytes = maxIdleBytes;
    }

    /// <summary>What the pool has and gave.</summary>
    public CudaBlockStatistics Statistics
    {
        get
        {
            lock (gate)
            {
                long kept = 0;
                foreach (SizeClass size in classes.Values)
                {
                    kept += size.KeptBytes;
                }

                return new CudaBlockStatistics(reserved, maxReserved, kept, used, maxUsed, asked, hits, misses);
            }
        }
    }

    /// <summary>Bytes of the block that a size gets.</summary>
    /// <param name="bytes">The size, at least 1.</param>
    public static ulong ClassOf(ulong bytes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bytes);
        if (bytes <= LeastBytes)
        {
            return LeastBytes;
        }

        ulong step = Math.Max(LeastBytes, (1UL << BitOperations.Log2(bytes - 1)) / StepsPerDoubling);
        return checked((bytes + step - 1) / step * step);
    }

    /// <summary>Names somebody who takes blocks, and says how much at a time.</summary>
    /// <param name="name">What messages call him.</param>
    /// <param name="maxBytes">Most bytes that he has at a time, with what sizes are rounded up by.</param>
    public CudaBlockOwner AddOwner(string name, long maxBytes = long.MaxValue)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxBytes);
        return new CudaBlockOwner(this, name, maxBytes);
    }

    /// <summary>
    /// Allocates blocks before they are needed, as many as will be used at a time, on top of those that were reserved before. So many of their class
    /// are kept, whatever others do, until <see cref="Trim"/>.
    /// </summary>
    /// <param name="bytes">Size of each.</param>
    /// <param name="count">Their number.</param>
    /// <exception cref="CudaOutOfMemoryException">
    /// The device has too little free memory. What was allocated by then stays reserved: the message and <see cref="CudaBlockStatistics.KeptBytes"/>
    /// say how much.
    /// </exception>
    /// <exception cref="CudaException">The driver refused for another reason.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public void Reserve(ulong bytes, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ulong size = ClassOf(bytes);
        for (int made = 0; made < count; made++)
        {
            try
            {
                Entry entry = Allocate(size, kept: 1);
                if (!TryKeep(entry))
                {
                    entry.Dispose();
                }
            }
            catch (CudaOutOfMemoryException error)
            {
                throw error.While($"reserving {count} blocks of {size} bytes, of which {made} were had");
            }
        }
    }

    /// <summary>Frees what nobody uses, what was reserved with it, of which no more is kept from then on. May wait for the device.</summary>
    public void Trim()
    {
        lock (gate)
        {
            foreach (SizeClass size in classes.Values)
            {
                size.Kept = 0;
            }
        }

        _ = FreeSurplus();
    }

    /// <summary>Frees what nobody uses; what is out is freed as it is given back. May wait for the device.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
        }

        Trim();
    }

    internal CudaBlock Rent(CudaBlockOwner owner, ulong bytes, CudaStream? stream)
    {
        ulong size = ClassOf(bytes);
        Entry? entry;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if ((long)size > owner.MaxBytes - owner.UsedBytes)
            {
                throw new InsufficientMemoryException(
                    $"'{owner.Name}' asks for {size} bytes of the device, has {owner.UsedBytes}, and may have {owner.MaxBytes} at a time.");
            }

            entry = classes.TryGetValue(size, out SizeClass? sized) && sized.Idle.TryPop(out Entry? found) ? found : null;
            hits += entry is null ? 0 : 1;
            misses += entry is null ? 1 : 0;

            // Counted before it is there, so that two threads cannot go over a limit together.
            Count(owner, size, bytes, sign: 1);
        }

        try
        {
            entry ??= Allocate(size);
            entry.AwaitLastUse(stream);
        }
        catch
        {
            bool isKept;
            lock (gate)
            {
                Count(owner, size, bytes, sign: -1);
                isKept = entry is null || TryKeep(entry);
            }

            if (!isKept)
            {
                entry!.Dispose();
            }

            throw;
        }

        entry.Rent(owner, bytes);
        return new CudaBlock(entry, entry.Generation);
    }

    internal void Return(Entry entry, uint generation, CudaStream? lastUse)
    {
        // Before anybody can have it again. A block that was given back already is found out below, and an event more does no harm.
        bool isOrdered = lastUse is null || entry.TryNoteLastUse(lastUse);
        bool isKept;
        lock (gate)
        {
            if (!entry.TryReturn(generation))
            {
                throw new InvalidOperationException("The block was given back before.");
            }

            // In one step: a block that is not counted as used any more is there for the next.
            Count(entry.Owner!, entry.Bytes, entry.Asked, sign: -1);
            isKept = TryKeep(entry, isOrdered);
        }

        if (!isKept)
        {
            entry.Dispose();
        }
    }

    /// <summary>Puts a block where the next one finds it; false when it is to be freed, and no longer counted.</summary>
    private bool TryKeep(Entry entry, bool canKeep = true)
    {
        lock (gate)
        {
            SizeClass size = classes[entry.Bytes];
            size.Idle.Push(entry);
            if (canKeep && !isDisposed && (size.SurplusBytes == 0 || SurplusBytes() <= maxIdleBytes))
            {
                return true;
            }

            _ = size.Idle.Pop();
            size.Held--;
            reserved -= size.Bytes;
            return false;
        }
    }

    // Under the gate. There are as many classes as sizes are in use, which are few.
    private long SurplusBytes()
    {
        long bytes = 0;
        foreach (SizeClass size in classes.Values)
        {
            bytes += size.SurplusBytes;
        }

        return bytes;
    }

    /// <summary>Allocates a block, of which so many more of its size are kept from then on.</summary>
    private Entry Allocate(ulong size, int kept = 0)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            reserved += (long)size;
            maxReserved = Math.Max(maxReserved, reserved);
        }

        try
        {
            Entry entry = AllocateFromDriver(size);
            lock (gate)
            {
                SizeClass sized = CollectionsMarshal.GetValueRefOrAddDefault(classes, size, out _) ??= new SizeClass((long)size);
                sized.Held++;
                sized.Kept += kept;
            }

            return entry;
        }
        catch
        {
            lock (gate)
            {
                reserved -= (long)size;
            }

            throw;
        }
    }

    private Entry AllocateFromDriver(ulong size)
    {
        try
        {
            return new Entry(this, context, size);
        }
        catch (CudaOutOfMemoryException)
        {
            // What lies idle in other sizes may be what is missing. What was reserved is kept for those that it is for.
            if (!FreeSurplus())
            {
                throw;
            }

            return new Entry(this, context, size);
        }
    }

    /// <summary>Frees what is idle and kept for nobody; false where nothing is.</summary>
    private bool FreeSurplus()
    {
        List<Entry> freed = [];
        lock (gate)
        {
            foreach (SizeClass size in classes.Values)
            {
                while (size.SurplusBytes > 0)
                {
                    freed.Add(size.Idle.Pop());
                    size.Held--;
                    reserved -= size.Bytes;
                }
            }
        }

        foreach (Entry entry in freed)
        {
            entry.Dispose();
        }

        return freed.Count != 0;
    }

    private void Count(CudaBlockOwner owner, ulong size, ulong bytes, int sign)
    {
        owner.Count(sign * (long)size);
        used += sign * (long)size;
        asked += sign * (long)bytes;
        maxUsed = Math.Max(maxUsed, used);
    }

    /// <summary>Blocks of one size. Under the gate.</summary>
    private sealed class SizeClass(long bytes)
    {
        public long Bytes { get; } = bytes;

        public Stack<Entry> Idle { get; } = [];

        /// <summary>Blocks that there are, idle or out.</summary>
        public int Held { get; set; }

        /// <summary>Of these, so many are not freed.</summary>
        public int Kept { get; set; }

        public long KeptBytes => Kept * Bytes;

        /// <summary>Bytes that are idle and kept for nobody.</summary>
        public long SurplusBytes => Math.Clamp(Held - Kept, 0, Idle.Count) * Bytes;
    }

    /// <summary>A block's memory, and the event behind its last use.</summary>
    internal sealed class Entry : IDisposable
    {
        private readonly CudaBlockPool pool;
        private readonly CudaDeviceMemory memory;
        private readonly CudaEvent passed;
        private CudaStream? lastStream;
        private bool isRented;

        public Entry(CudaBlockPool pool, CudaContext context, ulong bytes)
        {
            this.pool = pool;
            Bytes = bytes;
            passed = new CudaEvent(context, CudaEventOptions.BlockingSync);
            try
            {
                memory = new CudaDeviceMemory(context, (nuint)bytes);
            }
            catch
            {
                passed.Dispose();
                throw;
            }
        }

        public ulong Bytes { get; }

        public ulong Asked { get; private set; }

        public uint Generation { get; private set; }

        public CudaBlockOwner? Owner { get; private set; }

        public CUdeviceptr Address => memory.Address;

        public bool IsRentedAs(uint generation) => isRented && Generation == generation;

        public void Rent(CudaBlockOwner owner, ulong bytes)
        {
            Owner = owner;
            Asked = bytes;
            Generation++;
            isRented = true;
        }

        public bool TryReturn(uint generation)
        {
            bool was = IsRentedAs(generation);
            isRented = isRented && !was;
            return was;
        }

        public void Return(uint generation, CudaStream? lastUse) => pool.Return(this, generation, lastUse);

        /// <summary>
        /// Notes what is queued on a stream; false where nothing can be queued any more. Then the block is of no use to others, and freeing it, which
        /// waits for the device, is safe.
        /// </summary>
        public bool TryNoteLastUse(CudaStream stream)
        {
            try
            {
                // Its context may be disposed already, and lives as long as the stream does.
                using ContextBinding binding = new(stream.Context);
                passed.Record(stream);
                lastStream = stream;
                return true;
            }
            catch (Exception error) when (error is CudaException or ObjectDisposedException)
            {
                return false;
            }
        }

        public void AwaitLastUse(CudaStream? stream)
        {
            // The order of one stream is kept by itself. By the object: another stream may have the handle of one that is gone.
            if (lastStream is null || ReferenceEquals(stream, lastStream))
            {
                return;
            }

            using ContextBinding binding = memory.Context.Bind();
            if (!passed.IsDone())
            {
                if (stream is null)
                {
                    passed.Synchronize();
                }
                else
                {
                    stream.WaitFor(passed);
                }
            }

            lastStream = null;
        }

        public void Dispose()
        {
            memory.Dispose();
            passed.Dispose();
        }
    }
}

/// <summary>Somebody who takes blocks of a pool. Any thread.</summary>
public sealed class CudaBlockOwner
{
    private readonly CudaBlockPool pool;
    private long used;
    private long maxUsed;

    internal CudaBlockOwner(CudaBlockPool pool, string name, long maxBytes)
    {
        this.pool = pool;
        Name = name;
        MaxBytes = maxBytes;
    }

    /// <summary>What messages call him.</summary>
    public string Name { get; }

    /// <summary>Most bytes at a time.</summary>
    public long MaxBytes { get; }

    /// <summary>Bytes that it has now, with what sizes were rounded up by.</summary>
    public long UsedBytes => Volatile.Read(ref used);

    /// <summary>The most that it had at a time.</summary>
    public long MaxUsedBytes => Volatile.Read(ref maxUsed);

    // Under the pool's lock.
    internal void Count(long bytes)
    {
        Volatile.Write(ref used, used + bytes);
        Volatile.Write(ref maxUsed, Math.Max(maxUsed, used));
    }

    /// <summary>Takes a block for work on a stream, which waits on the device for what was queued on the block before. The thread does not
    /// wait.</summary>
    /// <param name="bytes">Size, at least 1.</param>
    /// <param name="stream">The stream that uses it first, of the pool's context.</param>
    /// <exception cref="InsufficientMemoryException">It is more than the owner may have.</exception>
    /// <exception cref="CudaOutOfMemoryException">The device has too little free memory, also without what the pool has left over.</exception>
    /// <exception cref="CudaException">The driver refused for another reason.</exception>
    /// <exception cref="ObjectDisposedException">The pool, or its context, is disposed.</exception>
    public CudaBlock Rent(ulong bytes, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return pool.Rent(this, bytes, stream);
    }

    /// <summary>Takes a block that may be used at once by anybody: the thread waits for what was queued on it before.</summary>
    /// <param name="bytes">Size, at least 1.</param>
    /// <inheritdoc cref="Rent(ulong, CudaStream)" path="/exception"/>
    public CudaBlock Rent(ulong bytes) => pool.Rent(this, bytes, stream: null);
}

/// <summary>A block of device memory, to be given back exactly once.</summary>
public readonly struct CudaBlock
{
    private readonly CudaBlockPool.Entry entry;
    private readonly uint generation;

    internal CudaBlock(CudaBlockPool.Entry entry, uint generation)
    {
        this.entry = entry;
        this.generation = generation;
    }

    /// <summary>First address.</summary>
    /// <exception cref="InvalidOperationException">The block was given back, or is the default value.</exception>
    public CUdeviceptr Address => Live.Address;

    /// <summary>Bytes that can be used: those that were asked for, and what they were rounded up by.</summary>
    /// <exception cref="InvalidOperationException">The block was given back, or is the default value.</exception>
    public ulong Bytes => Live.Bytes;

    private CudaBlockPool.Entry Live =>
        entry?.IsRentedAs(generation) == true ? entry : throw new InvalidOperationException("The block was given back, or is the default value.");

    /// <summary>
    /// Gives it back behind what is queued on a stream. Does not wait, unless it is to be freed: when the pool is disposed, has too much, or the
    /// device is faulted. Any thread, also then.
    /// </summary>
    /// <param name="lastUse">The stream that used it last.</param>
    /// <exception cref="InvalidOperationException">It was given back before.</exception>
    public void Return(CudaStream lastUse)
    {
        ArgumentNullException.ThrowIfNull(lastUse);
        Live.Return(generation, lastUse);
    }

    /// <summary>Gives it back when nothing that is queued uses it any more.</summary>
    /// <exception cref="InvalidOperationException">It was given back before.</exception>
    public void Return() => Live.Return(generation, lastUse: null);
}

/// <summary>What a <see cref="CudaBlockPool"/> has and gave.</summary>
/// <param name="ReservedBytes">Bytes of the device that it holds.</param>
/// <param name="MaxReservedBytes">The most that it held.</param>
/// <param name="KeptBytes">Bytes that <see cref="CudaBlockPool.Reserve"/> was told of and got, whether they are out or idle.</param>
/// <param name="UsedBytes">Bytes of the blocks that are out.</param>
/// <param name="MaxUsedBytes">The most that were out.</param>
/// <param name="AskedBytes">What was asked for of those that are out, before sizes were rounded up.</param>
/// <param name="Hits">Blocks that were there.</param>
/// <param name="Misses">Blocks that had to be allocated.</param>
public readonly record struct CudaBlockStatistics(
    long ReservedBytes, long MaxReservedBytes, long KeptBytes, long UsedBytes, long MaxUsedBytes, long AskedBytes, long Hits, long Misses)
{
    /// <summary>Part of what is held that nobody has a use for now, 0 to 1: idle blocks, and what sizes were rounded up by.</summary>
    public double Fragmentation => ReservedBytes == 0 ? 0 : 1 - ((double)AskedBytes / ReservedBytes);
}
