using System.Diagnostics;
using System.Globalization;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>
/// What a first opening waits for, part by part, as text. The libraries are read from disk only if this is the process's first use of them, and the
/// driver compiles our kernels anew only with <c>CUDA_CACHE_DISABLE=1</c>.
/// </summary>
public sealed class GpuOpeningTests
{
    private const int Side = 640;
    private const int MostThreads = 16;

    // What a detector of YOLOv8 asks for.
    private static readonly string[] Kernels =
        ["yzc_stem_f16", "yzc_scan_head_f16", "yzc_suppress", "yzc_max_pool_chain_f16", "yzc_upsample_f16"];

    [GpuFact]
    public void Parts_of_a_first_opening()
    {
        CudaDevice device = Timed("driver", static () => CudaDevice.Get(0));
        using CudaContext context = Timed("context", () => device.OpenContext());
        context.MakeCurrent();
        OnnxRuntimeModel model = Timed("model read by ONNX Runtime", static () => OnnxRuntimeModel.Open(TestData.Model, null, (Side, Side)));
        (LayerNetwork read, _) = Timed("model cut and made layers", () => CudnnEngine.TryRead(model, out _))!.Value;
        using LayerNetwork network = read;
        CudnnLibrary library = Timed("cuDNN's library", static () => CudnnLibrary.Load(CudnnSearch.ForThisProcess(null)));
        foreach (string which in (string[])["first", "second"])
        {
            Timed($"{which} handle of cuDNN", () => new CudnnHandle(library.Api)).Dispose();
        }

        Timed("eight threads with a handle each",
            () => CudnnWork.ForEach(library, context, 8, static (_, _) => { }, static _ => { }, CudnnEffort.InFront));
        foreach (string kernel in Kernels)
        {
            using KernelSet set = new(context);
            _ = Timed(kernel, () => set.Get(kernel));
        }

        Timed("these kernels on threads of their own", () => LoadKernels(context));
        foreach (int threads in (int[])[8, 1, 2, 4, MostThreads])
        {
            Compile(library, context, network, 1, threads, keep: null);
        }

        List<CudnnPlan> plans = [];
        Compile(library, context, network, 8, 8, plans);
        ConvolutionShape[] shapes = Shapes(network, 8);
        Timed("these timed", () => CudnnWork.Run(context, () =>
        {
            using CudaStream stream = new(context);
            using CudnnHandle handle = new(library.Api);
            handle.SetStream(stream.Handle.Value);
            using PlanTimer timer = new(context, stream, shapes, plans.Max(static plan => plan.WorkspaceBytes), launches: 3);
            for (int i = 0; i < shapes.Length; i++)
            {
                Assert.True(timer.Time(handle, shapes[i], plans[i]) > 0);
            }
        }));
        Timed("these as text for the cache", () => Assert.All(plans, static plan => Assert.NotNull(plan.ToJson())));
        plans.ForEach(static plan => plan.Dispose());
        Timed("batch 1 with 8 threads, and our kernels on others", () =>
        {
            Task kernels = Task.Run(() => Timed("our kernels meanwhile", () => LoadKernels(context)));
            Compile(library, context, network, 1, 8, keep: null);
            kernels.Wait();
        });
    }

    private static void LoadKernels(CudaContext context)
    {
        using KernelSet set = new(context);
        set.Begin(Kernels);
        foreach (string kernel in Kernels)
        {
            _ = set.Get(kernel);
        }
    }

    private static ConvolutionShape[] Shapes(LayerNetwork network, int batch) =>
        [.. network.Layers.OfType<ConvolutionLayer>().Select(layer => ConvolutionShape.Of(network, layer, batch)).Distinct()];

    private static void Compile(CudnnLibrary library, CudaContext context, LayerNetwork network, int batch, int threads, List<CudnnPlan>? keep)
    {
        ConvolutionShape[] shapes = Shapes(network, batch);
        CudnnPlan?[] plans = new CudnnPlan?[shapes.Length];
        TimeSpan before = Environment.CpuUsage.TotalTime;
        Timed($"{shapes.Length} convolutions of batch {batch} on up to {threads} threads", () => CudnnWork.ForEach(
            library, context, shapes.Length, (handle, i) => plans[i] = CudnnPlan.Compile(library.Api, handle, shapes[i]), static _ => { },
            CudnnEffort.InFront with { MostThreads = threads }));
        Say(string.Create(CultureInfo.InvariantCulture, $"  of processors {(Environment.CpuUsage.TotalTime - before).TotalSeconds:F2} s"));
        Assert.DoesNotContain(null, plans);
        if (keep is null)
        {
            CudnnPlans.DisposeAll(plans);
        }
        else
        {
            keep.AddRange(plans!);
        }
    }

    private static void Timed(string what, Action part) => Timed(what, () =>
    {
        part();
        return true;
    });

    private static T Timed<T>(string what, Func<T> part)
    {
        long start = Stopwatch.GetTimestamp();
        T result = part();
        Say(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(start).TotalSeconds:F3} s {what}"));
        return result;
    }

    private static void Say(string text) => Console.WriteLine($"  {text}");
}
