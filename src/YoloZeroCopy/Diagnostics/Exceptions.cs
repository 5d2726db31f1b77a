namespace YoloZeroCopy;

/// <summary>Base of the exceptions that this library defines. Wrong arguments are reported with the framework's own types.</summary>
public abstract class YoloZeroCopyException : Exception
{
    private protected YoloZeroCopyException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>What ONNX Runtime reported, where it was ONNX Runtime: read when its words were still alone.</summary>
    internal OnnxRuntimeFailure RuntimeFailure { get; init; }
}

/// <summary>A model file cannot be read, is damaged, or is not a detection model this library can run.</summary>
public sealed class ModelException : YoloZeroCopyException
{
    /// <summary>Reports a model that cannot be used.</summary>
    /// <param name="path">File of the model.</param>
    /// <param name="reason">What is wrong with it, what was found and what was wanted.</param>
    /// <param name="innerException">Cause, where there is one.</param>
    public ModelException(string path, string reason, Exception? innerException = null)
        : base($"Model '{path}': {reason}", innerException) => Path = path;

    /// <summary>File of the model.</summary>
    public string Path { get; }
}

/// <summary>A native library cannot be found, or is not of a version this library can use.</summary>
public sealed class NativeLibraryException : YoloZeroCopyException
{
    /// <summary>Reports a library that cannot be used.</summary>
    /// <param name="library">Name of the library.</param>
    /// <param name="reason">What is missing or wrong, every place that was tried, and what to do.</param>
    /// <param name="innerException">Cause, where there is one.</param>
    public NativeLibraryException(string library, string reason, Exception? innerException = null)
        : base($"{library}: {reason}", innerException) => Library = library;

    /// <summary>Name of the library.</summary>
    public string Library { get; }
}

/// <summary>An engine failed on a batch, or gave values that are no detections (NaN, infinite boxes).</summary>
public sealed class InferenceException : YoloZeroCopyException
{
    /// <summary>Reports a failed run.</summary>
    /// <param name="message">What failed, with the runtime's own words.</param>
    /// <param name="innerException">Cause, where there is one.</param>
    public InferenceException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}

/// <summary>A picture file or a video cannot be decoded or written.</summary>
public sealed class MediaException : YoloZeroCopyException
{
    /// <summary>Reports a picture or video that cannot be used.</summary>
    /// <param name="path">File or source.</param>
    /// <param name="reason">What is wrong with it.</param>
    /// <param name="innerException">Cause, where there is one.</param>
    public MediaException(string path, string reason, Exception? innerException = null)
        : base($"'{path}': {reason}", innerException) => Path = path;

    /// <summary>File or source.</summary>
    public string Path { get; }
}

/// <summary>
/// One device of a detector with several cannot be opened, or met an error that it cannot go on after; the others go on. Of a frame: it was on that
/// device and is lost.
/// </summary>
/// <remarks>Where the last device fails, the detector is faulted: <see cref="DetectorFaultedException"/>.</remarks>
public sealed class DeviceException : YoloZeroCopyException
{
    /// <summary>Reports a device that failed.</summary>
    /// <param name="device">The device as metrics name it: <c>cuda:1</c>.</param>
    /// <param name="cause">The error that stopped it.</param>
    public DeviceException(string device, Exception cause)
        : base($"Device {device} is lost: {cause?.Message}", cause) => Device = device;

    internal DeviceException(string device, string message, Exception cause)
        : base(message, cause) => Device = device;

    /// <summary>The device as metrics name it: <c>cuda:1</c>.</summary>
    public string Device { get; }

    /// <summary>The error of an opening.</summary>
    internal static DeviceException OfOpening(string device, Exception cause) =>
        new(device, $"Device {device} cannot be opened: {cause.Message}", cause);
}

/// <summary>The detector met an error it cannot go on after. It can only be disposed; <see cref="Exception.InnerException"/> is the error.</summary>
/// <remarks>After a sticky <see cref="YoloZeroCopy.Cuda.CudaException"/> no other detector of this process can use the device either: restart the
/// process.</remarks>
public sealed class DetectorFaultedException : YoloZeroCopyException
{
    /// <summary>Reports a faulted detector.</summary>
    /// <param name="cause">The error that stopped the detector.</param>
    public DetectorFaultedException(Exception cause)
        : base($"The detector is faulted and takes no more frames: {cause?.Message}", cause)
    {
    }
}
