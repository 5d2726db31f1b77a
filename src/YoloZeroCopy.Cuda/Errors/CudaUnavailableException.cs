namespace YoloZeroCopy.Cuda;

/// <summary>There is no usable CUDA driver or device. The message is the reason that <see cref="CudaDriver.TryInitialize"/> gives.</summary>
public sealed class CudaUnavailableException : Exception
{
    internal CudaUnavailableException(string reason)
        : base(reason)
    {
    }
}
