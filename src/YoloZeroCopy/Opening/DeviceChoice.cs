using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Chooses between CUDA and the CPU where the caller does not.</summary>
internal static class DeviceChoice
{
    /// <summary>Does something on the device that is asked for or, where that is left open, on CUDA if it can be done there.</summary>
    /// <param name="source">The model.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="onCuda">Does it on a CUDA device; the text says why it was chosen.</param>
    /// <param name="onCpu">Does it on the CPU, likewise.</param>
    public static T Run<T>(ModelSource source, DetectorOptions options, Func<int, string, T> onCuda, Func<string, T> onCpu)
    {
        if (options.Device.IsCuda)
        {
            return onCuda(options.Device.CudaOrdinal, "");
        }

        if (options.Device == Device.Cpu)
        {
            return onCpu("");
        }

        if (ModelFile.IsTensorRt(source))
        {
            // There is nothing else that could run it, so what is missing is to be told, and not gone round.
            return onCuda(0, " (auto: a TensorRT engine runs on CUDA)");
        }

        if (!CudaDriver.TryInitialize(out string reason))
        {
            return onCpu($" (auto: {reason})");
        }

        if (options.MaxDetections > DecodeKernels.DetectionLimit)
        {
            return onCpu(
                $" (auto: CUDA gives up to {DecodeKernels.DetectionLimit} detections of a frame, and {options.MaxDetections} were asked for)");
        }

        try
        {
            return onCuda(0, " (auto: driver, engine and memory are there)");
        }
        catch (Exception error) when (error is NativeLibraryException or InsufficientMemoryException or CudaException or ModelException)
        {
            // A model that is no model at all is refused on the CPU, too.
            return onCpu($" (auto: CUDA cannot be used: {error.Message})");
        }
    }
}
