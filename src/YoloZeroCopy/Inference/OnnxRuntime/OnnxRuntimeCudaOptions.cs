namespace YoloZeroCopy;

/// <summary>How <see cref="OnnxRuntimeCudaEngine"/> opens a model.</summary>
internal sealed record OnnxRuntimeCudaOptions
{
    /// <summary>File or folder of ONNX Runtime's native library; null to search for it as <see cref="OnnxRuntimeSearch"/> does.</summary>
    public string? LibraryPath { get; init; }

    /// <summary>Number of the CUDA device, as the driver counts those it shows to this process.</summary>
    public int DeviceOrdinal { get; init; }

    /// <summary>Size of the model's input in pixels. Null takes what the model fixes, else its metadata's <c>imgsz</c>, else 640x640.</summary>
    public (int Width, int Height)? ImageSize { get; init; }

    /// <summary>Who captures runs into a CUDA graph, where the model allows it.</summary>
    public GraphCapture GraphCapture { get; init; }

    /// <summary>How cuDNN's algorithm is chosen for each convolution.</summary>
    public ConvolutionSearch ConvolutionSearch { get; init; }

    /// <summary>
    /// Whether a convolution adds its bias in the same kernel. Measured on an H200 with a YOLOv8n of batch 8: 1.63 ms a run instead of 2.08 in half,
    /// 2.07 instead of 2.57 in single precision. In half precision cuDNN compiles those kernels when a context is created, which takes 2 to 5 s instead
    /// of 0.2.
    /// </summary>
    public bool FuseBias { get; init; } = true;
}

/// <summary>Who captures the runs of a context into a CUDA graph.</summary>
internal enum GraphCapture
{
    /// <summary>
    /// The runtime: <see cref="EngineContext.Enqueue"/> replays a graph. While a context is created, another thread's calls that a capture forbids, such
    /// as taking or freeing device memory, fail, because the runtime captures in CUDA's global mode.
    /// </summary>
    ByEngine,

    /// <summary>
    /// The caller, which must: <see cref="EngineContext.Enqueue"/> queues every kernel by itself, which costs about a millisecond of processor time.
    /// </summary>
    ByCaller,

    /// <summary>Nobody.</summary>
    Off,
}

/// <summary>How ONNX Runtime chooses cuDNN's algorithm for a convolution.</summary>
internal enum ConvolutionSearch
{
    /// <summary>Takes what cuDNN guesses to be best. With <c>FuseBias</c>, it ran within 2 % of a search's choice on an H200.</summary>
    Heuristic,

    /// <summary>Tries every algorithm on the device when a context is created, which takes up to a second more.</summary>
    Exhaustive,
}
