using System.Buffers;
using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>Several threads rent slots of one pool and return them, each as fast as it can: the time of one rental, seen by one thread.</summary>
/// <remarks>From four threads on there are fewer slots than could be held, so that some wait for others, as producers do under load.</remarks>
[MemoryDiagnoser]
public class ContendedPoolBenchmarks : IDisposable
{
    private const int Rounds = 5_000;
    private const int Slots = 3;

    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 640, 480);

    private readonly FramePool pool = new(Slots, Format.ByteCount);
    private readonly ArrayPool<byte> arrays = ArrayPool<byte>.Create(Format.ByteCount, Slots);
    private Task[] producers = [];

    [Params(1, 2, 4, 16)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup() => producers = new Task[Threads];

    [Benchmark(Baseline = true, OperationsPerInvoke = Rounds)]
    public Task Array_pool() => EachAsync(() =>
    {
        for (int round = 0; round < Rounds; round++)
        {
            byte[] array = arrays.Rent(Format.ByteCount);
            array[0] = 1;
            arrays.Return(array);
        }

        return Task.CompletedTask;
    });

    [Benchmark(OperationsPerInvoke = Rounds)]
    public Task Slots_that_are_waited_for() => EachAsync(async () =>
    {
        for (int round = 0; round < Rounds; round++)
        {
            FrameSlot slot = await pool.RentAsync(Format).ConfigureAwait(false);
            slot.Span[0] = 1;
            slot.Dispose();
        }
    });

    [Benchmark(OperationsPerInvoke = Rounds)]
    public Task Slots_that_are_left_out_where_none_is_free() => EachAsync(() =>
    {
        for (int round = 0; round < Rounds; round++)
        {
            if (pool.TryRent(Format, out FrameSlot slot))
            {
                slot.Span[0] = 1;
                slot.Dispose();
            }
        }

        return Task.CompletedTask;
    });

    [GlobalCleanup]
    public void Dispose()
    {
        pool.Dispose();
        GC.SuppressFinalize(this);
    }

    private Task EachAsync(Func<Task> produce)
    {
        for (int thread = 0; thread < producers.Length; thread++)
        {
            producers[thread] = Task.Run(produce);
        }

        return Task.WhenAll(producers);
    }
}
