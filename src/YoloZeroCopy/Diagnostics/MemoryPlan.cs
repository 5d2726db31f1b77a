using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace YoloZeroCopy;

/// <summary>What a detector takes in memory, added up before any of it is taken.</summary>
/// <remarks>Immutable; any thread.</remarks>
public sealed class MemoryPlan
{
    internal MemoryPlan(params ReadOnlySpan<MemoryPlanEntry> entries) => Entries = [.. entries];

    /// <summary>The parts.</summary>
    public ImmutableArray<MemoryPlanEntry> Entries { get; private set; }

    /// <summary>Sum of all parts, in bytes.</summary>
    public long TotalBytes => DeviceBytes + HostBytes;

    /// <summary>Sum of the parts in a GPU's memory, in bytes.</summary>
    public long DeviceBytes => BytesIn(MemoryPlace.Device);

    /// <summary>Sum of the parts in the host's memory, in bytes, page-locked ones included.</summary>
    public long HostBytes => BytesIn(MemoryPlace.Host) + PinnedBytes;

    /// <summary>Sum of the page-locked parts, in bytes.</summary>
    public long PinnedBytes => BytesIn(MemoryPlace.Pinned);

    /// <summary>The device and the engine that it is for, in words and, where the device was chosen, why.</summary>
    public string Device { get; private set; } = "";

    /// <summary>Lanes that it is for.</summary>
    public int Lanes { get; internal init; }

    /// <summary>Frames in a batch that it is for.</summary>
    public int MaxBatch { get; internal init; }

    /// <summary>The detector's input sizes, by rising area, with what each works in.</summary>
    public ImmutableArray<MemoryPlanSize> InputSizes { get; internal init; } = [];

    /// <summary>Slots that it is for, without those of streams.</summary>
    internal int Slots { get; init; }

    internal int SlotBytes { get; init; }

    /// <summary>Streams that it is for; 0 where none were named, as in a detector's own.</summary>
    public int Streams { get; private set; }

    /// <summary>What memory there was when it was made.</summary>
    public MemoryBudget Budget { get; internal set; }

    /// <summary>The plan of each device, where the detector has several: there each must fit by itself. Empty for one.</summary>
    public ImmutableArray<MemoryPlan> Devices { get; private init; } = [];

    /// <summary>Whether it fits into <see cref="Budget"/>; of several devices, whether each does.</summary>
    public bool IsWithinBudget => Devices.IsEmpty ? Fits(Budget) : Devices.All(static device => device.IsWithinBudget);

    /// <summary>
    /// Bytes by which the device's free memory fell while the detector was opened, its CUDA context left out; null in a plan of what is not opened,
    /// and on the CPU. What other processes did meanwhile is in it, and what decoders take later is not.
    /// </summary>
    public long? TakenDeviceBytes { get; private set; }

    /// <summary>Whether it is within a budget.</summary>
    /// <param name="budget">What there is.</param>
    public bool Fits(MemoryBudget budget) => DeviceBytes <= budget.PlannableDeviceBytes && HostBytes <= budget.PlannableHostBytes
        && PinnedBytes <= budget.PlannablePageLockedBytes;

    /// <summary>How many streams fit, all else as planned.</summary>
    /// <param name="budget">What there is.</param>
    public StreamLimit StreamsWithin(MemoryBudget budget)
    {
        StreamLimit device = Within(budget.PlannableDeviceBytes, static entry => entry.Place == MemoryPlace.Device);
        StreamLimit host = Within(budget.PlannableHostBytes, static entry => entry.Place != MemoryPlace.Device);
        StreamLimit locked = Within(budget.PlannablePageLockedBytes, static entry => entry.Place == MemoryPlace.Pinned);
        StreamLimit slots = new(MostStreams, MostStreams is null ? null : MemoryItem.Slots);
        return new[] { device, host, locked, slots }.MinBy(static limit => limit.Streams ?? int.MaxValue);
    }

    /// <summary>Most streams that there are slots for; null where streams take none.</summary>
    internal int? MostStreams { get; private set; }

    /// <summary>The plan as a table for people.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (MemoryPlanEntry entry in Entries)
        {
            AppendLine(text, entry.Name, MemoryWords.Of(entry.Place), entry.Bytes)
                .AppendLine(CultureInfo.InvariantCulture, $"  {MemoryWords.Of(entry.Evidence)}: {entry.Basis}");
        }

        _ = AppendLine(text, "total", "", TotalBytes);
        if (InputSizes.Length > 1)
        {
            foreach (MemoryPlanSize size in InputSizes)
            {
                string own = size.OwnBytes == 0 ? "shared with the others" : $"{Mebibytes(size.OwnBytes)} more that nothing else uses";
                text.AppendLine().Append(
                    CultureInfo.InvariantCulture,
                    $"at {size.Size,-15} {"",-12} {Mebibytes(size.WorkBytes),12}  tensors and activations, {own}; "
                        + $"{size.IdlePart:P0} of all idle meanwhile");
            }
        }

        return text.ToString();
    }

    /// <summary>Refuses a plan for which there is too little memory.</summary>
    /// <param name="budget">What there is.</param>
    /// <param name="device">The device in words, where there is one.</param>
    internal void ThrowIfAbove(MemoryBudget budget, string device = "the device")
    {
        string? problem = null;
        if (DeviceBytes > budget.PlannableDeviceBytes)
        {
            long context = BytesOf(MemoryItem.Context);
            problem = string.Create(
                CultureInfo.InvariantCulture,
                $"{device} has {(budget.DeviceBytes - context) >> 20} MiB free; beside the CUDA context, which is there, the plan takes "
                    + $"{(DeviceBytes - context) >> 20} MiB, and a margin of {budget.Margin:P0} of it all is to stay free");
        }
        else if (HostBytes > budget.PlannableHostBytes)
        {
            problem = $"The detector needs {Mebibytes(HostBytes)} and {Mebibytes(budget.PlannableHostBytes)} can be had";
        }

        else if (PinnedBytes > budget.PlannablePageLockedBytes)
        {
            problem = $"The detector needs {Mebibytes(PinnedBytes)} of page-locked memory, and {Mebibytes(budget.PlannablePageLockedBytes)} may be "
                + $"({HostMemory.OfThisMachine.Describe()}; {nameof(DetectorOptions.PageLockedLimit)})";
        }

        if (problem is not null)
        {
            throw new InsufficientMemoryException(
                $"{problem}. Fewer Lanes, Slots or ExpectedDecoders, a smaller MaxBatch or a smaller SlotBytes need less:"
                    + $"{Environment.NewLine}{this}");
        }
    }

    /// <summary>The plans of several devices, which share the slots, as one.</summary>
    internal static MemoryPlan OfDevices(IReadOnlyList<(string Name, MemoryPlan Plan)> devices)
    {
        MemoryPlan first = devices[0].Plan;
        return new MemoryPlan(
        [
            .. first.Entries.Where(static entry => entry.Item == MemoryItem.Slots),
            .. devices.SelectMany(static one => one.Plan.Entries.Where(static entry => entry.Item != MemoryItem.Slots)
                .Select(entry => entry with { Basis = $"{one.Name}: {entry.Basis}" })),
        ])
        {
            Lanes = devices.Sum(static one => one.Plan.Lanes),
            MaxBatch = first.MaxBatch,
            Slots = first.Slots,
            SlotBytes = first.SlotBytes,
            InputSizes = first.InputSizes,
            Devices = [.. devices.Select(static one => one.Plan)],
            Budget = first.Budget with { DeviceBytes = devices.Sum(static one => one.Plan.Budget.DeviceBytes) },
            TakenDeviceBytes = devices.Sum(static one => one.Plan.TakenDeviceBytes),
        };
    }

    /// <summary>The plan with an entry more, or another one of the same kind.</summary>
    internal MemoryPlan With(MemoryPlanEntry entry)
    {
        int at = 0;
        while (at < Entries.Length && (Entries[at].Item, Entries[at].Place) != (entry.Item, entry.Place))
        {
            at++;
        }

        return Copy(plan => plan.Entries = at < Entries.Length ? Entries.SetItem(at, entry) : Entries.Add(entry));
    }

    /// <summary>The plan, with where the slots lie.</summary>
    internal MemoryPlan WithSlots(string where) => Copy(plan => plan.Entries =
    [
        .. plan.Entries.Select(entry => entry.Item == MemoryItem.Slots && entry.Place != MemoryPlace.Device
            ? entry with { Basis = entry.Basis + where } : entry),
    ]);

    internal MemoryPlan With(int mostStreams) => Copy(plan => plan.MostStreams = mostStreams);

    /// <summary>The plan for so many streams, of which its entries have a share already.</summary>
    internal MemoryPlan For(int streams, MemoryBudget budget) => Copy(plan => (plan.Streams, plan.Budget) = (streams, budget));

    /// <summary>The plan of a device and engine in words.</summary>
    internal MemoryPlan On(string device) => Copy(plan => plan.Device = device);

    /// <summary>The plan, with what was really taken of the device.</summary>
    internal MemoryPlan AsTaken(long deviceBytes) => Copy(plan => plan.TakenDeviceBytes = deviceBytes);

    /// <summary>Says that more was taken of the device than planned, where it was, with the parts that can be wrong.</summary>
    internal string? GrowthText
    {
        get
        {
            long planned = DeviceBytes - BytesOf(MemoryItem.Context) - BytesOf(MemoryItem.DecoderSurfaces);
            return TakenDeviceBytes > planned * (1 + MemoryWatch.Tolerance)
                ? $"Opening took {Mebibytes(TakenDeviceBytes.Value)} of the device, and {Mebibytes(planned)} were "
                    + $"planned. Of these the engine's are by formula: "
                    + $"{string.Join(", ", Entries.Where(IsGuess).Select(static entry => $"{entry.Name} {Mebibytes(entry.Bytes)}"))}. "
                    + "Another process that took memory meanwhile is counted, too."
                : null;

            static bool IsGuess(MemoryPlanEntry entry) => entry is
            {
                Place: MemoryPlace.Device, Evidence: MemoryEvidence.Formula, Bytes: > 0,
                Item: MemoryItem.Weights or MemoryItem.Activations or MemoryItem.Workspace or MemoryItem.Libraries or MemoryItem.Graphs,
            };
        }
    }

    private long BytesOf(MemoryItem item) => Entries.Where(entry => entry.Item == item).Sum(static entry => entry.Bytes);

    private MemoryPlan Copy(Action<MemoryPlan> change)
    {
        MemoryPlan copy = (MemoryPlan)MemberwiseClone();
        change(copy);
        return copy;
    }

    internal static string Mebibytes(long bytes) => (bytes / 1048576.0).ToString("F1", CultureInfo.InvariantCulture) + " MiB";

    private static StringBuilder AppendLine(StringBuilder text, string name, string place, long bytes) =>
        text.Append(CultureInfo.InvariantCulture, $"{name,-18} {place,-12} {Mebibytes(bytes),12}");

    private StreamLimit Within(long bytes, Func<MemoryPlanEntry, bool> isHere)
    {
        MemoryPlanEntry[] here = [.. Entries.Where(isHere)];
        long perStream = here.Sum(static entry => entry.BytesPerStream);
        long others = here.Sum(entry => entry.Bytes - (Streams * entry.BytesPerStream));
        return others > bytes ? new StreamLimit(0, here.MaxBy(static entry => entry.Bytes).Item)
            : perStream == 0 || bytes == long.MaxValue ? default
            : new StreamLimit((int)Math.Min((bytes - others) / perStream, int.MaxValue), here.MaxBy(static entry => entry.BytesPerStream).Item);
    }

    private long BytesIn(MemoryPlace place)
    {
        long bytes = 0;
        foreach (MemoryPlanEntry entry in Entries)
        {
            bytes += entry.Place == place ? entry.Bytes : 0;
        }

        return bytes;
    }
}

/// <summary>One part of a <see cref="MemoryPlan"/>.</summary>
/// <param name="Item">What the memory is for.</param>
/// <param name="Place">Where it lies.</param>
/// <param name="Bytes">Its size in bytes.</param>
/// <param name="Evidence">How the size is known.</param>
/// <param name="Basis">The formula with its numbers, or who reported or measured what; for people.</param>
public readonly record struct MemoryPlanEntry(MemoryItem Item, MemoryPlace Place, long Bytes, MemoryEvidence Evidence, string Basis)
{
    /// <summary>The part in words: <c>decoder surfaces</c>.</summary>
    public string Name => MemoryWords.Of(Item);

    /// <summary>What each stream of the plan adds to <see cref="Bytes"/>; 0 where their number does not matter.</summary>
    public long BytesPerStream { get; init; }
}

/// <summary>What batches of one input size work in, of the parts of a <see cref="MemoryPlan"/>.</summary>
/// <param name="Size">The size.</param>
/// <param name="WorkBytes">Bytes of tensors and activations that the largest batches of this size use, in all lanes; sizes share them.</param>
/// <param name="OwnBytes">
/// Bytes that nothing but this size uses: contexts of an engine that shares nothing between sizes. 0 where weights and activations are shared.
/// </param>
/// <param name="IdlePart">Part of the tensors and activations of all sizes that is idle while batches of this size run, 0 to 1.</param>
public readonly record struct MemoryPlanSize(ModelInputSize Size, long WorkBytes, long OwnBytes, double IdlePart);
