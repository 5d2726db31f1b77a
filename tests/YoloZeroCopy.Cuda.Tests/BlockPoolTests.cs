using YoloZeroCopy.Tests;
using System.Collections.Concurrent;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>Device memory that is kept for reuse, on the stand-in driver, which counts what is allocated, waited for and not given back.</summary>
[Collection(CudaTests.Name)]
public sealed class BlockPoolTests(CompiledSources sources)
{
    [Theory]
    [InlineData(1, 512)]
    [InlineData(512, 512)]
    [InlineData(513, 1024)]
    [InlineData(4096, 4096)]
    [InlineData(4097, 4608)]
    [InlineData(1 << 20, 1 << 20)]
    [InlineData((1 << 20) + 1, (1 << 20) + (1 << 17))]
    [InlineData(1920 * 1080 * 3, 6291456)]
    public void Sizes_are_rounded_up_by_an_eighth_at_most(ulong bytes, ulong expected)
    {
        Assert.Equal(expected, CudaBlockPool.ClassOf(bytes));
        Assert.Equal(expected, CudaBlockPool.ClassOf(expected));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => CudaBlockPool.ClassOf(0));
        _ = Assert.Throws<OverflowException>(() => CudaBlockPool.ClassOf(ulong.MaxValue));
    }

    [Fact]
    public void What_is_given_back_is_used_again_without_the_driver_and_counted()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaStream stream = new(context);
            using CudaBlockPool pool = new(context);
            CudaBlockOwner owner = pool.AddOwner("test");
            pool.Reserve(1000, 2);
            Assert.Equal(new CudaBlockStatistics(2048, 2048, 2048, 0, 0, 0, 0, 0), pool.Statistics);
            Assert.Equal(1, pool.Statistics.Fragmentation);
            CudaBlock first = owner.Rent(1000, stream);
            CudaBlock second = owner.Rent(600, stream);
            CudaBlock third = owner.Rent(100);
            Assert.NotEqual(first.Address, second.Address);
            Assert.Equal((1024UL, 1024UL, 512UL), (first.Bytes, second.Bytes, third.Bytes));
            Assert.Equal(new CudaBlockStatistics(2560, 2560, 2048, 2560, 2560, 1700, 2, 1), pool.Statistics);
            CUdeviceptr address = second.Address;
            second.Return(stream);
            long allocated = driver.Calls("cuMemAlloc_v2");
            for (int turn = 0; turn < 100; turn++)
            {
                CudaBlock again = owner.Rent(900, stream);
                Assert.Equal(address, again.Address);
                again.Return(stream);
            }

            Assert.Equal((allocated, 0L), (driver.Calls("cuMemAlloc_v2"), driver.Calls("cuMemFree_v2")));
            first.Return(stream);
            third.Return();
            Assert.Equal(new CudaBlockStatistics(2560, 2560, 2048, 0, 2560, 0, 102, 1), pool.Statistics);
            pool.Trim();
            Assert.Equal((0L, 2560L), (pool.Statistics.ReservedBytes, pool.Statistics.MaxReservedBytes));
            Assert.Equal(0, driver.Live("memory"));
        }

        driver.AssertClean();
    }

    [Fact]
    public void The_next_user_waits_for_the_last_ones_stream_on_the_device_and_a_thread_where_none_is_named()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaStream one = new(context);
            using CudaStream other = new(context);
            using CudaBlockPool pool = new(context);
            CudaBlockOwner owner = pool.AddOwner("test");
            owner.Rent(1000, one).Return(one);

            // On the same stream the order is kept by itself.
            owner.Rent(1000, one).Return(one);
            Assert.Equal((0L, 0L), (driver.Calls("cuStreamWaitEvent"), driver.Calls("cuEventSynchronize")));
            driver.Set("not_ready", 1);
            CudaBlock block = owner.Rent(1000, other);
            Assert.Equal((1L, 0L), (driver.Calls("cuStreamWaitEvent"), driver.Calls("cuEventSynchronize")));
            block.Return(other);
            driver.Set("not_ready", 1);
            block = owner.Rent(1000);
            Assert.Equal((1L, 1L), (driver.Calls("cuStreamWaitEvent"), driver.Calls("cuEventSynchronize")));
            block.Return();

            // What has passed, or was used by nobody, is waited for by nobody.
            owner.Rent(1000).Return(one);
            owner.Rent(1000, other).Return();
            owner.Rent(1000, one).Return();
            Assert.Equal((1L, 1L), (driver.Calls("cuStreamWaitEvent"), driver.Calls("cuEventSynchronize")));
        }

        driver.AssertClean();
    }

    [Fact]
    public void A_block_is_given_back_once_and_not_used_afterwards()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaBlockPool pool = new(context);
            CudaBlockOwner owner = pool.AddOwner("test");
            CudaBlock block = owner.Rent(1000);
            CudaBlock copy = block;
            block.Return();
            CudaBlock next = owner.Rent(1000);
            _ = Assert.Throws<InvalidOperationException>(() => copy.Return());
            _ = Assert.Throws<InvalidOperationException>(() => copy.Address);
            _ = Assert.Throws<InvalidOperationException>(() => default(CudaBlock).Bytes);
            Assert.Equal(1024UL, next.Bytes);
            next.Return();
        }

        driver.AssertClean();
    }

    [Fact]
    public void An_owner_gets_no_more_than_he_may_have_and_others_are_not_in_his_way()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaBlockPool pool = new(context);
            CudaBlockOwner small = pool.AddOwner("small", maxBytes: 2048);
            CudaBlockOwner other = pool.AddOwner("other");
            CudaBlock first = small.Rent(1024);
            InsufficientMemoryException error = Assert.Throws<InsufficientMemoryException>(() => small.Rent(1025));
            Assert.Equal("'small' asks for 1536 bytes of the device, has 1024, and may have 2048 at a time.", error.Message);
            CudaBlock second = small.Rent(1000);
            other.Rent(1 << 20).Return();
            first.Return();
            small.Rent(700).Return();
            second.Return();
            Assert.Equal(0, pool.Statistics.UsedBytes);
        }

        driver.AssertClean();
    }

    [Fact]
    public void What_is_idle_in_other_sizes_is_freed_where_the_device_has_no_more()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaBlockPool pool = new(context);
            CudaBlockOwner owner = pool.AddOwner("test");
            pool.Reserve(4096, 1);
            CudaBlock[] some = [owner.Rent(4096), owner.Rent(4096), owner.Rent(4096)];
            foreach (CudaBlock one in some)
            {
                one.Return();
            }

            // What was reserved is for others.
            driver.Fail("cuMemAlloc_v2", CUresult.CUDA_ERROR_OUT_OF_MEMORY);
            CudaBlock block = owner.Rent(100_000);
            Assert.Equal(((long)block.Bytes + 4096, 2L), (pool.Statistics.ReservedBytes, driver.Live("memory")));
            block.Return();

            // Nothing is left to free: it is the caller's problem, and nothing is lost or counted.
            pool.Trim();
            _ = Assert.Throws<CudaOutOfMemoryException>(() => owner.Rent(1UL << 40));
            Assert.Equal((0L, 0L, 0L), (pool.Statistics.ReservedBytes, pool.Statistics.UsedBytes, pool.Statistics.AskedBytes));
            driver.Fail("cuEventCreate", CUresult.CUDA_ERROR_UNKNOWN);
            _ = Assert.Throws<CudaException>(() => owner.Rent(100_000));
            Assert.Equal(0, pool.Statistics.ReservedBytes);
        }

        driver.AssertClean();
    }

    [Fact]
    public void What_was_reserved_is_kept_whatever_others_take_and_whatever_the_limit_is()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaBlockPool pool = new(context, maxIdleBytes: 2048);
            pool.Reserve(100_000, 2);
            pool.Reserve(100_000, 1);
            long size = (long)CudaBlockPool.ClassOf(100_000);
            Assert.Equal((3 * size, 3 * size), (pool.Statistics.ReservedBytes, pool.Statistics.KeptBytes));
            long allocations = driver.Calls("cuMemAlloc_v2");
            CudaBlockOwner expected = pool.AddOwner("expected");
            CudaBlockOwner other = pool.AddOwner("other");
            for (int turn = 0; turn < 10; turn++)
            {
                CudaBlock[] others = [other.Rent(1000), other.Rent(1000)];
                CudaBlock[] blocks = [expected.Rent(100_000), expected.Rent(99_000), expected.Rent(98_500)];
                foreach (CudaBlock block in (CudaBlock[])[.. others, .. blocks])
                {
                    block.Return();
                }

                Assert.Equal((3 * size) + 2048, pool.Statistics.ReservedBytes);
            }

            // One more than was reserved is above the limit, and so is freed; the others lie where they lay.
            CudaBlock[] more = [expected.Rent(100_000), expected.Rent(100_000), expected.Rent(100_000), expected.Rent(100_000)];
            foreach (CudaBlock block in more)
            {
                block.Return();
            }

            Assert.Equal(2 + 1, driver.Calls("cuMemAlloc_v2") - allocations);
            CudaBlockStatistics end = pool.Statistics;
            Assert.Equal(((3 * size) + 2048, 3 * size, 3L), (end.ReservedBytes, end.KeptBytes, end.Misses));
            Assert.Equal((0L, 4 * size, 0L, 2048L), (expected.UsedBytes, expected.MaxUsedBytes, other.UsedBytes, other.MaxUsedBytes));
            Assert.Equal(1, end.Fragmentation);
            pool.Trim();
            Assert.Equal((0L, 0L, 0L), (pool.Statistics.ReservedBytes, pool.Statistics.KeptBytes, driver.Live("memory")));
            pool.Dispose();
            _ = Assert.Throws<ObjectDisposedException>(() => pool.Reserve(1000, 1));
        }

        driver.AssertClean();
    }

    [Fact]
    public void Reserving_more_than_there_is_says_what_was_had_and_keeps_it()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaBlockPool pool = new(context, maxIdleBytes: 0);
            driver.Fail("cuMemAlloc_v2", CUresult.CUDA_ERROR_OUT_OF_MEMORY, nth: 3);
            CudaOutOfMemoryException error = Assert.Throws<CudaOutOfMemoryException>(() => pool.Reserve(4096, 5));
            Assert.Contains("reserving 5 blocks of 4096 bytes, of which 2 were had", error.Message, StringComparison.Ordinal);
            Assert.Equal((4096UL, 2 * 4096L, 2 * 4096L), (error.RequestedBytes, pool.Statistics.KeptBytes, pool.Statistics.ReservedBytes));
            CudaBlockOwner owner = pool.AddOwner("test");
            owner.Rent(4096).Return();
            Assert.Equal((1L, 0L), (pool.Statistics.Hits, pool.Statistics.Misses));
        }

        driver.AssertClean();
    }

    [Fact]
    public void What_is_idle_above_the_limit_is_freed_and_so_is_all_with_the_pool_and_what_comes_back_later()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            CudaBlockPool pool = new(context, maxIdleBytes: 2048);
            CudaBlockOwner owner = pool.AddOwner("test");
            CudaBlock[] blocks = [.. Enumerable.Range(0, 4).Select(_ => owner.Rent(1000))];
            foreach (CudaBlock block in blocks.Take(3))
            {
                block.Return();
            }

            Assert.Equal((3 * 1024L, 3L), (pool.Statistics.ReservedBytes, driver.Live("memory")));
            pool.Dispose();
            pool.Dispose();
            Assert.Equal(1, driver.Live("memory"));
            _ = Assert.Throws<ObjectDisposedException>(() => owner.Rent(1000));
            blocks[3].Return();
            Assert.Equal((0L, 0L), (pool.Statistics.ReservedBytes, driver.Live("memory")));
        }

        driver.AssertClean();
    }

    [Fact]
    public void A_block_whose_last_use_cannot_be_noted_is_freed_and_not_given_to_another()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaBlockPool pool = new(context);
            CudaBlockOwner owner = pool.AddOwner("test");
            CudaStream stream = new(context);
            CudaBlock block = owner.Rent(1000, stream);
            driver.Fail("cuEventRecord", CUresult.CUDA_ERROR_UNKNOWN);
            block.Return(stream);
            Assert.Equal((0L, 0L, 0L), (pool.Statistics.ReservedBytes, pool.Statistics.UsedBytes, driver.Live("memory")));
            block = owner.Rent(1000, stream);
            stream.Dispose();
            block.Return(stream);
            Assert.Equal((0L, 0L), (pool.Statistics.ReservedBytes, driver.Live("memory")));

            // A user whose own context is disposed gives back in order.
            CudaContext own = driver.Device.OpenContext();
            using CudaStream other = new(own);
            block = owner.Rent(1000, other);
            own.Dispose();
            block.Return(other);
            Assert.Equal((1024L, 1L), (pool.Statistics.ReservedBytes, driver.Live("memory")));
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task Many_threads_take_and_give_back_and_no_two_have_one_block()
    {
        const int Threads = 6;
        const int Turns = 2000;
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaBlockPool pool = new(context, maxIdleBytes: 64 << 10);
            ConcurrentDictionary<ulong, int> inUse = [];
            await Task.WhenAll(Enumerable.Range(0, Threads).Select(number => Task.Factory.StartNew(
                () =>
                {
                    context.MakeCurrent();
                    using CudaStream stream = new(context);
                    CudaBlockOwner owner = pool.AddOwner($"thread {number}");
                    Random random = new(number);
                    for (int turn = 0; turn < Turns; turn++)
                    {
                        ulong bytes = (ulong)random.Next(1, 20_000);
                        CudaBlock block = turn % 2 == 0 ? owner.Rent(bytes, stream) : owner.Rent(bytes);
                        ulong address = block.Address.Value;
                        Assert.True(inUse.TryAdd(address, number));
                        Assert.True(inUse.TryRemove(address, out _));
                        if (turn % 3 == 0)
                        {
                            block.Return();
                        }
                        else
                        {
                            block.Return(stream);
                        }
                    }
                },
                TaskCreationOptions.LongRunning)));
            CudaBlockStatistics end = pool.Statistics;
            Assert.Equal((0L, 0L, (long)Threads * Turns), (end.UsedBytes, end.AskedBytes, end.Hits + end.Misses));
            Assert.InRange(end.ReservedBytes, 0, 64 << 10);
        }

        driver.AssertClean();
    }

    [Fact]
    public async Task A_block_that_is_not_counted_as_out_any_more_is_there_for_the_next()
    {
        const int Turns = 5000;
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaBlockPool pool = new(context);
            CudaBlockOwner owner = pool.AddOwner("test");
            using Barrier turn = new(2);
            CudaBlock block = owner.Rent(1000);
            Task giver = Task.Factory.StartNew(
                () =>
                {
                    context.MakeCurrent();
                    for (int i = 0; i < Turns; i++)
                    {
                        turn.SignalAndWait();
                        block.Return();
                        turn.SignalAndWait();
                    }
                },
                TaskCreationOptions.LongRunning);
            for (int i = 0; i < Turns; i++)
            {
                turn.SignalAndWait();
                while (pool.Statistics.UsedBytes > 0)
                {
                }

                CudaBlock next = owner.Rent(1000);
                turn.SignalAndWait();
                block = next;
            }

            await giver;
            Assert.Equal((Turns, 1L), (pool.Statistics.Hits, pool.Statistics.Misses));
            block.Return();
        }

        driver.AssertClean();
    }

    [Fact]
    public void Taking_and_giving_back_allocate_nothing()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudaStream stream = new(context);
            using CudaBlockPool pool = new(context);
            CudaBlockOwner owner = pool.AddOwner("test");
            Turn(100);
            Assert.Equal(0, AllocationSlices.LeastHere(() => Turn(1000)));

            void Turn(int times)
            {
                for (int time = 0; time < times; time++)
                {
                    CudaBlock one = owner.Rent(5000, stream);
                    CudaBlock two = owner.Rent(5000);
                    one.Return(stream);
                    two.Return(stream);
                }
            }
        }

        driver.AssertClean();
    }
}
