using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>A GPU as its maker sells it, to plan for one that is not here.</summary>
/// <param name="Name">Short name: <c>L4</c>, <c>RTX 4090</c>.</param>
/// <param name="MemoryBytes">All of its memory as NVIDIA's driver shows it (<c>nvidia-smi</c>), error correction on where it is so from the
/// start.</param>
/// <param name="Bus">How it is connected to the host, by its data sheet.</param>
public readonly record struct GpuCard(string Name, long MemoryBytes, string Bus)
{
    private const string Pcie3 = "PCIe 3.0 x16";
    private const string Pcie4 = "PCIe 4.0 x16";
    private const string Pcie4Half = "PCIe 4.0 x8";
    private const string Pcie5 = "PCIe 5.0 x16";

    /// <summary>The cards that are known by name.</summary>
    public static ImmutableArray<GpuCard> All { get; } =
    [
        Of("T4", 15360, Pcie3),
        Of("L4", 23034, Pcie4),
        Of("L40S", 46068, Pcie4),
        Of("A10", 23028, Pcie4),
        Of("A40", 46068, Pcie4),
        Of("A100 40GB", 40960, Pcie4),
        Of("A100 80GB", 81920, Pcie4),
        Of("H100 80GB", 81559, Pcie5),
        Of("H200", 143771, Pcie5),
        Of("RTX 3060", 12288, Pcie4),
        Of("RTX 4060", 8188, Pcie4Half),
        Of("RTX 4070", 12282, Pcie4),
        Of("RTX 4080", 16376, Pcie4),
        Of("RTX 4090", 24564, Pcie4),
        Of("RTX 5090", 32607, Pcie5),
        Of("RTX A2000 12GB", 12282, Pcie4),
        Of("RTX A4000", 16376, Pcie4),
        Of("RTX A6000", 49140, Pcie4),
        Of("RTX 4000 Ada", 20475, Pcie4),
        Of("RTX 6000 Ada", 49140, Pcie4),
    ];

    /// <summary>Looks a card up.</summary>
    /// <param name="name">Its name; capitals, spaces and hyphens do not matter.</param>
    /// <param name="card">The card.</param>
    public static bool TryFind(string name, out GpuCard card)
    {
        ArgumentNullException.ThrowIfNull(name);
        foreach (GpuCard known in All)
        {
            if (string.Equals(Plain(known.Name), Plain(name), StringComparison.OrdinalIgnoreCase))
            {
                card = known;
                return true;
            }
        }

        card = default;
        return false;
    }

    private static GpuCard Of(string name, long mebibytes, string bus) => new(name, mebibytes << 20, bus);

    private static string Plain(string name) =>
        name.Replace(" ", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal);
}
