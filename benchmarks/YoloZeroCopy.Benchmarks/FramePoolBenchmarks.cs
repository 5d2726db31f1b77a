using System.Buffers;
using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>What a slot costs, beside the array pool, which gives no alignment, no back-pressure and no check of stale use.</summary>
[MemoryDiagnoser]
public class FramePoolBenchmarks : IDisposable
{
    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 1920, 1080);

    private readonly FramePool pool = new(8, Format.ByteCount);
    private readonly ArrayPool<byte> arrays = ArrayPool<byte>.Create(Format.ByteCount, 8);

    [Benchmark(Baseline = true)]
    public void Array_pool()
    {
        byte[] array = arrays.Rent(Format.ByteCount);
        array[0] = 1;
        arrays.Return(array);
    }

    [Benchmark]
    public void Rent_and_return()
    {
        if (pool.TryRent(Format, out FrameSlot slot))
        {
            slot.Span[0] = 1;
            slot.Dispose();
        }
    }

    [Benchmark]
    public async ValueTask Rent_asynchronously_and_return()
    {
        FrameSlot slot = await pool.RentAsync(Format);
        slot.Span[0] = 1;
        slot.Dispose();
    }

    [GlobalCleanup]
    public void Dispose()
    {
        pool.Dispose();
        GC.SuppressFinalize(this);
    }
}
