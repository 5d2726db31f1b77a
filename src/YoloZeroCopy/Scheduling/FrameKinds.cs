namespace YoloZeroCopy;

/// <summary>Kinds of frames that wait: by the input size that they get and, with several devices, by the one that they lie on. Immutable.</summary>
/// <remarks>A batch is of one input size, and a device takes what lies on the host or on itself. A set of kinds is a number with a bit for
/// each.</remarks>
internal sealed class FrameKinds
{
    /// <summary>Most kinds: bits of a set.</summary>
    public const int Most = 64;

    /// <summary>Every kind.</summary>
    public const ulong All = ~0ul;

    private readonly int sizeCount;

    /// <param name="sizes">Input sizes.</param>
    /// <param name="deviceCount">Devices of the detector.</param>
    /// <exception cref="ArgumentException">There are more kinds than <see cref="Most"/>.</exception>
    public FrameKinds(InputSizes sizes, int deviceCount)
    {
        Sizes = sizes;
        sizeCount = sizes.All.Length;

        // With one device it does not matter where frames lie.
        Count = deviceCount == 1 ? sizeCount : sizeCount * (deviceCount + 1);
        if (Count > Most)
        {
            throw new ArgumentException(
                $"{deviceCount} devices and {sizeCount} input sizes make {Count} kinds of frames; {Most} are possible. With {deviceCount} devices a "
                    + $"detector may have {Most / (deviceCount + 1)} input sizes.",
                nameof(sizes));
        }
    }

    /// <summary>The kinds of a detector with one input size and one device.</summary>
    public static FrameKinds Usual { get; } = new(InputSizes.Usual, deviceCount: 1);

    /// <summary>Input sizes.</summary>
    public InputSizes Sizes { get; }

    /// <summary>Number of kinds.</summary>
    public int Count { get; }

    /// <summary>The kind of a frame.</summary>
    /// <param name="sizeIndex">Its input size, as a place among the detector's.</param>
    /// <param name="home">The device that it lies on, as a place among the detector's; -1 where any can read it.</param>
    public int IndexOf(int sizeIndex, int home) => ((home + 1) * sizeCount) + sizeIndex;

    /// <summary>What a device takes.</summary>
    public ulong On(int device) => Count == sizeCount ? All : SizesAt(-1) | SizesAt(device);

    /// <summary>What lies on a device. Only with several.</summary>
    public ulong OnlyOn(int device) => SizesAt(device);

    /// <summary>All of an input size, wherever they lie.</summary>
    public ulong OfSize(int sizeIndex)
    {
        ulong bits = 0;
        for (int kind = sizeIndex; kind < Count; kind += sizeCount)
        {
            bits |= 1ul << kind;
        }

        return bits;
    }

    private ulong SizesAt(int home) => ((1ul << sizeCount) - 1) << IndexOf(0, home);
}
