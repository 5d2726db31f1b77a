namespace YoloZeroCopy.Cuda;

/// <summary>Device memory at one moment.</summary>
/// <param name="FreeBytes">Free bytes.</param>
/// <param name="TotalBytes">All bytes that this process could have.</param>
public readonly record struct CudaMemoryInfo(ulong FreeBytes, ulong TotalBytes);
