using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Makes TensorRT engines of ONNX models, with the TensorRT that the user has installed.</summary>
/// <remarks>
/// Any thread; builds may run beside each other, though each times its algorithms on the GPU and disturbs the others' timings. The engine is for the
/// TensorRT version and the kind of GPU that built it. TensorRT for RTX needs no GPU to build, every other TensorRT does.
/// </remarks>
public static class TensorRtBuilder
{
    /// <summary>Builds an engine and writes its file. Takes seconds to many minutes.</summary>
    /// <param name="modelPath">ONNX file of a YOLO detection model, as Ultralytics exports it; external data lies beside it.</param>
    /// <param name="outputPath">File to write. It is replaced only when the engine is complete; on an error or a cancellation it stays as it
    /// was.</param>
    /// <param name="options">How to build; null for the defaults.</param>
    /// <param name="progress">Told how far the build is, on TensorRT's own threads, or null. An exception from it stops the build and comes out of
    /// this call.</param>
    /// <param name="cancellationToken">Stops the build at TensorRT's next step, usually within a second or two.</param>
    /// <exception cref="ArgumentException">An option is out of range or does not fit the model, or two of the files are one.</exception>
    /// <exception cref="ModelException">The model is missing, is no detection model, or TensorRT cannot parse it; the message names the node and the
    /// reason.</exception>
    /// <exception cref="NativeLibraryException">The shim or TensorRT is missing, or is not one this can use.</exception>
    /// <exception cref="NotSupportedException">This TensorRT does not have something that was asked for, as precisions from 11 on; the message says
    /// what to do instead.</exception>
    /// <exception cref="CudaUnavailableException">There is no usable GPU, and this TensorRT needs one to build.</exception>
    /// <exception cref="InsufficientMemoryException">Machine or device have too little memory.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="IOException">The file or the timing cache cannot be written, which is tried before anything is built, or the timing cache
    /// cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file or the timing cache may not be written, or the timing cache not be read.</exception>
    public static TensorRtBuildReport Build(
        string modelPath,
        string outputPath,
        TensorRtBuildOptions? options = null,
        IProgress<TensorRtBuildProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(modelPath);
        ArgumentException.ThrowIfNullOrWhiteSpace(outputPath);
        options ??= new TensorRtBuildOptions();
        options.Validate();
        cancellationToken.ThrowIfCancellationRequested();

        TensorRtBuildReport? report = null;
        OwnThread.Run("YoloZeroCopy TensorRT build", () => report = TensorRtBuild.Run(modelPath, outputPath, options, progress, cancellationToken));
        return report!;
    }

    /// <summary>Builds an engine without blocking the caller; otherwise as <see cref="Build"/>.</summary>
    /// <inheritdoc cref="Build"/>
    public static Task<TensorRtBuildReport> BuildAsync(
        string modelPath,
        string outputPath,
        TensorRtBuildOptions? options = null,
        IProgress<TensorRtBuildProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        Task.Factory.StartNew(
            () => Build(modelPath, outputPath, options, progress, cancellationToken),
            cancellationToken,
            TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
            TaskScheduler.Default);
}
