namespace YoloZeroCopy;

/// <summary>Plans the memory of a detector that is not opened, with the streams that it is for.</summary>
internal static class Planning
{
    // A decoder gives surfaces, and slots of this size take next to nothing.
    private const int LeastSlotBytes = 1;

    public static MemoryPlan Plan(ModelSource source, DetectorOptions options, MemoryPlanOptions site)
    {
        DetectorOptions sized = Sized(options, site);
        if (site.DeviceBytes is long deviceBytes)
        {
            if (options.Device == Device.Cpu)
            {
                throw new ArgumentException(
                    $"{nameof(MemoryPlanOptions.DeviceBytes)} is given, and the device is the CPU, which has none.", nameof(options));
            }

            MemoryBudget budget = new(deviceBytes, site.HostBytes, options.MemoryMargin) { PageLockedBytes = options.PageLockedLimit };
            return WithStreams(CudaOpening.PlanOnPaper(source, sized, budget), site, budget);
        }

        MemoryPlan plan = DeviceChoice.Run(
            source, sized, (ordinal, why) => CudaOpening.Plan(source, sized, ordinal, why), why => CpuOpening.Plan(source, sized, why));
        if (site.DecodesOnDevice && plan.Budget.DeviceBytes is null)
        {
            throw new ArgumentException(
                $"A decoder is given, and the plan is for the CPU, on which no device decodes.", nameof(site));
        }

        return WithStreams(plan, site, site.HostBytes is null ? plan.Budget : plan.Budget with
        {
            HostBytes = site.HostBytes,
            PageLockedBytes = options.PageLockedLimit,
        });
    }

    private static DetectorOptions Sized(DetectorOptions options, MemoryPlanOptions site) =>
        site.DecodesOnDevice ? options with { Slots = 1, SlotBytes = LeastSlotBytes }
        : site.Frame is FrameFormat frame ? options with { SlotBytes = frame.ByteCount }
        : options;

    private static MemoryPlan WithStreams(MemoryPlan plan, MemoryPlanOptions site, MemoryBudget budget)
    {
        MemoryPlan result = plan;
        if (site.DecodesOnDevice)
        {
            result = result.With(PerStream(MemoryItem.DecoderSurfaces, MemoryPlace.Device, site.Streams, site.DecoderBytes(), "decoders"));
        }
        else
        {
            // Each stream writes its next frame while the others' are on their way.
            long slotBytes = FramePool.StepOf(result.SlotBytes);
            foreach (MemoryPlanEntry slots in plan.Entries.Where(static entry => entry.Item == MemoryItem.Slots))
            {
                result = result.With(slots with
                {
                    Bytes = slots.Bytes + (site.Streams * slotBytes),
                    BytesPerStream = slotBytes,
                    Basis = $"{result.Slots + site.Streams} slots x {slotBytes} bytes: one for each stream beside the detector's",
                });
            }

            result = result.With(mostStreams: FramePool.MaxSlotCount - result.Slots);
            if (site.DecoderProgramBytes != 0)
            {
                result = result.With(
                    PerStream(MemoryItem.DecoderPrograms, MemoryPlace.Host, site.Streams, site.DecoderProgramBytes, "programs"));
            }
        }

        return result.For(site.Streams, budget);
    }

    private static MemoryPlanEntry PerStream(MemoryItem item, MemoryPlace place, int streams, long bytes, string what) =>
        new(item, place, streams * bytes, MemoryEvidence.Formula, FormattableString.Invariant($"{streams} {what} x {bytes} bytes"))
        {
            BytesPerStream = bytes,
        };
}
