using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cli;

/// <summary>The engine alone: one context a lane on bound tensors, runs back to back, nothing before and nothing after: the pipeline's
/// measure.</summary>
internal sealed unsafe class EngineBenchmark : IEngineBenchmark
{
    private const int Alignment = 64;

    private readonly EngineContext?[] contexts;
    private readonly void*[] tensors;
    private readonly int batch;

    public EngineBenchmark(InferenceEngine engine, int maxBatch, int lanes)
    {
        ModelInfo model = engine.Model;
        batch = model.FixedBatch == 0 ? maxBatch : model.FixedBatch;
        contexts = new EngineContext?[lanes];
        tensors = new void*[2 * lanes];
        long inputBytes = (long)batch * model.InputBytes;
        long outputBytes = (long)batch * engine.OutputBytes;
        try
        {
            for (int lane = 0; lane < lanes; lane++)
            {
                tensors[2 * lane] = NativeMemory.AlignedAlloc((nuint)inputBytes, Alignment);
                tensors[(2 * lane) + 1] = NativeMemory.AlignedAlloc((nuint)outputBytes, Alignment);
                FillWithNoise(tensors[2 * lane], inputBytes / model.InputType.ElementBytes(), model.InputType);
                NativeMemory.Clear(tensors[(2 * lane) + 1], (nuint)outputBytes);
                contexts[lane] = engine.CreateContext(batch, (nint)tensors[2 * lane], (nint)tensors[(2 * lane) + 1], stream: 0);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Runs all lanes for a time and counts the pictures of the runs that were completed.</summary>
    public EngineSlice Run(TimeSpan duration, CancellationToken stop)
    {
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        long runs;
        if (contexts.Length == 1)
        {
            runs = RunLane(contexts[0]!, start, duration, stop);
        }
        else
        {
            long[] counts = new long[contexts.Length];
            Exception?[] errors = new Exception?[contexts.Length];
            Thread[] threads = [.. Enumerable.Range(0, contexts.Length).Select(lane => new Thread(() =>
            {
                try
                {
                    counts[lane] = RunLane(contexts[lane]!, start, duration, stop);
                }
                catch (Exception error)
                {
                    errors[lane] = error;
                }
            }))];
            Array.ForEach(threads, static thread => thread.Start());
            Array.ForEach(threads, static thread => thread.Join());
            if (Array.Find(errors, static error => error is not null) is Exception first)
            {
                ExceptionDispatchInfo.Throw(first);
            }

            runs = counts.Sum();
        }

        return new EngineSlice(runs * batch, Stopwatch.GetElapsedTime(start), Environment.CpuUsage.TotalTime - cpu);
    }

    public void Dispose()
    {
        foreach (EngineContext? context in contexts)
        {
            context?.Dispose();
        }

        Array.Clear(contexts);
        foreach (void* tensor in tensors)
        {
            NativeMemory.AlignedFree(tensor);
        }

        Array.Clear(tensors);
    }

    private static long RunLane(EngineContext context, long start, TimeSpan duration, CancellationToken stop)
    {
        long runs = 0;
        do
        {
            context.Enqueue();
            runs++;
        }
        while (Stopwatch.GetElapsedTime(start) < duration && !stop.IsCancellationRequested);
        return runs;
    }

    // Values of a picture, 0 to 1: numbers far outside, or denormal ones, would change the engine's speed.
    private static void FillWithNoise(void* tensor, long count, TensorElementType type)
    {
        Random random = new(1);
        for (long index = 0; index < count; index++)
        {
            int level = random.Next(256);
            switch (type)
            {
                case TensorElementType.Float32:
                    ((float*)tensor)[index] = level / 255f;
                    break;
                case TensorElementType.Float16:
                    ((Half*)tensor)[index] = (Half)(level / 255f);
                    break;
                default:
                    ((byte*)tensor)[index] = (byte)level;
                    break;
            }
        }
    }
}

/// <summary>What the engine alone did in one slice of time.</summary>
internal readonly record struct EngineSlice(long Frames, TimeSpan Elapsed, TimeSpan Cpu);
