namespace YoloZeroCopy;

/// <summary>
/// What a detector is made of, for <c>yzc bench</c> and <c>yzc selftest</c>, which measure its parts alone. Everything stays the detector's.
/// </summary>
internal sealed class DetectorInspection(Pipeline pipeline, InferenceEngine? engine, IReadOnlyList<CudaSharedResources> devices)
{
    /// <summary>What the lanes share on each CUDA device; empty elsewhere.</summary>
    public IReadOnlyList<CudaSharedResources> Devices => devices;

    /// <exception cref="InvalidOperationException">The lanes are fakes.</exception>
    public InferenceEngine Engine => engine ?? throw new InvalidOperationException("The detector has no engine of its own.");

    /// <summary>
    /// What the lanes share on CUDA, of several devices on the first, with their <see cref="CudaSharedResources.Timeline"/>; null elsewhere.
    /// </summary>
    public CudaSharedResources? Cuda => devices.Count == 0 ? null : devices[0];

    public Pipeline Pipeline => pipeline;

    public int LaneCount => pipeline.LaneCount;

    /// <summary>Runs of the engine that can be on the device at once: what measuring the engine alone must keep busy.</summary>
    public int EngineStreams => devices.Count == 0 ? LaneCount : CudaOpening.ComputesOf(LaneCount / devices.Count);
}
