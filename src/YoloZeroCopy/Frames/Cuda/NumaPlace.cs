using System.Globalization;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>The NUMA node of a device, on machines that have several: slots on another one come to the device through both processors.</summary>
/// <param name="node">The device's node; null where the machine has one only, or does not say.</param>
/// <param name="tryPrefer">Prefers a node for what this thread allocates, until what it returns is disposed; null where the system does not let
/// it.</param>
internal sealed class NumaPlace(int? node, Func<int, IDisposable?> tryPrefer)
{
    private bool isRefused;

    public int? Node => node;

    /// <summary>Where slots lie, as the end of a sentence; empty where there is nothing to say.</summary>
    public string Text => node is not int number ? ""
        : isRefused ? FormattableString.Invariant($", not placed: the system does not let this process prefer the device's NUMA node {number}")
        : FormattableString.Invariant($", on the device's NUMA node {number}");

    /// <summary>No node in particular.</summary>
    public static NumaPlace Anywhere { get; } = new(null, static _ => null);

    public static NumaPlace Of(string pciBusId) => Of(pciBusId, SystemFiles.OfThisMachine, ThreadMemoryPolicy.TryPrefer);

    /// <param name="pciBusId">Address of the device, as the driver writes it: <c>0000:3B:00.0</c>.</param>
    /// <param name="files">The system's files.</param>
    /// <param name="tryPrefer">What prefers a node.</param>
    public static NumaPlace Of(string pciBusId, SystemFiles files, Func<int, IDisposable?> tryPrefer)
    {
        // A list of ranges: "0" is one node, "0-1" and "0,2" are two.
        bool hasSeveral = files.Read("/sys/devices/system/node/has_memory") is string nodes && nodes.AsSpan().IndexOfAny(',', '-') >= 0;
        string? text = hasSeveral ? files.Read($"/sys/bus/pci/devices/{pciBusId.ToLowerInvariant()}/numa_node") : null;

        // -1 where the firmware does not say.
        return new NumaPlace(int.TryParse(text, CultureInfo.InvariantCulture, out int number) && number >= 0 ? number : null, tryPrefer);
    }

    /// <summary>Allocates with the node preferred.</summary>
    public T Allocate<T>(Func<T> allocate)
    {
        if (node is not int number)
        {
            return allocate();
        }

        using IDisposable? preference = tryPrefer(number);
        isRefused = preference is null;
        return allocate();
    }
}
