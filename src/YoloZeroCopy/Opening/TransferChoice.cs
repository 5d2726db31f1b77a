using System.Text;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>A transfer mode, and why where nobody asked for it.</summary>
/// <param name="Mode">The mode; not <see cref="TransferMode.Auto"/>.</param>
/// <param name="Why">What was measured; empty for a mode that was asked for.</param>
internal readonly record struct TransferChoice(TransferMode Mode, string Why)
{
    // Less is no reason to leave what works everywhere: two runs of one mode differ by as much.
    private const double Advantage = 1.05;

    /// <summary>The modes that Auto tries. Write-combined memory is slow to read, and pageable memory never better.</summary>
    public static IReadOnlyList<TransferMode> Candidates { get; } = [TransferMode.PageLocked, TransferMode.Mapped, TransferMode.Managed];

    /// <summary>What a detector's description says of it; empty for the default that was not chosen by measuring.</summary>
    public string Text => Why.Length > 0 ? $", frames {Words(Mode)} (auto: {Why})" : Mode == TransferMode.PageLocked ? "" : $", frames {Words(Mode)}";

    /// <summary>Why a device cannot do a mode; null where it can.</summary>
    public static string? LackOf(CudaDevice device, TransferMode mode) => mode switch
    {
        TransferMode.Mapped when device.GetAttribute(CudaDeviceAttribute.CanMapHostMemory) == 0 =>
            "cannot read the host's memory over the bus (CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY is 0)",
        TransferMode.Managed when device.GetAttribute(CudaDeviceAttribute.ConcurrentManagedAccess) == 0 =>
            "does not let the host use managed memory while kernels run (CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS is 0)",
        _ => null,
    };

    /// <summary>Refuses a mode that a device does not have.</summary>
    /// <exception cref="ArgumentException">It lacks what the mode needs.</exception>
    public static void ThrowIfLacking(CudaDevice device, TransferMode mode)
    {
        if (LackOf(device, mode) is string lack)
        {
            throw new ArgumentException(
                $"{nameof(DetectorOptions.TransferMode)} is {mode}, and {device} {lack}. {TransferMode.PageLocked} works on every device.",
                nameof(mode));
        }
    }

    /// <summary>The best of the modes by what a cache has of an earlier opening, or by trying each.</summary>
    /// <param name="device">The device.</param>
    /// <param name="cache">Where the choice is kept; null for nowhere.</param>
    /// <param name="part">Everything that the choice depends on and the cache's origin does not have.</param>
    /// <param name="tryMode">Measures a mode; null where there is no memory for it.</param>
    public static TransferChoice Measured(CudaDevice device, EngineCache? cache, string part, Func<TransferMode, TransferTrial?> tryMode)
    {
        if (Parse(cache?.TryRead(part)) is TransferChoice known && LackOf(device, known.Mode) is null)
        {
            return known;
        }

        List<TransferTrial> trials = [];
        foreach (TransferMode mode in Candidates)
        {
            if (LackOf(device, mode) is null && tryMode(mode) is TransferTrial trial)
            {
                trials.Add(trial);
            }
        }

        TransferChoice choice = Of(trials);
        if (trials.Count > 0)
        {
            cache?.TryWrite(part, Encoding.UTF8.GetBytes($"{choice.Mode}\n{choice.Why}"));
        }

        return choice;
    }

    /// <summary>
    /// The mode with the highest rate; of those that come within a twentieth of it the one that answers a lone frame first. Page-locked memory,
    /// unless it is beaten by a twentieth.
    /// </summary>
    public static TransferChoice Of(IReadOnlyList<TransferTrial> trials)
    {
        if (trials.Count == 0)
        {
            return new TransferChoice(TransferMode.PageLocked, "there was no memory to try modes with");
        }

        double highest = trials.Max(static trial => trial.FramesPerSecond);
        TransferTrial[] fast = [.. trials.Where(trial => trial.FramesPerSecond * Advantage >= highest)];
        TransferTrial best = fast.MinBy(static trial => trial.LoneMicroseconds);
        int usual = Array.FindIndex(fast, static trial => trial.Mode == TransferMode.PageLocked);
        if (usual >= 0 && best.LoneMicroseconds * Advantage >= fast[usual].LoneMicroseconds)
        {
            best = fast[usual];
        }

        return new TransferChoice(best.Mode, string.Join("; ", trials.Select(static trial => trial.ToString())));
    }

    public static string Words(TransferMode mode) => mode switch
    {
        TransferMode.PageLocked => "page-locked",
        TransferMode.WriteCombined => "write-combined",
        _ => mode.ToString().ToLowerInvariant(),
    };

    private static TransferChoice? Parse(byte[]? content)
    {
        if (content is null)
        {
            return null;
        }

        string[] lines = Encoding.UTF8.GetString(content).Split('\n');
        return lines.Length == 2 && Enum.TryParse(lines[0], out TransferMode mode) && Candidates.Contains(mode)
            ? new TransferChoice(mode, lines[1])
            : null;
    }
}

/// <summary>What a mode gave when it was tried.</summary>
/// <param name="Mode">The mode.</param>
/// <param name="FramesPerSecond">Rate with the pipeline full.</param>
/// <param name="LoneMicroseconds">Median time of a frame that is alone, from submit to result.</param>
internal readonly record struct TransferTrial(TransferMode Mode, double FramesPerSecond, double LoneMicroseconds)
{
    public override string ToString() =>
        FormattableString.Invariant($"{TransferChoice.Words(Mode)} {FramesPerSecond:F0} frames/s, a lone one {LoneMicroseconds:F0} us");
}
