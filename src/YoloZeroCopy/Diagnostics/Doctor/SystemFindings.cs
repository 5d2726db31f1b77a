using System.Globalization;

namespace YoloZeroCopy;

/// <summary>What limits a process on Linux: locked memory, its control group, the processor's clocks. Elsewhere there is nothing to say.</summary>
internal static class SystemFindings
{
    private const string Cpu = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";

    // Of the periods in which the control group ran. A frame that meets one waits for the rest of it, up to 100 ms.
    private const double OftenThrottled = 0.05;

    public static IEnumerable<Finding> Read(SystemFiles files)
    {
        yield return new Finding("processor", FindingVerdict.Good, Invariant($"{Environment.ProcessorCount} cores for this process"));
        Finding?[] found = [Governor(files), LockedMemory(files), GroupProcessor(files), GroupMemory(files), HostMemory(files)];
        foreach (Finding? finding in found)
        {
            if (finding is not null)
            {
                yield return finding;
            }
        }
    }

    private static Finding? Governor(SystemFiles files) => files.Read(Cpu) switch
    {
        null => null,
        "performance" => new Finding("cpu governor", FindingVerdict.Good, "performance"),
        string other => new Finding(
            "cpu governor", FindingVerdict.Note, $"{other}: cores that rest between frames wake with a low clock",
                "`sudo cpupower frequency-set -g performance`"),
    };

    private static Finding? LockedMemory(SystemFiles files)
    {
        if (files.Value("/proc/self/limits", "Max locked memory") is not string limits)
        {
            return null;
        }

        // Soft limit, hard limit, unit.
        string soft = limits.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return soft == "unlimited" ? new Finding("memlock", FindingVerdict.Good, "unlimited")
            : !long.TryParse(soft, CultureInfo.InvariantCulture, out long bytes) ? null
            : new Finding(
                "memlock",
                FindingVerdict.Good,
                Invariant($"{bytes >> 10} KiB for the process's own locks; slots are locked by the CUDA driver, which this does not limit"));
    }

    private static Finding? GroupProcessor(SystemFiles files)
    {
        if (files.GroupFile("cpu.max") is not string limit)
        {
            return null;
        }

        string[] words = limit.Split(' ');
        if (words.Length != 2 || !double.TryParse(words[0], CultureInfo.InvariantCulture, out double quota)
            || !double.TryParse(words[1], CultureInfo.InvariantCulture, out double period) || period <= 0)
        {
            return new Finding("cgroup cpu", FindingVerdict.Good, "no limit");
        }

        string cores = Invariant($"{quota / period:0.##} cores");
        double periods = GroupCount(files, "nr_periods");
        double throttled = GroupCount(files, "nr_throttled");
        return periods > 0 && throttled / periods > OftenThrottled
            ? new Finding(
                "cgroup cpu",
                FindingVerdict.Bad,
                Invariant($"limited to {cores}, and stopped for it in {throttled / periods:P0} of all periods: frames wait meanwhile"),
                "a larger limit: `docker run --cpus N`, resources.limits.cpu; or fewer threads: DetectorOptions.Threads, --threads")
            : new Finding("cgroup cpu", FindingVerdict.Note, $"limited to {cores}", "a larger limit: `docker run --cpus N`, resources.limits.cpu");
    }

    private static Finding? GroupMemory(SystemFiles files)
    {
        if (files.GroupFile("memory.max") is not string limit)
        {
            return null;
        }

        if (!long.TryParse(limit, CultureInfo.InvariantCulture, out long most) || most <= 0)
        {
            return new Finding("cgroup memory", FindingVerdict.Good, "no limit");
        }

        _ = long.TryParse(files.GroupFile("memory.current"), CultureInfo.InvariantCulture, out long now);
        string used = Invariant($"{now >> 20} of {most >> 20} MiB used");
        return now > 0.9 * most
            ? new Finding(
                "cgroup memory", FindingVerdict.Bad, used, "a larger limit: `docker run --memory`, resources.limits.memory; or fewer Slots, --slots")
            : new Finding("cgroup memory", FindingVerdict.Good, used);
    }

    private static Finding? HostMemory(SystemFiles files)
    {
        if (Kibibytes(files, "MemAvailable:") is not long available || Kibibytes(files, "MemTotal:") is not long total || total <= 0)
        {
            return null;
        }

        string now = Invariant($"{available >> 10} of {total >> 10} MiB can be had");
        return available < 0.05 * total
            ? new Finding("memory", FindingVerdict.Bad, now, "end what holds it (`ps aux --sort -rss`); fewer Slots, --slots")
            : new Finding("memory", FindingVerdict.Good, now);
    }

    private static long? Kibibytes(SystemFiles files, string word) =>
        files.Value("/proc/meminfo", word) is string text && long.TryParse(text.Split(' ')[0], CultureInfo.InvariantCulture, out long value)
            ? value : null;

    private static double GroupCount(SystemFiles files, string word) =>
        double.TryParse(files.GroupValue("cpu.stat", word + " "), CultureInfo.InvariantCulture, out double value) ? value : 0;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
