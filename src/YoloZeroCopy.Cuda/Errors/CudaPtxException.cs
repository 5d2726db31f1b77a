using System.Globalization;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>The driver did not take a module. The message says why and holds the compiler's log.</summary>
public sealed class CudaPtxException : CudaException
{
    private const int MaxHeaderBytes = 4096;

    private CudaPtxException(string message, CUresult status, string statusName, string log)
        : base(message, status, statusName, nameof(DriverApi.cuModuleLoadDataEx)) => Log = log;

    /// <summary>What the driver's PTX compiler wrote; empty when it wrote nothing.</summary>
    public string Log { get; }

    /// <summary>
    /// Oldest driver, in the form of <see cref="CudaDriver.Version"/>, that knows a PTX ISA version (10 x major + minor); 0 when it is not known
    /// here.
    /// </summary>
    internal static int DriverForPtx(int isa) => isa switch
    {
        <= 0 => 0,
        <= 63 => 10000,
        64 => 10010,
        65 => 10020,
        >= 70 and <= 78 => 11000 + ((isa - 70) * 10),
        >= 80 and <= 85 => 12000 + ((isa - 80) * 10),
        86 => 12070,
        87 => 12080,
        88 => 12090,
        >= 90 and <= 99 => 13000 + ((isa - 90) * 10),
        _ => 0,
    };

    /// <summary>Reads <c>.version 7.8</c> as 78; 0 where there is none, as in a binary.</summary>
    internal static int ReadIsaVersion(ReadOnlySpan<byte> image)
    {
        ReadOnlySpan<byte> header = image[..Math.Min(image.Length, MaxHeaderBytes)];
        int at = header.IndexOf(".version"u8);
        if (at < 0)
        {
            return 0;
        }

        ReadOnlySpan<byte> text = header[(at + ".version".Length)..].TrimStart(" \t"u8);
        bool isVersion = text.Length >= 3 && char.IsAsciiDigit((char)text[0]) && text[1] == (byte)'.' && char.IsAsciiDigit((char)text[2]);
        return isVersion ? ((text[0] - '0') * 10) + text[2] - '0' : 0;
    }

    internal static CudaException Create(DriverApi api, CUresult status, ReadOnlySpan<byte> image, string log)
    {
        const string Doing = "loading a module";
        string name = api.NameOf(status);
        if (!IsAboutCode(status))
        {
            return From(api, status, Doing, nameof(DriverApi.cuModuleLoadDataEx), 0);
        }

        string message = Describe(api, status, name, Doing, nameof(DriverApi.cuModuleLoadDataEx)) + Why(api, status, ReadIsaVersion(image));
        return new CudaPtxException(log.Length == 0 ? message : $"{message} Log of the PTX compiler:\n{log}", status, name, log);
    }

    private static bool IsAboutCode(CUresult status) => status is CUresult.CUDA_ERROR_INVALID_PTX
        or CUresult.CUDA_ERROR_INVALID_IMAGE
        or CUresult.CUDA_ERROR_INVALID_SOURCE
        or CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU
        or CUresult.CUDA_ERROR_JIT_COMPILER_NOT_FOUND
        or CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION
        or CUresult.CUDA_ERROR_JIT_COMPILATION_DISABLED;

    private static string Why(DriverApi api, CUresult status, int isa)
    {
        switch (status)
        {
            case CUresult.CUDA_ERROR_JIT_COMPILER_NOT_FOUND:
                return " The driver's PTX compiler library (libnvidia-ptxjitcompiler.so.1, on Windows nvptxJITCompiler.dll) is"
                    + " not installed or, in a container, not mounted.";
            case CUresult.CUDA_ERROR_JIT_COMPILATION_DISABLED:
                return " Compilation of PTX is switched off for this process: unset CUDA_DISABLE_PTX_JIT.";
            case CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
                int wanted = DriverForPtx(isa);
                string version = string.Create(CultureInfo.InvariantCulture, $"{isa / 10}.{isa % 10}");
                string driver = $"this driver is CUDA {DriverApi.VersionText(api.Version)}";
                return isa == 0 ? $" The PTX is of a newer ISA than the driver knows; {driver}."
                    : wanted == 0 ? $" The PTX is of ISA {version}; {driver}."
                    : $" PTX of ISA {version} needs a driver of CUDA {DriverApi.VersionText(wanted)} or newer; {driver}.";
            case CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU:
                return " The code is for another GPU: PTX of a newer target than the device, or a binary of another kind.";
            default:
                return "";
        }
    }
}
