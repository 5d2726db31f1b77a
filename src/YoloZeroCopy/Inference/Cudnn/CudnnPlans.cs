using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>The compiled convolutions of a network, for the batch sizes that it runs in.</summary>
/// <remarks>
/// One plan serves all streams. cuDNN's heuristics propose several ways to compute a convolution, and their first is not always the fastest: in the
/// smallest batch, whose latency counts, and in the largest, whose rate counts, some are timed on the device. What was found goes to the cache.
/// Immutable but for disposal, which wants the context current; any thread.
/// </remarks>
internal sealed class CudnnPlans : IDisposable
{
    private const int MaxThreads = 8;

    // How many ways to compute a convolution are compiled and timed. Each takes some 0.1 s of a core, and cuDNN compiles few at a time.
    private const int TunedCandidates = 2;

    // Of what a graph with so many runs in a row takes, launched so often, the shortest counts.
    private const int TimedRuns = 10;
    private const int TimedLaunches = 3;

    private readonly Dictionary<ConvolutionShape, CudnnPlan> plans;

    private CudnnPlans(Dictionary<ConvolutionShape, CudnnPlan> plans) => this.plans = plans;

    /// <summary>Device memory that the plan which needs most works in.</summary>
    public long WorkspaceBytes => plans.Values.Max(static plan => plan.WorkspaceBytes);

    /// <summary>The plan of a shape that was among those to compile.</summary>
    public CudnnPlan this[in ConvolutionShape shape] => plans[shape];

    /// <summary>Reads or compiles plans, on threads of its own.</summary>
    /// <param name="library">cuDNN.</param>
    /// <param name="context">The device's context.</param>
    /// <param name="shapes">What to compile.</param>
    /// <param name="cache">Where plans of earlier openings lie, or null.</param>
    /// <param name="onProgress">Told on the calling thread how many of how many shapes are compiled, from 0 on; what it throws ends the work.</param>
    /// <exception cref="CudaException">The device failed.</exception>
    /// <exception cref="InferenceException">cuDNN cannot compute one of the shapes on this device.</exception>
    public static CudnnPlans Make(
        CudnnLibrary library, CudaContext context, IEnumerable<ConvolutionShape> shapes, EngineCache? cache, Action<int, int> onProgress)
    {
        ConvolutionShape[] distinct = [.. shapes.Distinct()];
        int[] tuned = [distinct.Min(static shape => shape.Batch), distinct.Max(static shape => shape.Batch)];
        List<CudnnPlan>?[] found = new List<CudnnPlan>?[distinct.Length];
        try
        {
            Compile(library, context, distinct, shape => tuned.Contains(shape.Batch) ? TunedCandidates : 1, found, cache, onProgress);
            Choose(library, context, distinct, found);
            for (int i = 0; i < distinct.Length; i++)
            {
                if (!found[i]![0].IsStored && found[i]![0].ToJson() is byte[] json)
                {
                    cache?.TryWrite(distinct[i].ToString(), json);
                }
            }

            return new CudnnPlans(distinct.Zip(found).ToDictionary(static pair => pair.First, static pair => pair.Second![0]));
        }
        catch
        {
            Release(context, () =>
            {
                foreach (CudnnPlan plan in found.SelectMany(static plans => plans ?? []))
                {
                    plan.Dispose();
                }
            });
            throw;
        }
    }

    /// <summary>Gives things of cuDNN back where it finds the device; on one that has faulted they are given back all the same.</summary>
    public static void Release(CudaContext context, Action release) => OwnThread.Run("YoloZeroCopy cuDNN", () =>
    {
        try
        {
            context.MakeCurrent();
        }
        catch (Exception error) when (error is CudaException or ObjectDisposedException)
        {
            // The memory of the host is given back at least.
        }

        release();
    });

    public void Dispose()
    {
        foreach (CudnnPlan plan in plans.Values)
        {
            plan.Dispose();
        }
    }

    private static void Compile(
        CudnnLibrary library, CudaContext context, ConvolutionShape[] shapes, Func<ConvolutionShape, int> candidates, List<CudnnPlan>?[] found,
        EngineCache? cache, Action<int, int> onProgress)
    {
        int next = -1;
        bool stopped = false;
        ConcurrentQueue<Exception> failures = [];
        using SemaphoreSlim finished = new(0);
        onProgress(0, shapes.Length);
        Thread[] threads = new Thread[Math.Clamp(Math.Min(Environment.ProcessorCount, shapes.Length), 1, MaxThreads)];
        for (int number = 0; number < threads.Length; number++)
        {
            threads[number] = new Thread(Work) { IsBackground = true, Name = "YoloZeroCopy cuDNN" };
            threads[number].Start();
        }

        try
        {
            for (int done = 1; done <= shapes.Length; done++)
            {
                finished.Wait();
                if (failures.TryPeek(out Exception? failure))
                {
                    ExceptionDispatchInfo.Throw(failure);
                }

                onProgress(done, shapes.Length);
            }
        }
        finally
        {
            Volatile.Write(ref stopped, true);
            foreach (Thread thread in threads)
            {
                thread.Join();
            }
        }

        void Work()
        {
            try
            {
                context.MakeCurrent();
                using CudnnHandle handle = new(library.Api);
                int index;
                while (!Volatile.Read(ref stopped) && (index = Interlocked.Increment(ref next)) < shapes.Length)
                {
                    found[index] = ReadOrCompile(library.Api, handle, shapes[index], candidates(shapes[index]), cache);
                    finished.Release();
                }
            }
            catch (Exception error)
            {
                failures.Enqueue(error);
                finished.Release();
            }
        }
    }

    private static List<CudnnPlan> ReadOrCompile(
        CudnnApi api, CudnnHandle handle, in ConvolutionShape shape, int candidates, EngineCache? cache) =>
        cache?.TryRead(shape.ToString()) is byte[] json && CudnnPlan.TryRead(api, handle, shape, json) is CudnnPlan stored ? [stored]
            : CudnnPlan.Compile(api, handle, shape, candidates);

    /// <summary>Times the plans of each shape and keeps the fastest.</summary>
    private static void Choose(
        CudnnLibrary library, CudaContext context, ConvolutionShape[] shapes, List<CudnnPlan>?[] found)
    {
        if (found.All(static plans => plans!.Count == 1))
        {
            return;
        }

        OwnThread.Run("YoloZeroCopy cuDNN", () =>
        {
            context.MakeCurrent();
            using CudaStream stream = new(context);
            using CudnnHandle handle = new(library.Api);
            handle.SetStream(stream.Handle.Value);
            using PlanTimer timer = new(context, stream, shapes, found);
            for (int i = 0; i < shapes.Length; i++)
            {
                List<CudnnPlan> plans = found[i]!;
                if (plans.Count > 1)
                {
                    CudnnPlan fastest = plans.MinBy(plan => timer.Time(handle, shapes[i], plan))!;
                    plans.Remove(fastest);
                    plans.ForEach(static plan => plan.Dispose());
                    plans.Clear();
                    plans.Add(fastest);
                }
            }
        });
    }

    /// <summary>Times plans on tensors of nothing but zeros.</summary>
    private sealed class PlanTimer : IDisposable
    {
        private readonly CudaStream stream;
        private readonly CudaDeviceMemory memory;
        private readonly CudaEvent start;
        private readonly CudaEvent end;
        private readonly long inputBytes;
        private readonly long weightBytes;
        private readonly long outputBytes;

        public PlanTimer(CudaContext context, CudaStream stream, ConvolutionShape[] shapes, List<CudnnPlan>?[] found)
        {
            this.stream = stream;
            inputBytes = CudaLaneMemory.Align(shapes.Max(static shape => shape.InputBytes));
            weightBytes = CudaLaneMemory.Align(shapes.Max(static shape => shape.WeightBytes));
            outputBytes = CudaLaneMemory.Align(shapes.Max(static shape => shape.OutputBytes));
            long workspaceBytes = found.SelectMany(static plans => plans!).Max(static plan => plan.WorkspaceBytes);
            memory = new CudaDeviceMemory(context, (nuint)(inputBytes + (2 * weightBytes) + (2 * outputBytes) + workspaceBytes));
            try
            {
                stream.Fill(memory.Address, 0, memory.Bytes);
                start = new CudaEvent(context, CudaEventOptions.Timing);
                end = new CudaEvent(context, CudaEventOptions.Timing);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        /// <summary>Milliseconds; infinite where the plan does not run.</summary>
        public float Time(CudnnHandle handle, in ConvolutionShape shape, CudnnPlan plan)
        {
            ulong input = memory.Address.Value;
            ulong weights = input + (ulong)inputBytes;
            ulong bias = weights + (ulong)weightBytes;
            ulong output = bias + (ulong)weightBytes;
            ulong added = output + (ulong)outputBytes;
            using CudnnDescriptor tensors = plan.Bind(input, weights, bias, output, shape.AddedStep == 0 ? 0 : added, added + (ulong)outputBytes);
            try
            {
                return Time(() => plan.Execute(handle, tensors));
            }
            catch (InferenceException)
            {
                return float.PositiveInfinity;
            }
        }

        public void Dispose()
        {
            end?.Dispose();
            start?.Dispose();
            memory.Dispose();
        }

        // As a graph, since that is how it will run: one by one the calls of the host would be timed.
        private float Time(Action run)
        {
            run();
            stream.BeginCapture();
            try
            {
                for (int i = 0; i < TimedRuns; i++)
                {
                    run();
                }
            }
            catch
            {
                stream.DiscardCapture();
                throw;
            }

            using CudaGraph graph = stream.EndCapture();
            using CudaGraphExec executable = graph.Instantiate();
            float shortest = float.PositiveInfinity;
            for (int launch = 0; launch < TimedLaunches; launch++)
            {
                start.Record(stream);
                executable.Launch(stream);
                end.Record(stream);
                end.Synchronize();
                shortest = Math.Min(shortest, end.ElapsedSince(start));
            }

            return shortest;
        }
    }
}
