namespace YoloZeroCopy.Cuda;

/// <summary>A process that computes on a device.</summary>
/// <param name="Id">Its number, in a container that of the host.</param>
/// <param name="Bytes">Device memory that it holds; null where the driver does not say.</param>
public readonly record struct CudaDeviceProcess(int Id, ulong? Bytes);
