namespace YoloZeroCopy.Tests;

public sealed class FramePoolTests
{
    private static readonly FrameFormat Small = new(PixelFormat.Bgr24, 16, 4);

    [Fact]
    public void Slots_are_page_aligned_distinct_and_as_long_as_the_frame()
    {
        using FramePool pool = new(3, Small.ByteCount);
        HashSet<nint> addresses = [];
        List<FrameSlot> slots = [];
        for (int index = 0; index < 3; index++)
        {
            Assert.True(pool.TryRent(Small, out FrameSlot slot));
            Assert.Equal(Small.ByteCount, slot.Span.Length);
            Assert.Equal(Small.ByteCount, slot.Memory.Length);
            slot.Span.Fill((byte)index);
            nint address = pool.AddressOf(slot.Index);
            Assert.Equal(0, address % 4096);
            Assert.True(addresses.Add(address));
            slots.Add(slot);
        }

        Assert.False(pool.TryRent(Small, out _));
        for (int index = 0; index < 3; index++)
        {
            Assert.All(slots[index].Memory.ToArray(), value => Assert.Equal(index, value));
            slots[index].Dispose();
        }

        Assert.Equal(0, pool.SlotsInUse);
    }

    [Fact]
    public void A_stale_slot_is_refused_also_after_the_slot_is_rented_again()
    {
        using FramePool pool = new(1, Small.ByteCount);
        Assert.True(pool.TryRent(Small, out FrameSlot first));
        Memory<byte> kept = first.Memory;
        first.Dispose();
        Assert.Throws<InvalidOperationException>(() => kept.Span.Length);

        Assert.True(pool.TryRent(Small, out FrameSlot second));
        Assert.Throws<InvalidOperationException>(() => pool.Submit(first));
        Assert.Throws<InvalidOperationException>(() => first.Span.Length);
        Assert.Throws<InvalidOperationException>(() => first.Memory);
        Assert.Throws<InvalidOperationException>(() => first.Format);
        Assert.NotEqual(first, second);
        second.Dispose();
        Assert.Throws<InvalidOperationException>(() => default(FrameSlot).Span.Length);
    }

    [Fact]
    public void Disposing_a_slot_gives_it_back_once_and_never_another_renting_of_it()
    {
        using FramePool pool = new(1, Small.ByteCount);
        Assert.Throws<FormatException>(() => RentAndThrow(pool));
        Assert.Equal(0, pool.SlotsInUse);

        Assert.True(pool.TryRent(Small, out FrameSlot first));
        first.Dispose();
        first.Dispose();
        Assert.True(pool.TryRent(Small, out FrameSlot second));
        first.Dispose();
        Assert.Equal(1, pool.SlotsInUse);
        pool.Submit(second);
        second.Dispose();
        Assert.Equal(1, pool.SlotsInUse);
        pool.Recycle(second.Index);
        second.Dispose();
        default(FrameSlot).Dispose();
        Assert.Equal(0, pool.SlotsInUse);

        static void RentAndThrow(FramePool pool)
        {
            Assert.True(pool.TryRent(Small, out FrameSlot rented));
            using FrameSlot slot = rented;
            throw new FormatException("a bad picture");
        }
    }

    [Fact]
    public void Refuses_frames_that_are_larger_than_a_slot_and_says_both_sizes()
    {
        using FramePool pool = new(1, 100);
        ArgumentException error = Assert.Throws<ArgumentException>(() => pool.TryRent(Small, out _));
        Assert.Contains("192", error.Message, StringComparison.Ordinal);
        Assert.Contains("100", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => pool.TryRent(default, out _));
    }

    [Fact]
    public async Task Waiting_renters_are_served_in_order_and_cancelling_one_loses_no_slot()
    {
        using FramePool pool = new(1, Small.ByteCount);
        Assert.True(pool.TryRent(Small, out FrameSlot held));
        using CancellationTokenSource cancel = new();
        Task<FrameSlot> first = pool.RentAsync(Small).AsTask();
        Task<FrameSlot> second = pool.RentAsync(Small, cancel.Token).AsTask();
        Task<FrameSlot> third = pool.RentAsync(Small).AsTask();

        await cancel.CancelAsync();
        OperationCanceledException error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.Equal(cancel.Token, error.CancellationToken);

        held.Dispose();
        FrameSlot one = await first;
        Assert.False(third.IsCompleted);
        Assert.False(pool.TryRent(Small, out _));
        one.Dispose();
        (await third).Dispose();
        Assert.Equal(0, pool.SlotsInUse);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pool.RentAsync(Small, cancel.Token).AsTask());
    }

    [Fact]
    public async Task Disposing_ends_waits_and_keeps_rented_memory_until_it_is_returned()
    {
        FramePool pool = new(1, Small.ByteCount);
        Assert.True(pool.TryRent(Small, out FrameSlot slot));
        Task<FrameSlot> waiting = pool.RentAsync(Small).AsTask();
        pool.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        Assert.Throws<ObjectDisposedException>(() => pool.TryRent(Small, out _));
        slot.Span.Fill(1);
        slot.Dispose();
        pool.Dispose();
    }

    [Fact]
    public void Renting_and_returning_allocates_nothing()
    {
        using FramePool pool = new(2, Small.ByteCount);
        Assert.Equal(0, AllocationSlices.Least(() => RentAndReturn(pool, 1000)));
    }

    [Fact]
    public void Waiting_for_a_slot_allocates_nothing_once_warm()
    {
        using FramePool pool = new(1, Small.ByteCount);
        Assert.Equal(0, AllocationSlices.Least(() => WaitForSlot(pool, 1000)));
    }

    [Fact]
    public async Task A_wait_that_nothing_can_end_says_so_in_a_warning_and_when_it_is_cancelled()
    {
        using FramePool pool = new(2, Small.ByteCount) { StallTime = TimeSpan.FromMilliseconds(50) };
        TaskCompletionSource<string> warned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int warnings = 0;
        pool.Warnings = new Warnings(message =>
        {
            Interlocked.Increment(ref warnings);
            warned.TrySetResult(message);
            throw new InvalidOperationException("a log that throws");
        });
        Assert.True(pool.TryRent(Small, out FrameSlot first));
        Assert.True(pool.TryRent(Small, out FrameSlot second));
        using CancellationTokenSource cancel = new();
        Task<FrameSlot> waiting = pool.RentAsync(Small, cancel.Token).AsTask();
        string warning = await warned.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Contains("all 2 slots are rented and none submitted", warning, StringComparison.Ordinal);
        await cancel.CancelAsync();
        OperationCanceledException error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.Equal(cancel.Token, error.CancellationToken);
        Assert.Contains("all 2 slots are rented and none submitted", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, warnings);
        Assert.Equal(2, pool.SlotsRented);

        // A slot that a lane has comes back: there is nothing to say.
        pool.Submit(second);
        using CancellationTokenSource later = new();
        Task<FrameSlot> served = pool.RentAsync(Small, later.Token).AsTask();
        Task<FrameSlot> given = pool.RentAsync(Small).AsTask();
        await later.CancelAsync();
        error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => served);
        Assert.DoesNotContain("rented", error.Message, StringComparison.Ordinal);
        first.Dispose();
        (await given).Dispose();
        pool.Recycle(second.Index);
        Assert.Equal((0, 0), (pool.SlotsInUse, pool.SlotsRented));
    }

    [Fact]
    public void Slots_that_are_out_together_lie_side_by_side_and_a_lone_one_stays_warm()
    {
        using FramePool pool = new(24, 64);
        for (int turn = 0; turn < 3; turn++)
        {
            using FrameSlot lone = Rent(pool);
            Assert.Equal(0, lone.Index);
        }

        // As a pipeline does it: the slots of a batch come back together, in any order, while others are out.
        Queue<FrameSlot[]> batches = new();
        for (int number = 0; number < 200; number++)
        {
            FrameSlot[] batch = [.. Enumerable.Range(0, 8).Select(_ => Rent(pool))];
            Assert.Equal(Enumerable.Range(batch[0].Index, 8), batch.Select(static slot => slot.Index));
            batches.Enqueue(batch);
            if (batches.Count == 3)
            {
                foreach (FrameSlot slot in batches.Dequeue().Reverse())
                {
                    slot.Dispose();
                }
            }
        }

        while (batches.TryDequeue(out FrameSlot[]? left))
        {
            Array.ForEach(left, static slot => slot.Dispose());
        }

        Assert.Equal(0, pool.SlotsInUse);

        static FrameSlot Rent(FramePool pool)
        {
            Assert.True(pool.TryRent(new FrameFormat(PixelFormat.Gray8, 8, 8), out FrameSlot slot));
            return slot;
        }
    }

    [Fact]
    public async Task Many_threads_never_share_a_slot()
    {
        using FramePool pool = new(3, Small.ByteCount);
        await Task.WhenAll(Enumerable.Range(1, 6).Select(id => Task.Run(async () =>
        {
            Random random = new(id);
            for (int turn = 0; turn < 500; turn++)
            {
                using CancellationTokenSource cancel = new();
                ValueTask<FrameSlot> rent = pool.RentAsync(Small, cancel.Token);
                if (random.Next(8) == 0)
                {
                    await cancel.CancelAsync();
                }

                try
                {
                    FrameSlot slot = await rent;
                    slot.Span.Fill((byte)id);
                    await Task.Yield();
                    Assert.Equal(-1, slot.Span.IndexOfAnyExcept((byte)id));
                    slot.Dispose();
                }
                catch (OperationCanceledException)
                {
                }
            }
        })));
        Assert.Equal(0, pool.SlotsInUse);
    }

    private static void RentAndReturn(FramePool pool, int times)
    {
        for (int turn = 0; turn < times; turn++)
        {
            Assert.True(pool.TryRent(Small, out FrameSlot slot));
            slot.Memory.Span[0] = 1;
            slot.Dispose();
        }
    }

    private static void WaitForSlot(FramePool pool, int times)
    {
        for (int turn = 0; turn < times; turn++)
        {
            Assert.True(pool.TryRent(Small, out FrameSlot held));
            ValueTask<FrameSlot> rent = pool.RentAsync(Small);
            held.Dispose();
            rent.GetAwaiter().GetResult().Dispose();
        }
    }
}
