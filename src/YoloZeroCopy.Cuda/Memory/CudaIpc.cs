namespace YoloZeroCopy.Cuda;

/// <summary>Facts about sharing device memory and events with other processes on the same machine.</summary>
/// <remarks>
/// A handle is plain bytes, carried by any means. Both processes must see the same physical device, and in containers share a PID namespace.
/// A process cannot open its own handle. Who exports must outlive who imports: closing first over there, then freeing here.
/// </remarks>
public static class CudaIpc
{
    /// <summary>Length of a handle in bytes.</summary>
    public const int HandleBytes = 64;

    internal static void CheckLength(int bytes)
    {
        if (bytes != HandleBytes)
        {
            throw new ArgumentException($"A handle of CUDA's inter-process communication has {HandleBytes} bytes; given are {bytes}.");
        }
    }
}
