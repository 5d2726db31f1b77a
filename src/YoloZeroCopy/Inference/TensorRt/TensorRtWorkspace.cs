namespace YoloZeroCopy;

/// <summary>How much scratch memory a TensorRT builder may use where nobody says: a rule of thumb.</summary>
/// <remarks>
/// <para>base x (1 + 0.15 L) x f, with L = layers / 100 and f = 1.3 above batch 8, else 1. It is this project's own rule, not NVIDIA's; the base is 1
/// GiB, which holds the workspace of every convolution of a YOLO at 640x640. It is a limit and no allocation: what the engine then needs is in
/// <see cref="TensorRtBuildReport.DeviceMemoryBytes"/>, and usually far less.</para>
/// </remarks>
internal static class TensorRtWorkspace
{
    /// <summary>The base: 1 GiB.</summary>
    public const long BaseBytes = 1L << 30;

    private const double PerHundredLayers = 0.15;
    private const double LargeBatchFactor = 1.3;
    private const int LargeBatch = 8;

    /// <summary>The limit in bytes.</summary>
    /// <param name="layers">Nodes of the model.</param>
    /// <param name="maxBatch">Largest batch of any profile.</param>
    public static long DefaultBytes(int layers, int maxBatch) =>
        (long)(BaseBytes * (1 + (PerHundredLayers * layers / 100)) * (maxBatch > LargeBatch ? LargeBatchFactor : 1));
}
