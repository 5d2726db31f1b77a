using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>A model as the devices of a detector get it, read once. Any thread; dispose it when all are open.</summary>
/// <param name="isTensorRt">Whether it is an engine of TensorRT, which reads it by itself.</param>
/// <param name="models">The model at each input size, where it may run as layers; else empty, and ONNX Runtime reads it.</param>
/// <param name="layers">Its layers at each input size; null where it does not run so.</param>
/// <param name="reason">Why it does not.</param>
internal sealed class CudaModelRead(bool isTensorRt, ImmutableArray<OnnxRuntimeModel> models, SizedNetwork[]? layers, string? reason) : IDisposable
{
    public bool IsTensorRt => isTensorRt;

    public ImmutableArray<OnnxRuntimeModel> Models => models;

    public SizedNetwork[]? Layers => layers;

    public string? Reason => reason;

    public static CudaModelRead Of(ModelSource source, DetectorOptions options)
    {
        bool isTensorRt = ModelFile.IsTensorRt(source);
        OnnxRuntimeCudaOptions runtimeOptions = CudaOpening.RuntimeOptions(options, deviceOrdinal: 0);
        if (isTensorRt || !runtimeOptions.HalfPrecision)
        {
            return new CudaModelRead(isTensorRt, [], layers: null, reason: null);
        }

        OnnxRuntimeModel[] models = OnnxRuntimeModel.OpenAll(source, runtimeOptions.LibraryPath, runtimeOptions.Sizes);
        CudaOpening.ThrowIfNotDecodable(models[^1].Info, options);
        SizedNetwork[]? layers = CudnnEngine.TryRead(models, out string? reason);
        return new CudaModelRead(isTensorRt, [.. models], layers, reason);
    }

    public void Dispose()
    {
        foreach (SizedNetwork one in layers ?? [])
        {
            one.Network.Dispose();
        }
    }
}
