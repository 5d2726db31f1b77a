using System.Globalization;

namespace YoloZeroCopy.Cuda;

/// <summary>Device memory, or memory that can be page-locked, does not suffice. The context stays usable.</summary>
public sealed class CudaOutOfMemoryException : CudaException
{
    internal CudaOutOfMemoryException(string message, string statusName, string call, ulong requestedBytes, ulong freeBytes, ulong totalBytes)
        : base(message + Numbers(requestedBytes, freeBytes, totalBytes), CUresult.CUDA_ERROR_OUT_OF_MEMORY, statusName, call)
    {
        RequestedBytes = requestedBytes;
        FreeBytes = freeBytes;
        TotalBytes = totalBytes;
    }

    private CudaOutOfMemoryException(CudaOutOfMemoryException refused, string doing)
        : base($"{refused.Message} That was while {doing}.", refused.Status, refused.StatusName, refused.Call)
    {
        RequestedBytes = refused.RequestedBytes;
        FreeBytes = refused.FreeBytes;
        TotalBytes = refused.TotalBytes;
    }

    /// <summary>Bytes that were asked for; 0 when the call does not say, as for a stream or a module.</summary>
    public ulong RequestedBytes { get; }

    /// <summary>
    /// Bytes of device memory that were free just afterwards; 0 when that could not be read. Free memory in pieces may not serve a large request.
    /// </summary>
    public ulong FreeBytes { get; }

    /// <summary>Bytes of device memory in all; 0 when that could not be read.</summary>
    public ulong TotalBytes { get; }

    /// <summary>The same, with what was being done as a whole: <c>reserving 3 blocks</c>.</summary>
    internal CudaOutOfMemoryException While(string doing) => new(this, doing);

    private static string Numbers(ulong requestedBytes, ulong freeBytes, ulong totalBytes)
    {
        string wanted = requestedBytes == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" Wanted were {requestedBytes:N0} bytes.");
        string there = totalBytes == 0
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $" The device has {freeBytes:N0} of {totalBytes:N0} bytes free.");
        return wanted + there;
    }
}
