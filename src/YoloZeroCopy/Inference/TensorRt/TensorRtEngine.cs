using System.Collections.Immutable;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>A detection model in TensorRT: one engine for all contexts, whose weights lie on the device once.</summary>
/// <remarks>
/// Contexts that run on one stream share the memory they work in: the stream runs them one after the other. A plan contains code, so only files from
/// trusted sources may be opened.
/// </remarks>
internal sealed unsafe class TensorRtEngine : InferenceEngine
{
    private readonly TensorRtPlan plan;
    private readonly TensorRtDevice device;
    private readonly TensorRtModel model;

    // What has the plan and the streams' memory for all input sizes: the engine of the largest.
    private readonly TensorRtEngine root;
    private readonly long planBytes;
    private readonly Lock gate = new();
    private readonly Dictionary<nint, TensorRtActivations> activations = [];
    private long plannedActivationBytes;
    private long ownActivationBytes;
    private int ownBatch;
    private volatile bool disposed;

    private TensorRtEngine(TensorRtPlan plan, TensorRtDevice device, ReadOnlySpan<TensorRtModel> models, long planBytes, TensorRtEngine? owner = null)
    {
        this.plan = plan;
        this.device = device;
        this.planBytes = planBytes;
        model = models[^1];
        root = owner ?? this;
        List<InferenceEngine> engines = [];
        foreach (TensorRtModel smaller in models[..^1])
        {
            engines.Add(new TensorRtEngine(plan, device, [smaller], planBytes, this));
        }

        AtSizes = [.. engines, this];
    }

    /// <inheritdoc/>
    public override ModelInfo Model => model.Info;

    /// <inheritdoc/>
    public override string Description => $"{plan.Library.Name} on {device.Name} ({plan.Library.Path}), "
        + $"{string.Join("; ", AtSizes.Cast<TensorRtEngine>().Select(static sized => sized.model.ProfileText))}";

    /// <inheritdoc/>
    public override int MinBatch => model.Profile.MinBatch;

    /// <inheritdoc/>
    public override int MaxBatch => model.Profile.MaxBatch;

    /// <summary>Loads an engine.</summary>
    /// <param name="source">The engine, with or without metadata before the plan.</param>
    /// <param name="device">Device to load it on; the engine takes it over and disposes it, also when opening fails.</param>
    /// <param name="options">How to open it.</param>
    /// <exception cref="InsufficientMemoryException">The device has too little memory.</exception>
    /// <exception cref="ModelException">The file is no engine, of another version or GPU, or no detection model this library can run.</exception>
    /// <exception cref="NativeLibraryException">The shim or TensorRT is missing or is not one this can use.</exception>
    public static TensorRtEngine Open(ModelSource source, TensorRtDevice device, TensorRtEngineOptions options)
    {
        TensorRtPlan? plan = null;
        try
        {
            TensorRtPlanFile file = TensorRtPlanFile.Read(source);
            using TensorRtLibrary library = TensorRtLibrary.Open(options.Search with { Origin = file.BuiltWith });
            TensorRtModel[] models = [];
            device.Run(() =>
            {
                plan = Load(library, file, options.HostCodeAllowed);
                models = ReadAll(plan, file, options.Sizes, device);
            });
            return new TensorRtEngine(plan!, device, models, file.PlanBytes);
        }
        catch (InferenceException error)
        {
            Discard(plan, device);
            throw new ModelException(source.Path, error.Message, error);
        }
        catch
        {
            Discard(plan, device);
            throw;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Asks TensorRT itself, for the largest bucket: what it says is exact. The weights are counted as the plan's bytes, which hold
    /// them.</remarks>
    public override ImmutableArray<MemoryPlanEntry> Plan(ReadOnlySpan<int> batches, int streams)
    {
        int largest = batches[^1];
        device.Run(() =>
        {
            foreach (TensorRtEngine sized in AtSizes.Cast<TensorRtEngine>())
            {
                sized.ownActivationBytes = sized.model.Measure(plan, device, largest);
                sized.ownBatch = largest;
            }
        });
        plannedActivationBytes = AtSizes.Cast<TensorRtEngine>().Max(static sized => sized.ownActivationBytes);
        return
        [
            new MemoryPlanEntry(
                MemoryItem.Weights, MemoryPlace.Device, planBytes, MemoryEvidence.Formula, "the engine's file, once for all streams"),
            new MemoryPlanEntry(
                MemoryItem.Activations, MemoryPlace.Device, streams * plannedActivationBytes, MemoryEvidence.Reported,
                $"{streams} compute streams x {plannedActivationBytes} bytes at batch {largest}, by TensorRT"),
        ];
    }

    /// <inheritdoc/>
    public override long ActivationBytes(int batch) => ownBatch == batch ? ownActivationBytes : 0;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The batch is outside of the profile, or an address is null or not aligned to 256
    /// bytes.</exception>
    /// <exception cref="InferenceException">TensorRT refused the tensors or the first run.</exception>
    /// <exception cref="InsufficientMemoryException">The device's memory does not suffice.</exception>
    /// <exception cref="ObjectDisposedException">The engine is disposed.</exception>
    public override EngineContext CreateContext(int batch, nint input, nint output, nint stream)
    {
        ObjectDisposedException.ThrowIf(root.disposed, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, MinBatch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batch, MaxBatch);
        ArgumentOutOfRangeException.ThrowIfZero(input);
        ArgumentOutOfRangeException.ThrowIfZero(output);
        TensorRtExecution execution = model.Prepare(plan, device, batch, stream);
        TensorRtActivations? memory = null;
        try
        {
            long required = model.MemoryFor(execution, batch);
            memory = root.Rent(stream, Math.Max(required, root.plannedActivationBytes));
            model.Bind(execution, batch, input, output, memory.Address);

            // The first run may take memory and load kernels, which no capture allows.
            execution.Enqueue(stream);
            device.Synchronize(stream);
            return new TensorRtContext(execution, device, stream, execution.CaptureRefusal(), () => root.Return(stream, memory));
        }
        catch
        {
            Settle(stream);
            execution.Dispose();
            if (memory is not null)
            {
                root.Return(stream, memory);
            }

            throw;
        }
    }

    /// <summary>Closes the engine; the plan goes when the last context does.</summary>
    public override void Dispose()
    {
        if (root != this)
        {
            return;
        }

        disposed = true;
        Discard(plan, device);
    }

    private static TensorRtModel[] ReadAll(TensorRtPlan plan, TensorRtPlanFile file, InputSizes? sizes, TensorRtDevice device)
    {
        if (sizes is null || sizes.All.Length == 1)
        {
            return [TensorRtModel.Read(plan, file, sizes?.Largest, device)];
        }

        List<TensorRtModel> models = [];
        foreach (ModelInputSize size in sizes.All)
        {
            TensorRtModel model = TensorRtModel.Read(plan, file, size, device);
            if ((model.Info.InputWidth, model.Info.InputHeight) != (size.Width, size.Height))
            {
                throw new ModelException(
                    file.Path, $"it has no profile that runs at {size}; the smallest that holds it runs at "
                        + $"{model.Info.InputWidth}x{model.Info.InputHeight}. Build it with every size of InputSizes (`yzc build --imgsz`).");
            }

            models.Add(model);
        }

        return [.. models];
    }

    private static void Discard(TensorRtPlan? plan, TensorRtDevice device)
    {
        try
        {
            if (plan is not null)
            {
                device.Release(plan.Dispose);
            }
        }
        finally
        {
            device.Dispose();
        }
    }

    private static TensorRtPlan Load(TensorRtLibrary library, TensorRtPlanFile file, bool hostCodeAllowed)
    {
        byte* data = (byte*)NativeMemory.Alloc((nuint)file.PlanBytes);
        try
        {
            file.ReadPlan(data);
            return TensorRtPlan.Load(library, file.Path, data, file.PlanBytes, hostCodeAllowed);
        }
        finally
        {
            NativeMemory.Free(data);
        }
    }

    // A run that was refused half way has left work behind, which uses what is given back next.
    private void Settle(nint stream)
    {
        try
        {
            device.Synchronize(stream);
        }
        catch (Exception error) when (error is CudaException or ObjectDisposedException)
        {
            // The device has faulted, so nothing runs any more. The first error is the one to report.
        }
    }

    private TensorRtActivations Rent(nint stream, long bytes)
    {
        lock (gate)
        {
            if (!activations.TryGetValue(stream, out TensorRtActivations? shared) || shared.Bytes < bytes)
            {
                // Contexts that are bound to a smaller block keep it.
                shared = new TensorRtActivations(device.Allocate(Math.Max(bytes, 1)));
                activations[stream] = shared;
            }

            shared.Users++;
            return shared;
        }
    }

    private void Return(nint stream, TensorRtActivations memory)
    {
        lock (gate)
        {
            if (--memory.Users > 0)
            {
                return;
            }

            if (activations.GetValueOrDefault(stream) == memory)
            {
                _ = activations.Remove(stream);
            }
        }

        memory.Dispose();
    }
}

/// <summary>Memory that the contexts of one stream work in.</summary>
internal sealed class TensorRtActivations(TensorRtMemory memory) : IDisposable
{
    public nint Address => memory.Address;

    public long Bytes => memory.Bytes;

    /// <summary>Contexts that are bound to it. Under the engine's lock.</summary>
    public int Users { get; set; }

    public void Dispose() => memory.Dispose();
}
