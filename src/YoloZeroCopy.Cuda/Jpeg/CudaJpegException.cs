using System.Globalization;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>nvJPEG failed, for a reason that is not the picture's. The message names the call, its status and what was being done.</summary>
public sealed class CudaJpegException : Exception
{
    internal CudaJpegException(NvjpegStatus status, string call, string doing)
        : base(string.Create(CultureInfo.InvariantCulture, $"{call} answered {status} ({(int)status}) while {doing}.")) => Status = (int)status;

    /// <summary>nvJPEG's number of the status.</summary>
    public int Status { get; }
}
