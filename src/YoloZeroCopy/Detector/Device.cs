using System.ComponentModel;
using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Where a detector runs.</summary>
[TypeConverter(typeof(DeviceConverter))]
public readonly record struct Device
{
    private const string CudaPrefix = "cuda:";
    private const string AllCudaName = "cuda:all";

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

    /// <summary>
    /// Every CUDA device that the driver shows to this process, as <see cref="Cuda(ReadOnlySpan{int})"/> takes several; where there is one, the same
    /// as that one.
    /// </summary>
    public static Device AllCuda => new(AllCudaName, 0);

    /// <summary><c>auto</c>, <c>cpu</c>, or <c>cuda:</c> and a number, several with commas between, or <c>all</c>.</summary>
    public string Name => name ?? "auto";

    /// <summary>True for CUDA devices, one or several.</summary>
    public bool IsCuda { get; }

    // Meaningful for CUDA devices only; of several the first.
    internal int CudaOrdinal { get; }

    /// <summary>Numbers of the CUDA devices, in rising order; empty for others. The driver is asked only for <see cref="AllCuda"/>.</summary>
    /// <exception cref="YoloZeroCopy.Cuda.CudaUnavailableException">There is no usable driver or device.</exception>
    internal int[] CudaOrdinals() => !IsCuda ? []
        : name == AllCudaName ? [.. Enumerable.Range(0, CudaDriver.DeviceCount)]
        : [.. name![CudaPrefix.Length..].Split(',').Select(static text => int.Parse(text, CultureInfo.InvariantCulture))];

    /// <summary>CUDA device 0.</summary>
    public static Device Cuda() => Cuda(0);

    /// <summary>A CUDA device.</summary>
    /// <param name="ordinal">Number of the device, from 0, as the driver counts those that it shows to this process.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative number.</exception>
    public static Device Cuda(int ordinal)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ordinal);
        return new Device(string.Create(CultureInfo.InvariantCulture, $"{CudaPrefix}{ordinal}"), ordinal);
    }

    /// <summary>Several CUDA devices under one detector, each with its engine and lanes: a frame goes to the one that has it done first.</summary>
    /// <param name="ordinals">Different numbers of devices, in any order.</param>
    /// <exception cref="ArgumentException">No number, a negative one, or one that is there twice.</exception>
    public static Device Cuda(params ReadOnlySpan<int> ordinals)
    {
        if (ordinals.IsEmpty)
        {
            throw new ArgumentException("No device is named; one number or more are wanted.", nameof(ordinals));
        }

        int[] sorted = ordinals.ToArray();
        Array.Sort(sorted);
        ArgumentOutOfRangeException.ThrowIfNegative(sorted[0], nameof(ordinals));
        for (int index = 1; index < sorted.Length; index++)
        {
            if (sorted[index] == sorted[index - 1])
            {
                throw new ArgumentException($"CUDA device {sorted[index]} is named twice.", nameof(ordinals));
            }
        }

        return new Device(CudaPrefix + string.Join(',', sorted.Select(static ordinal => ordinal.ToString(CultureInfo.InvariantCulture))), sorted[0]);
    }

    /// <summary>Reads a device's name.</summary>
    /// <param name="text">
    /// <c>auto</c>, <c>cpu</c>, <c>cuda</c>, <c>cuda:</c> and a number, several with commas between (<c>cuda:0,1</c>), or <c>cuda:all</c>, in any
    /// case.
    /// </param>
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

        if (text.Equals(AllCudaName, StringComparison.OrdinalIgnoreCase))
        {
            return AllCuda;
        }

        return TryParseOrdinals(text, out int[] ordinals)
            ? Cuda(ordinals) : throw new FormatException($"'{text}' is no device; 'auto', 'cpu', 'cuda:0', 'cuda:0,1' and 'cuda:all' are.");
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static bool TryParseOrdinals(string text, out int[] ordinals)
    {
        string[] parts = text.StartsWith(CudaPrefix, StringComparison.OrdinalIgnoreCase) ? text[CudaPrefix.Length..].Split(',') : [];
        ordinals = new int[parts.Length];
        for (int index = 0; index < parts.Length; index++)
        {
            if (!int.TryParse(parts[index], NumberStyles.None, CultureInfo.InvariantCulture, out ordinals[index])
                || Array.IndexOf(ordinals, ordinals[index], 0, index) >= 0)
            {
                return false;
            }
        }

        return parts.Length > 0;
    }
}
