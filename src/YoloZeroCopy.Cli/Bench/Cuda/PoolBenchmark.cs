using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>A loop of frames of three tensors each, taken and given back for every frame: by the driver in three ways, and from a pool.</summary>
/// <remarks>On the device's thread.</remarks>
internal static class PoolBenchmark
{
    public const int Frames = 50;
    private const int Rounds = 20;

    /// <summary>A frame, an input and an output of a usual model, in bytes.</summary>
    public static IReadOnlyList<ulong> Tensors { get; } = [1920 * 1080 * 3, 640 * 640 * 3 * 4, 84 * 8400 * 4];

    public static PoolSection Run(CudaContext context, bool quick, CancellationToken stop)
    {
        int rounds = quick ? 2 : Rounds;
        using CudaStream stream = new(context);
        List<PoolRow> rows =
        [
            Measure("cuMemAlloc, cuMemFree", rounds, stream, ByDriver(bytes => new CudaDeviceMemory(context, (nuint)bytes), stream), stop),
            Measure("cuMemAllocAsync", rounds, stream, ByDriver(bytes => CudaDeviceMemory.AllocateOn(stream, (nuint)bytes), stream), stop),
        ];

        // The driver's default pool gives memory back whenever the stream is waited for; one that keeps it does not.
        using (CudaMemoryPool kept = new(context))
        {
            rows.Add(Measure("cuMemAllocAsync that keeps", rounds, stream, ByDriver(bytes => kept.AllocateOn(stream, (nuint)bytes), stream), stop));
        }

        using CudaBlockPool pool = new(context);
        CudaBlockOwner owner = pool.AddOwner("yzc bench");
        foreach (ulong bytes in Tensors)
        {
            pool.Reserve(bytes, 1);
        }

        CudaBlock[] blocks = new CudaBlock[Tensors.Count];
        rows.Add(Measure("block pool", rounds, stream, () =>
        {
            for (int index = 0; index < blocks.Length; index++)
            {
                blocks[index] = owner.Rent(Tensors[index], stream);
                stream.Fill(blocks[index].Address, 1, (nuint)Tensors[index]);
            }

            foreach (CudaBlock block in blocks)
            {
                block.Return(stream);
            }
        }, stop));
        return new PoolSection(rows, pool.Statistics);
    }

    private static Action ByDriver(Func<ulong, CudaDeviceMemory> allocate, CudaStream stream)
    {
        CudaDeviceMemory[] memory = new CudaDeviceMemory[Tensors.Count];
        return () =>
        {
            for (int index = 0; index < memory.Length; index++)
            {
                memory[index] = allocate(Tensors[index]);
                stream.Fill(memory[index].Address, 1, memory[index].Bytes);
            }

            foreach (CudaDeviceMemory one in memory)
            {
                one.Dispose();
            }
        };
    }

    private static PoolRow Measure(string name, int rounds, CudaStream stream, Action frame, CancellationToken stop)
    {
        List<double> totals = [];
        List<double> latencies = [];
        frame();
        stream.Synchronize();
        for (int round = 0; round < rounds && !stop.IsCancellationRequested; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int index = 0; index < Frames; index++)
            {
                long begin = Stopwatch.GetTimestamp();
                frame();
                stream.Synchronize();
                latencies.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
            }

            totals.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        latencies.Sort();
        double P(double share) => latencies.Count == 0 ? 0 : latencies[Math.Min(latencies.Count - 1, (int)(share * latencies.Count))];
        return new PoolRow(name, totals.Count == 0 ? 0 : Statistics.Median(totals), P(0.5), P(0.95));
    }
}
