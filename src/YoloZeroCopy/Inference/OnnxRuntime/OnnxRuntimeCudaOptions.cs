namespace YoloZeroCopy;

/// <summary>How <see cref="OnnxRuntimeCudaEngine"/> opens a model.</summary>
internal sealed record OnnxRuntimeCudaOptions
{
    /// <summary>File or folder of ONNX Runtime's native library; null to search for it as <see cref="OnnxRuntimeSearch"/> does.</summary>
    public string? LibraryPath { get; init; }

    /// <summary>Number of the CUDA device, as the driver counts those it shows to this process.</summary>
    public int DeviceOrdinal { get; init; }

    /// <summary>Sizes of the model's input. Null takes what the model fixes, else its metadata's <c>imgsz</c>, else 640x640.</summary>
    public InputSizes? Sizes { get; init; }

    /// <summary>Whether a model in single precision is run in half, where <see cref="YoloZeroCopy.HalfPrecision"/> can make it so.</summary>
    public bool HalfPrecision { get; init; }

    /// <summary>Why it is this engine that runs the model, where another one was to; for reports.</summary>
    public string? Because { get; init; }
}
