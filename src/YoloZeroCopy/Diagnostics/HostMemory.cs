using System.Globalization;

namespace YoloZeroCopy;

/// <summary>What memory the host can give, by what Linux says of the system and of the process's control group.</summary>
internal sealed class HostMemory(SystemFiles files)
{
    // What is page-locked is nobody else's any more, and a system without memory for others ends processes.
    private const double LockableShare = 0.75;

    public static HostMemory OfThisMachine { get; } = new(SystemFiles.OfThisMachine);

    /// <summary>Bytes that can be had now: of the system, or of the control group where it may have less.</summary>
    public long AvailableBytes => Math.Min(
        Math.Min(SystemBytes ?? long.MaxValue, GroupBytes ?? long.MaxValue), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    private long? SystemBytes => Number(files.Value("/proc/meminfo", "MemAvailable:")?.Split(' ')[0]) is long kibibytes ? kibibytes << 10 : null;

    /// <summary>What the control group may take on top of what it has; file pages that nobody has used lately are given up for it.</summary>
    private long? GroupBytes
    {
        get
        {
            if (Number(files.GroupFile("memory.max")) is not long most)
            {
                return null;
            }

            long now = Number(files.GroupFile("memory.current")) ?? 0;
            return Math.Max(0, most - now + (Number(files.GroupValue("memory.stat", "inactive_file ")) ?? 0));
        }
    }

    /// <summary>Bytes that may be page-locked.</summary>
    /// <param name="limit">What the caller allows; null leaves it to us.</param>
    public long LockableBytes(long? limit)
    {
        long available = AvailableBytes;
        return Math.Min(limit ?? (long)(available * LockableShare), available);
    }

    /// <summary>Where the limit comes from, for people.</summary>
    public string Describe()
    {
        string group = GroupBytes is long bytes ? $"{MemoryPlan.Mebibytes(bytes)} in the control group" : "no limit of a control group";
        string system = SystemBytes is long free ? $"{MemoryPlan.Mebibytes(free)} in the system, " : "";
        string locked = files.Value("/proc/self/limits", "Max locked memory")?.Split(' ')[0] is string words
            ? $"; memlock, which does not count what the CUDA driver locks, is {words}" : "";
        return $"there are {system}{group}{locked}";
    }

    private static long? Number(string? text) => long.TryParse(text, CultureInfo.InvariantCulture, out long value) && value >= 0 ? value : null;
}
