namespace YoloZeroCopy;

/// <summary>Plans the memory of a detector that is not opened, with the streams that it is for.</summary>
internal static class Planning
{
    // A decoder gives surfaces, and slots of this size take next to nothing.
    private const int LeastSlotBytes = 1;

    public static MemoryPlan Plan(ModelSource source, DetectorOptions options, MemoryPlanOptions site)
    {
        if (site.DecodesOnDevice && options.ExpectedDecoders is { Count: > 0 })
        {
            throw new ArgumentException(
                $"Decoders are given for {nameof(MemoryPlanOptions.Streams)} and as {nameof(DetectorOptions.ExpectedDecoders)}; one of them is "
                    + "wanted, else they would count twice.",
                nameof(site));
        }

        if (site.DeviceBytes is null && options.Device.CudaOrdinals() is { Length: > 1 } ordinals)
        {
            throw new ArgumentException(
                $"A plan is for one device, and {nameof(options.Device)} names {ordinals.Length} ({options.Device}). Plan each with its share of the "
                    + "streams; an open detector has the plan of each.",
                nameof(options));
        }

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
        : site.FramesAhead != 0 ? options with { Slots = 1, SlotBytes = site.Frame?.ByteCount ?? options.SlotBytes }
        : site.Frame is FrameFormat frame ? options with { SlotBytes = frame.ByteCount }
        : options;

    private static MemoryPlan WithStreams(MemoryPlan plan, MemoryPlanOptions site, MemoryBudget budget)
    {
        MemoryPlan result = plan;
        if (site.Decoders is ExpectedDecoders decoders)
        {
            result = result.With(PerStream(MemoryItem.DecoderSurfaces, MemoryPlace.Device, site.Streams, decoders.SurfaceBytes, "decoders"));
            if (decoders.Pictures != 0)
            {
                long pictureBytes = decoders.Pictures * decoders.PictureBytes;
                result = result.With(PerStream(
                    MemoryItem.DecoderPictures, MemoryPlace.Device, site.Streams, pictureBytes, $"decoders with {decoders.Pictures} pictures"));
            }
        }
        else
        {
            result = site.FramesAhead != 0
                ? WithRings(result, site, budget.DeviceBytes is null ? MemoryPlace.Host : MemoryPlace.Pinned)
                : WithSlots(result, site);
            if (site.DecoderProgramBytes != 0)
            {
                result = result.With(
                    PerStream(MemoryItem.DecoderPrograms, MemoryPlace.Host, site.Streams, site.DecoderProgramBytes, "programs"));
            }
        }

        return result.For(site.Streams, budget);
    }

    // Each stream writes its next frame while the others' are on their way.
    private static MemoryPlan WithSlots(MemoryPlan plan, MemoryPlanOptions site)
    {
        MemoryPlan result = plan;
        long slotBytes = FramePool.StepOf(plan.SlotBytes);
        foreach (MemoryPlanEntry slots in plan.Entries.Where(static entry => entry.Item == MemoryItem.Slots))
        {
            result = result.With(slots with
            {
                Bytes = slots.Bytes + (site.Streams * slotBytes),
                BytesPerStream = slotBytes,
                Basis = $"{plan.Slots + site.Streams} slots x {slotBytes} bytes: one for each stream beside the detector's",
            });
        }

        return result.With(mostStreams: FramePool.MaxSlotCount - plan.Slots);
    }

    // Slots of a hub's sources are registered memory, whatever those of the detector are.
    private static MemoryPlan WithRings(MemoryPlan plan, MemoryPlanOptions site, MemoryPlace place)
    {
        long ringBytes = SlotRing.BytesOf(plan.SlotBytes, site.FramesAhead);
        MemoryPlanEntry rings = PerStream(MemoryItem.Slots, place, site.Streams, ringBytes, $"sources with {site.FramesAhead} slots each");
        return plan.With(plan.Entries.FirstOrDefault(entry => entry.Item == MemoryItem.Slots && entry.Place == place) is MemoryPlanEntry own
            ? rings with { Bytes = own.Bytes + rings.Bytes, Basis = $"{own.Basis} of the detector, {rings.Basis}" }
            : rings);
    }

    private static MemoryPlanEntry PerStream(MemoryItem item, MemoryPlace place, int streams, long bytes, string what) =>
        new(item, place, streams * bytes, MemoryEvidence.Formula, FormattableString.Invariant($"{streams} {what} x {bytes} bytes"))
        {
            BytesPerStream = bytes,
        };
}
