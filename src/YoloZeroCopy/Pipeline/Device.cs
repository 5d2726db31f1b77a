namespace YoloZeroCopy;

/// <summary>Where a detector runs.</summary>
public readonly record struct Device
{
    private Device(string name) => Name = name;

    /// <summary>The fastest device that is there; <see cref="YoloDetector.Device"/> says which was taken and why.</summary>
    public static Device Auto => default;

    /// <summary>The processor.</summary>
    public static Device Cpu => new("cpu");

    /// <summary><c>auto</c> or <c>cpu</c>.</summary>
    public string Name => field ?? "auto";

    /// <summary>Reads a device's name.</summary>
    /// <param name="text"><c>auto</c> or <c>cpu</c>, in any case.</param>
    /// <exception cref="FormatException">Any other text.</exception>
    public static Device Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.ToUpperInvariant() switch
        {
            "AUTO" => Auto,
            "CPU" => Cpu,
            _ => throw new FormatException($"'{text}' is no device of this version; 'auto' and 'cpu' are."),
        };
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
