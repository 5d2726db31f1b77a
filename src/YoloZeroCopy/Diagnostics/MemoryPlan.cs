using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace YoloZeroCopy;

/// <summary>What a detector takes in memory, added up before any of it is taken.</summary>
/// <remarks>Immutable; any thread.</remarks>
public sealed class MemoryPlan
{
    internal MemoryPlan(params ReadOnlySpan<MemoryPlanEntry> entries) => Entries = [.. entries];

    /// <summary>The parts, largest concern first: slots, tensors, model.</summary>
    public ImmutableArray<MemoryPlanEntry> Entries { get; }

    /// <summary>Sum of all parts, in bytes.</summary>
    public long TotalBytes => Entries.Sum(static entry => entry.Bytes);

    /// <summary>Sum of the parts in a GPU's memory, in bytes.</summary>
    public long DeviceBytes => Entries.Sum(static entry => entry.IsOnDevice ? entry.Bytes : 0);

    /// <summary>Sum of the parts in the host's memory, in bytes.</summary>
    public long HostBytes => TotalBytes - DeviceBytes;

    /// <summary>The plan as a table for people.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (MemoryPlanEntry entry in Entries)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{entry.Name,-48} {Mebibytes(entry.Bytes),10}");
        }

        return text.Append(CultureInfo.InvariantCulture, $"{"total",-48} {Mebibytes(TotalBytes),10}").ToString();
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
}

/// <summary>One part of a <see cref="MemoryPlan"/>.</summary>
/// <param name="Name">What the memory is for.</param>
/// <param name="Bytes">Its size in bytes.</param>
/// <param name="IsOnDevice">True for memory of a GPU, false for memory of the host.</param>
public readonly record struct MemoryPlanEntry(string Name, long Bytes, bool IsOnDevice = false);
