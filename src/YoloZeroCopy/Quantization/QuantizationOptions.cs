namespace YoloZeroCopy;

/// <summary>How <see cref="ModelQuantizer"/> makes a model.</summary>
public sealed record QuantizationOptions
{
    /// <summary>How the range of numbers that 8 bits tell is chosen.</summary>
    public QuantizationRange Range { get; init; }

    /// <summary>Size of the model's input in pixels. Null takes what the model fixes, else its metadata's <c>imgsz</c>, else 640x640.</summary>
    public (int Width, int Height)? InputSize { get; init; }

    /// <summary>Threads that compute; 0 for one per core.</summary>
    public int Threads { get; init; }

    /// <summary>File or folder of ONNX Runtime's native library; null to search for it as a detector does.</summary>
    public string? OnnxRuntimePath { get; init; }

    internal void Validate()
    {
        const int MaxThreads = 1024;
        if (!Enum.IsDefined(Range))
        {
            throw new ArgumentOutOfRangeException(nameof(Range), Range, $"{nameof(Range)} is {Range}; one of the defined values is wanted.");
        }

        if (Threads is < 0 or > MaxThreads)
        {
            throw new ArgumentOutOfRangeException(nameof(Threads), Threads, $"{nameof(Threads)} is {Threads}; 0 to {MaxThreads} is wanted.");
        }
    }
}

/// <summary>How the range of numbers that 8 bits tell is chosen for a tensor. What lies outside becomes the range's end.</summary>
public enum QuantizationRange
{
    /// <summary>That with the least mean square error over the pictures; of what goes into x * sigmoid(x), the error of that.</summary>
    LeastError,

    /// <summary>That of 99.99 % of the numbers.</summary>
    Percentile,

    /// <summary>All numbers that the pictures gave.</summary>
    Full,
}
