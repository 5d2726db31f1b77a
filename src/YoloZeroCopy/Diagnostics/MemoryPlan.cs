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
    public ImmutableArray<MemoryPlanEntry> Entries { get; }

    /// <summary>Sum of all parts, in bytes.</summary>
    public long TotalBytes => DeviceBytes + HostBytes;

    /// <summary>Sum of the parts in a GPU's memory, in bytes.</summary>
    public long DeviceBytes => BytesIn(MemoryPlace.Device);

    /// <summary>Sum of the parts in the host's memory, in bytes, page-locked ones included.</summary>
    public long HostBytes => BytesIn(MemoryPlace.Host) + PinnedBytes;

    /// <summary>Sum of the page-locked parts, in bytes.</summary>
    public long PinnedBytes => BytesIn(MemoryPlace.Pinned);

    /// <summary>The plan as a table for people.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (MemoryPlanEntry entry in Entries)
        {
            AppendLine(text, entry.Name, MemoryWords.Of(entry.Place), entry.Bytes)
                .AppendLine(CultureInfo.InvariantCulture, $"  {MemoryWords.Of(entry.Evidence)}: {entry.Basis}");
        }

        return AppendLine(text, "total", "", TotalBytes).ToString();
    }

    /// <summary>Refuses a plan whose host part is larger than what the process may have.</summary>
    internal void ThrowIfAbove(long availableBytes)
    {
        if (HostBytes > availableBytes)
        {
            throw new InsufficientMemoryException(
                $"The detector needs {Mebibytes(HostBytes)} and {Mebibytes(availableBytes)} can be had. Fewer Slots, a smaller SlotBytes or a "
                    + $"smaller MaxBatch need less:{Environment.NewLine}{this}");
        }
    }

    internal static string Mebibytes(long bytes) => (bytes / 1048576.0).ToString("F1", CultureInfo.InvariantCulture) + " MiB";

    private static StringBuilder AppendLine(StringBuilder text, string name, string place, long bytes) =>
        text.Append(CultureInfo.InvariantCulture, $"{name,-18} {place,-12} {Mebibytes(bytes),12}");

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
