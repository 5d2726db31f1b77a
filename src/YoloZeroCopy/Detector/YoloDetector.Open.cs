using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

public sealed partial class YoloDetector
{
    /// <summary>Loads a model and makes everything ready for the first frame.</summary>
    /// <param name="modelPath">
    /// ONNX file of a YOLO detection model, as Ultralytics exports it, or a TensorRT engine of one, which runs on CUDA only. An engine contains code: open those of trusted sources only.
    /// </param>
    /// <param name="options">How to run it; null for the defaults.</param>
    /// <remarks>
    /// On the CPU this takes a fraction of a second, on CUDA seconds: a context of the engine is made, warmed up and captured for each lane and batch bucket, so that nothing is left
    /// to be done when frames come.
    /// </remarks>
    /// <exception cref="ArgumentException">An option is out of range, or the model cannot run with it; the message names both.</exception>
    /// <exception cref="ModelException">The file is missing, damaged, or no detection model.</exception>
    /// <exception cref="NativeLibraryException">ONNX Runtime, its CUDA provider, TensorRT, its shim or a library they need is missing or too old.</exception>
    /// <exception cref="CudaUnavailableException">A CUDA device was asked for, and there is no usable driver or device.</exception>
    /// <exception cref="CudaException">The driver refused something.</exception>
    /// <exception cref="InsufficientMemoryException">The machine or the device has less memory than <see cref="Memory"/> would say; the message holds the plan.</exception>
    public static YoloDetector Open(string modelPath, DetectorOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(modelPath);
        options ??= new DetectorOptions();
        options.Validate();
        if (options.Device.IsCuda)
        {
            return CudaOpening.Open(modelPath, options, options.Device.CudaOrdinal, why: "");
        }

        if (options.Device == YoloZeroCopy.Device.Cpu)
        {
            return CpuOpening.Open(modelPath, options, why: "");
        }

        if (ModelFile.IsTensorRt(modelPath))
        {
            // There is nothing else that could run it, so what is missing is to be told, and not gone round.
            return CudaOpening.Open(modelPath, options, ordinal: 0, " (auto: a TensorRT engine runs on CUDA)");
        }

        if (!CudaDriver.TryInitialize(out string reason))
        {
            return CpuOpening.Open(modelPath, options, $" (auto: {reason})");
        }

        if (options.MaxDetections > DecodeKernels.DetectionLimit)
        {
            return CpuOpening.Open(modelPath, options, $" (auto: CUDA gives up to {DecodeKernels.DetectionLimit} detections of a frame, and {options.MaxDetections} were asked for)");
        }

        try
        {
            return CudaOpening.Open(modelPath, options, ordinal: 0, " (auto: driver, engine and memory are there)");
        }
        catch (Exception error) when (error is NativeLibraryException or InsufficientMemoryException or CudaException or ModelException)
        {
            // A model that is no model at all is refused on the CPU, too.
            return CpuOpening.Open(modelPath, options, $" (auto: CUDA cannot be used: {error.Message})");
        }
    }
}
