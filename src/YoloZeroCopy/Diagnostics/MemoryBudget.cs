namespace YoloZeroCopy;

/// <summary>What memory there is for a plan.</summary>
/// <param name="DeviceBytes">Bytes of a device that the process may have, its CUDA context included; null where that does not matter.</param>
/// <param name="HostBytes">Bytes of the host that the process may have; null where that does not matter.</param>
/// <param name="Margin">Part of what is planned on the device that is to stay free on top of it.</param>
public readonly record struct MemoryBudget(long? DeviceBytes, long? HostBytes, double Margin)
{
    /// <summary>Bytes of the host that may be page-locked (<see cref="DetectorOptions.PageLockedLimit"/>); null where that does not matter.</summary>
    public long? PageLockedBytes { get; init; }

    /// <summary>Bytes of the device that a plan may have.</summary>
    internal long PlannableDeviceBytes => DeviceBytes is long bytes ? (long)(bytes / (1 + Margin)) : long.MaxValue;

    internal long PlannableHostBytes => HostBytes ?? long.MaxValue;

    internal long PlannablePageLockedBytes => PageLockedBytes ?? long.MaxValue;
}

/// <summary>How many streams there can be.</summary>
/// <param name="Streams">The number; null where nothing limits it.</param>
/// <param name="LimitedBy">What does not fit with one more; null where nothing limits it.</param>
public readonly record struct StreamLimit(int? Streams, MemoryItem? LimitedBy);
