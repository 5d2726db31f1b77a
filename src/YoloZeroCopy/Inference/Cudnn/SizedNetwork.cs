namespace YoloZeroCopy;

/// <summary>A model at one input size, made layers.</summary>
/// <param name="Model">The model, read by ONNX Runtime, which stays the engine for what cannot be run as layers.</param>
/// <param name="Network">Its layers.</param>
/// <param name="Head">The head behind them.</param>
internal readonly record struct SizedNetwork(OnnxRuntimeModel Model, LayerNetwork Network, DetectionHead Head);
