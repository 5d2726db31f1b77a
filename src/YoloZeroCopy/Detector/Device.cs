using System.ComponentModel;
using System.Globalization;

namespace YoloZeroCopy;

/// <summary>Where a detector runs.</summary>
[TypeConverter(typeof(DeviceConverter))]
public readonly record struct Device
{
    private const string CudaPrefix = "cuda:";

    private readonly string? name;

    private Device(string name, int ordinal = -1)
    {
        this.name = name;
        CudaOrdinal = ordinal;
        IsCuda = ordinal >= 0;
    }

    /// <summary>The fastest device that is there: CUDA device 0 when driver, engine and memory are there, else the CPU.
    /// <see cref="YoloDetector.Device"/> says which was taken and why.</summary>
    public static Device Auto => default;

    /// <summary>The processor.</summary>
    public static Device Cpu => new("cpu");

    /// <summary><c>auto</c>, <c>cpu</c>, or <c>cuda:</c> and a number.</summary>
    public string Name => name ?? "auto";

    /// <summary>True for a CUDA device.</summary>
    public bool IsCuda { get; }

    // Meaningful for a CUDA device only.
    internal int CudaOrdinal { get; }

    /// <summary>A CUDA device.</summary>
    /// <param name="ordinal">Number of the device, from 0, as the driver counts those that it shows to this process.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative number.</exception>
    public static Device Cuda(int ordinal = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ordinal);
        return new Device(string.Create(CultureInfo.InvariantCulture, $"{CudaPrefix}{ordinal}"), ordinal);
    }

    /// <summary>Reads a device's name.</summary>
    /// <param name="text"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:</c> and a number, in any case.</param>
    /// <exception cref="FormatException">Any other text.</exception>
    public static Device Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Equals("auto", StringComparison.OrdinalIgnoreCase))
        {
            return Auto;
        }

        if (text.Equals("cpu", StringComparison.OrdinalIgnoreCase))
        {
            return Cpu;
        }

        if (text.Equals("cuda", StringComparison.OrdinalIgnoreCase))
        {
            return Cuda();
        }

        return text.StartsWith(CudaPrefix, StringComparison.OrdinalIgnoreCase)
            && int.TryParse(text.AsSpan(CudaPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal)
                ? Cuda(ordinal)
                : throw new FormatException($"'{text}' is no device; 'auto', 'cpu' and 'cuda:0' are.");
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
