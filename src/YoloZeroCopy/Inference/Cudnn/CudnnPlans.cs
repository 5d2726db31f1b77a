using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>The compiled convolutions of a network, for the batch sizes that it runs in.</summary>
/// <remarks>
/// One plan serves all streams. cuDNN's heuristics propose several ways to compute a convolution, and their first is not always the fastest: in the
/// smallest batch, whose latency counts, and in the largest, whose rate counts, the second is tried too, for those convolutions that take most of the
/// network's time. What was found goes to the cache.
/// Immutable but for disposal, which wants the context current; any thread.
/// </remarks>
internal sealed class CudnnPlans : IDisposable
{
    private const int MaxThreads = 8;

    // Of a batch's convolutions, by the time they take, this part is tried in a second way. One takes some 40 ms of an opening on however many
    // threads.
    private const int TriedPart = 4;

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
        Dictionary<ConvolutionShape, int> counts = shapes.CountBy(static shape => shape).ToDictionary();
        ConvolutionShape[] distinct = [.. counts.Keys];
        (int smallest, int largest) = (distinct.Min(static shape => shape.Batch), distinct.Max(static shape => shape.Batch));
        int total = distinct.Length + new HashSet<int> { smallest, largest }.Sum(batch => TriedOf(distinct.Count(shape => shape.Batch == batch)));
        int told = 0;
        CudnnPlan?[] plans = new CudnnPlan?[distinct.Length];
        try
        {
            Tell(0);
            ForEach(library, context, distinct.Length, (handle, i) => plans[i] = ReadOrCompile(library.Api, handle, distinct[i], cache), Tell);
            if (Array.Exists(plans, static plan => !plan!.IsStored))
            {
                Tune();
                Store();
            }

            if (told < total)
            {
                Tell(total);
            }

            return new CudnnPlans(distinct.Zip(plans).ToDictionary(static pair => pair.First, static pair => pair.Second!));
        }
        catch
        {
            Release(context, () => DisposeAll(plans));
            throw;
        }

        void Tell(int done)
        {
            told = done;
            onProgress(done, total);
        }

        static int TriedOf(int count) => (count + TriedPart - 1) / TriedPart;

        void Tune()
        {
            int[] candidates =
            [
                .. Enumerable.Range(0, distinct.Length)
                    .Where(i => (distinct[i].Batch == smallest || distinct[i].Batch == largest) && !plans[i]!.IsStored),
            ];
            float[] times = Time(library, context, distinct, plans, candidates);
            int[] tried =
            [
                .. candidates.Zip(times).GroupBy(pair => distinct[pair.First].Batch).SelectMany(batch => batch
                    .OrderByDescending(pair => pair.Second * counts[distinct[pair.First]]).Select(static pair => pair.First)
                    .Take(TriedOf(batch.Count()))),
            ];
            CudnnPlan?[] second = new CudnnPlan?[distinct.Length];
            try
            {
                ForEach(library, context, tried.Length,
                    (handle, place) => second[tried[place]] = CudnnPlan.TryCompileSecond(library.Api, handle, distinct[tried[place]]),
                    done => Tell(distinct.Length + done));
                tried = [.. tried.Where(i => second[i] is not null)];
                float[] secondTimes = Time(library, context, distinct, second, tried);
                for (int place = 0; place < tried.Length; place++)
                {
                    int i = tried[place];
                    if (secondTimes[place] < times[Array.IndexOf(candidates, i)])
                    {
                        (plans[i], second[i]) = (second[i], plans[i]);
                    }
                }
            }
            finally
            {
                Release(context, () => DisposeAll(second));
            }
        }

        void Store()
        {
            for (int i = 0; i < distinct.Length; i++)
            {
                if (!plans[i]!.IsStored && plans[i]!.ToJson() is byte[] json)
                {
                    cache?.TryWrite(distinct[i].ToString(), json);
                }
            }
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

    private static void DisposeAll(IEnumerable<CudnnPlan?> plans)
    {
        foreach (CudnnPlan? plan in plans)
        {
            plan?.Dispose();
        }
    }

    private static CudnnPlan ReadOrCompile(CudnnApi api, CudnnHandle handle, in ConvolutionShape shape, EngineCache? cache) =>
        cache?.TryRead(shape.ToString()) is byte[] json && CudnnPlan.TryRead(api, handle, shape, json) is CudnnPlan stored
            ? stored
            : CudnnPlan.Compile(api, handle, shape);

    /// <summary>Works through numbers on some threads, each with a handle, and tells on the calling thread how many are done.</summary>
    private static void ForEach(CudnnLibrary library, CudaContext context, int count, Action<CudnnHandle, int> work, Action<int> onDone)
    {
        int next = -1;
        bool stopped = false;
        ConcurrentQueue<Exception> failures = [];
        using SemaphoreSlim finished = new(0);
        Thread[] threads = new Thread[Math.Min(Math.Min(Environment.ProcessorCount, count), MaxThreads)];
        for (int number = 0; number < threads.Length; number++)
        {
            threads[number] = new Thread(Work) { IsBackground = true, Name = "YoloZeroCopy cuDNN" };
            threads[number].Start();
        }

        try
        {
            for (int done = 1; done <= count; done++)
            {
                finished.Wait();
                if (failures.TryPeek(out Exception? failure))
                {
                    ExceptionDispatchInfo.Throw(failure);
                }

                onDone(done);
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
                while (!Volatile.Read(ref stopped) && (index = Interlocked.Increment(ref next)) < count)
                {
                    work(handle, index);
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

    /// <summary>Times some of the plans; infinite where one does not run.</summary>
    private static float[] Time(CudnnLibrary library, CudaContext context, ConvolutionShape[] shapes, CudnnPlan?[] plans, int[] numbers)
    {
        float[] times = new float[numbers.Length];
        if (numbers.Length > 0)
        {
            OwnThread.Run("YoloZeroCopy cuDNN", () =>
            {
                context.MakeCurrent();
                using CudaStream stream = new(context);
                using CudnnHandle handle = new(library.Api);
                handle.SetStream(stream.Handle.Value);
                using PlanTimer timer = new(context, stream, shapes, numbers.Max(i => plans[i]!.WorkspaceBytes));
                for (int place = 0; place < numbers.Length; place++)
                {
                    times[place] = timer.Time(handle, shapes[numbers[place]], plans[numbers[place]]!);
                }
            });
        }

        return times;
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

        public PlanTimer(CudaContext context, CudaStream stream, ConvolutionShape[] shapes, long workspaceBytes)
        {
            this.stream = stream;
            inputBytes = CudaLaneMemory.Align(shapes.Max(static shape => shape.InputBytes));
            weightBytes = CudaLaneMemory.Align(shapes.Max(static shape => shape.WeightBytes));
            outputBytes = CudaLaneMemory.Align(shapes.Max(static shape => shape.OutputBytes));
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
