using System.Globalization;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>A driver call failed. The message names the call, the driver's status and text, and what was being done.</summary>
public class CudaException : Exception
{
    private protected CudaException(string message, CUresult status, string statusName, string call)
        : base(message)
    {
        Status = status;
        StatusName = statusName;
        Call = call;
    }

    /// <summary>Status of the call.</summary>
    public CUresult Status { get; }

    /// <summary>The driver's name of the status.</summary>
    public string StatusName { get; }

    /// <summary>Function of the driver that answered.</summary>
    public string Call { get; }

    /// <summary>
    /// True when a kernel or the hardware faulted and every later call for the device answers the same. Only a new process helps: driver 580 (CUDA
    /// 13.0) gives no fresh context even after <see cref="CudaContext.Reset"/>. The call that reports it is often not the one that caused it.
    /// </summary>
    public bool IsSticky => IsStickyStatus(Status);

    internal static bool IsStickyStatus(CUresult status) => status switch
    {
        CUresult.CUDA_SUCCESS or CUresult.CUDA_ERROR_NOT_READY => false,
        CUresult.CUDA_ERROR_ECC_UNCORRECTABLE
            or CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE
            or CUresult.CUDA_ERROR_CONTAINED
            or CUresult.CUDA_ERROR_ILLEGAL_ADDRESS
            or CUresult.CUDA_ERROR_LAUNCH_TIMEOUT
            or CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED
            or CUresult.CUDA_ERROR_ASSERT
            or CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR
            or CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION
            or CUresult.CUDA_ERROR_MISALIGNED_ADDRESS
            or CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE
            or CUresult.CUDA_ERROR_INVALID_PC
            or CUresult.CUDA_ERROR_LAUNCH_FAILED
            or CUresult.CUDA_ERROR_TENSOR_MEMORY_LEAK => true,
        _ => false,
    };

    /// <summary>Makes the exception that fits a failed call.</summary>
    /// <param name="api">Driver that answered.</param>
    /// <param name="status">What it answered.</param>
    /// <param name="doing">What was being done: <c>waiting for a stream</c>.</param>
    /// <param name="call">The call, as a name or as the expression it was written in.</param>
    /// <param name="requestedBytes">Bytes that were to be allocated; 0 where the call does not say.</param>
    internal static unsafe CudaException From(DriverApi api, CUresult status, string doing, string call, ulong requestedBytes)
    {
        string function = FunctionName(call);
        string name = api.NameOf(status);
        string message = Describe(api, status, name, doing, function);
        if (status != CUresult.CUDA_ERROR_OUT_OF_MEMORY)
        {
            return new CudaException(message + Hint(status), status, name, function);
        }

        nuint free = 0;
        nuint total = 0;
        // Asked in the context that is current on this thread; where none is, the numbers stay unknown.
        if (api.cuMemGetInfo_v2(&free, &total) != CUresult.CUDA_SUCCESS)
        {
            free = 0;
            total = 0;
        }

        return new CudaOutOfMemoryException(message, name, function, requestedBytes, free, total);
    }

    internal static string Describe(DriverApi api, CUresult status, string name, string doing, string function) =>
        string.Create(CultureInfo.InvariantCulture, $"{function} answered {name} ({(int)status}: {api.TextOf(status)}) while {doing}.");

    private static string Hint(CUresult status) => status switch
    {
        CUresult.CUDA_ERROR_INVALID_CONTEXT => " No context, or another one, is current on this thread; call CudaContext.MakeCurrent on it first.",
        CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED =>
            " A page of this memory is page-locked already; two registrations must not share a page.",
        _ when IsStickyStatus(status) =>
            " This error is sticky: earlier work may have caused it, and the device answers it to every later call of this process."
            + " Dispose what is on the device and restart the process.",
        _ => "",
    };

    /// <summary><c>Api.cuEventRecord(Handle, stream.Handle)</c> is a call of <c>cuEventRecord</c>.</summary>
    private static string FunctionName(string call)
    {
        int end = call.IndexOf('(', StringComparison.Ordinal);
        string path = end < 0 ? call : call[..end];
        return path[(path.LastIndexOf('.') + 1)..];
    }
}
