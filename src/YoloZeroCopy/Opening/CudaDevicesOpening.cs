using YoloZeroCopy.Cuda;
using OpenedEngine = YoloZeroCopy.CudaOpening.OpenedEngine;

namespace YoloZeroCopy;

/// <summary>Opens a detector on several CUDA devices: the model is read once, and loaded on all of them side by side.</summary>
internal static class CudaDevicesOpening
{
    /// <param name="source">The model.</param>
    /// <param name="options">How to run it.</param>
    /// <param name="ordinals">Numbers of the devices, at least two.</param>
    /// <param name="getDevice">Finds a device.</param>
    /// <param name="steps">Told of every part.</param>
    /// <exception cref="DeviceException">A device cannot be opened, and the options want all of them.</exception>
    public static YoloDetector Open(ModelSource source, DetectorOptions options, int[] ordinals, Func<int, CudaDevice> getDevice, OpeningSteps steps)
    {
        ThrowIfUnfit(options);
        List<int> left = [.. ordinals];
        string missing = "";
        while (true)
        {
            try
            {
                YoloDetector detector = left.Count > 1
                    ? OpenAll(source, options, left, getDevice, missing, steps)
                    : CudaOpening.Open(source, options with { Device = Device.Cuda(left[0]) }, () => getDevice(left[0]), missing, steps);
                if (missing.Length > 0)
                {
                    detector.Warnings.Say($"Detector '{detector.Name}' has been opened with fewer devices than wanted{missing}.");
                }

                return detector;
            }
            catch (DeviceException error) when (options.AllowMissingDevices)
            {
                // The others are opened anew: what they compiled is kept, and there is one way to open devices.
                _ = left.RemoveAll(ordinal => Device.Cuda(ordinal).Name == error.Device);
                missing += $" (without {error.Device}: {error.InnerException!.Message})";
            }
        }
    }

    private static void ThrowIfUnfit(DetectorOptions options)
    {
        if (options.TransferMode is TransferMode.Auto or TransferMode.Mapped or TransferMode.Managed)
        {
            throw new ArgumentException(
                $"{nameof(DetectorOptions.TransferMode)} is {options.TransferMode}, and several devices share the slots ({options.Device}): "
                    + $"{TransferMode.PageLocked}, {TransferMode.WriteCombined} or {TransferMode.Pageable} is wanted.",
                nameof(options));
        }
    }

    private static YoloDetector OpenAll(
        ModelSource source, DetectorOptions options, List<int> ordinals, Func<int, CudaDevice> getDevice, string missing, OpeningSteps steps)
    {
        List<IDisposable?> made = [];
        try
        {
            OpenedEngine[] opened = OpenEngines(source, options, ordinals, getDevice, made, steps);
            CudaLayout[] layouts = LayoutsOf(opened, options, ordinals);
            CudaSharedResources[] shared =
                [.. opened.Select((one, index) => On(ordinals[index], () =>
                    CudaOpening.Share(one, OptionsOn(options, ordinals, index), layouts[index], made, steps)))];
            CudaSharedResources.Join(shared);
            FramePool pool = new(
                layouts[0].SlotCount, options.SlotBytes, byteCount => shared[0].AllocateSlots(options.TransferMode, byteCount, PlaceOf(shared)));
            made.Add(pool);
            (CudaComputeStream[] Computes, CudaLane[] Lanes)[] parts =
                [.. shared.Select((one, index) => On(ordinals[index], () => CudaOpening.MakeLanes(one, layouts[index], made)))];
            CudaLane[] lanes = [.. parts.SelectMany(static part => part.Lanes)];
            Pipeline pipeline = Opening.Start(pool, lanes, options, layouts[0].MaxBatch, layouts[0].InputSizes, steps);
            List<IDisposable> resources = [];
            List<(string Name, MemoryPlan Plan)> plans = [];
            for (int index = 0; index < opened.Length; index++)
            {
                shared[index].GraphFallback = CudaOpening.GraphFallbackOf(parts[index].Lanes);
                MemoryPlan plan = layouts[index].Plan.AsTaken(opened[index].Device.FreeBytes - (long)shared[index].Context.GetMemoryInfo().FreeBytes);
                plans.Add((shared[index].Name, plan.On(Describe(shared[index], opened[index], layouts[index]))));
                if (plan.GrowthText is string growth)
                {
                    pipeline.Warnings.Say($"{shared[index].Name}: {growth}");
                }

                CudaOpening.CompileLater(opened[index], layouts[index], shared[index], parts[index].Lanes, pipeline, options.CompileAfter);

                // The first engine is the detector's.
                resources.AddRange([.. index == 0 ? [] : (IDisposable[])[opened[index].Engine],
                    .. CudaOpening.ResourcesOf(opened[index], shared[index], parts[index].Computes)]);
            }

            string description = string.Join("; ", plans.Select(static one => one.Plan.Device)) + missing;
            string name = Device.Cuda([.. ordinals]).Name;
            return new YoloDetector(
                pipeline, opened[0].Engine, [.. resources], opened[0].Engine.Model, options.Name, name, description,
                MemoryPlan.OfDevices(plans).On(description));
        }
        catch
        {
            Opening.Dispose(made);
            throw;
        }
    }

    private static string Describe(CudaSharedResources shared, OpenedEngine opened, CudaLayout layout)
    {
        string graphs = shared.GraphFallback is string fallback ? $", {fallback}" : "";
        return $"{shared.Name}, {shared.Context.Device.Name}, {opened.Engine.Description}{graphs}{layout.Shrunk}";
    }

    /// <summary>What one of the devices is opened with.</summary>
    private static DetectorOptions OptionsOn(DetectorOptions options, List<int> ordinals, int index) => options with
    {
        Device = Device.Cuda(ordinals[index]),

        // Decoders are spread over the devices.
        ExpectedDecoders = options.ExpectedDecoders is null ? null
            : [.. options.ExpectedDecoders.Select(one => one with { Count = (one.Count + ordinals.Count - 1) / ordinals.Count })],
    };

    private static OpenedEngine[] OpenEngines(
        ModelSource source, DetectorOptions options, List<int> ordinals, Func<int, CudaDevice> getDevice, List<IDisposable?> made, OpeningSteps steps)
    {
        steps.Begin(OpeningStep.ReadModel);
        DeviceStart[] starts = [.. ordinals.Select(ordinal => CudaOpening.StartDevice(source, options, () => getDevice(ordinal)))];
        made.AddRange(starts);
        using CudaModelRead read = CudaModelRead.Of(source, options);
        steps.Advance();
        steps.Begin(OpeningStep.LoadEngine, ordinals.Count);
        Task<(OpenedEngine Engine, List<IDisposable?> Made)>[] loading = [.. ordinals.Select((_, index) => Task.Factory.StartNew(
            () => OpenEngine(source, OptionsOn(options, ordinals, index), read, starts[index], steps.WithoutProgress()),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Exception? stopped = null;
        for (int index = 0; index < loading.Length; index++)
        {
            ((IAsyncResult)loading[index]).AsyncWaitHandle.WaitOne();
            stopped ??= loading[index].Exception?.InnerException is Exception error
                ? ErrorOf(Device.Cuda(ordinals[index]).Name, error)
                : TryAdvance(steps);
        }

        foreach (Task<(OpenedEngine Engine, List<IDisposable?> Made)> one in loading)
        {
            made.AddRange(one.IsCompletedSuccessfully ? one.Result.Made : []);
        }

        return stopped is null ? [.. loading.Select(static one => one.Result.Engine)] : throw stopped;
    }

    // What progress throws ends the opening, but not before all devices are at rest.
    private static Exception? TryAdvance(OpeningSteps steps)
    {
        try
        {
            steps.Advance();
            return null;
        }
        catch (Exception error)
        {
            return error;
        }
    }

    private static (OpenedEngine Engine, List<IDisposable?> Made) OpenEngine(
        ModelSource source, DetectorOptions options, CudaModelRead read, DeviceStart start, OpeningSteps steps)
    {
        List<IDisposable?> made = [];
        try
        {
            return (CudaOpening.OpenOn(source, options, read, start, made, steps), made);
        }
        catch
        {
            Opening.Dispose(made);
            throw;
        }
    }

    // A model or a library is wrong on every device.
    private static Exception ErrorOf(string device, Exception error) =>
        error is OperationCanceledException or ModelException or NativeLibraryException ? error : DeviceException.OfOpening(device, error);

    /// <summary>
    /// The layout of each device, all with one largest batch and with the slots of all together. Where memory is to be saved, each device does it for
    /// itself.
    /// </summary>
    private static CudaLayout[] LayoutsOf(OpenedEngine[] opened, DetectorOptions options, List<int> ordinals)
    {
        CudaLayout[] alone = [.. opened.Select((one, index) => On(ordinals[index], () =>
        {
            DetectorOptions own = OptionsOn(options, ordinals, index);
            return CudaLayout.For(one.Engine, own, one.BudgetFor(own));
        }))];
        int maxBatch = alone.Min(static layout => layout.MaxBatch);
        int slots = Opening.SlotCountOf(options, alone.Sum(static layout => layout.LaneCount), maxBatch);
        return [.. opened.Select((one, index) => On(ordinals[index], () =>
        {
            DetectorOptions own = OptionsOn(options, ordinals, index) with { MaxBatch = maxBatch, Lanes = alone[index].LaneCount, Slots = slots };
            CudaLayout layout = CudaLayout.For(one.Engine, own, one.BudgetFor(own));
            layout.Plan.ThrowIfAbove(layout.Plan.Budget, one.Device.Context.Device.ToString());
            return layout;
        }))];
    }

    /// <summary>Makes something on a device, which is named where that fails.</summary>
    private static T On<T>(int ordinal, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (Exception error) when (error is CudaException or InferenceException or OutOfMemoryException)
        {
            throw DeviceException.OfOpening(Device.Cuda(ordinal).Name, error);
        }
    }

    // Slots lie where all devices have them near, or anywhere.
    private static NumaPlace PlaceOf(CudaSharedResources[] devices)
    {
        NumaPlace[] places = [.. devices.Select(static device => NumaPlace.Of(device.Context.Device.PciBusId))];
        return Array.TrueForAll(places, place => place.Node == places[0].Node) ? places[0] : NumaPlace.Anywhere;
    }
}
