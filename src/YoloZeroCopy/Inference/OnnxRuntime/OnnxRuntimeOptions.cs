namespace YoloZeroCopy;

/// <summary>How <see cref="OnnxRuntimeEngine"/> opens a model.</summary>
internal sealed record OnnxRuntimeOptions
{
    /// <summary>File or folder of ONNX Runtime's native library; null to search for it as <see cref="OnnxRuntimeSearch"/> does.</summary>
    public string? LibraryPath { get; init; }

    /// <summary>Threads that one run uses, the caller's included; 0 for one per core.</summary>
    public int Threads { get; init; }

    /// <summary>Sizes of the model's input. Null takes what the model fixes, else its metadata's <c>imgsz</c>, else 640x640.</summary>
    public InputSizes? Sizes { get; init; }

    /// <summary>Whether the model may be cut before the end of its head, so that its maps are decoded and not its own output.</summary>
    public bool CutHead { get; init; }
}
