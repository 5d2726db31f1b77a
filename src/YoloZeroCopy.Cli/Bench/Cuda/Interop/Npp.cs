using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli.Interop;

/// <summary>NppiSize.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct NppSize(int Width, int Height);

/// <summary>NppiRect.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct NppRectangle(int X, int Y, int Width, int Height);

/// <summary>NppStreamContext: the stream, and what NPP would else ask the device for at every call.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct NppStream
{
    private readonly nint stream;
    private readonly int device;
    private readonly int multiprocessors;
    private readonly int threadsPerMultiprocessor;
    private readonly int threadsPerBlock;
    private readonly nuint sharedBytesPerBlock;
    private readonly int major;
    private readonly int minor;
    private readonly uint flags;
    private readonly int reserved;

    public NppStream(CudaStream stream)
    {
        // cudaStreamNonBlocking, as our streams are.
        const uint NonBlocking = 1;
        CudaDevice of = stream.Context.Device;
        this.stream = stream.Handle.Value;
        device = of.Ordinal;
        multiprocessors = of.GetAttribute(CudaDeviceAttribute.MultiprocessorCount);
        threadsPerMultiprocessor = of.GetAttribute(CudaDeviceAttribute.MaxThreadsPerMultiprocessor);
        threadsPerBlock = of.GetAttribute(CudaDeviceAttribute.MaxThreadsPerBlock);
        sharedBytesPerBlock = (nuint)of.GetAttribute(CudaDeviceAttribute.MaxSharedMemoryPerBlock);
        major = of.GetAttribute(CudaDeviceAttribute.ComputeCapabilityMajor);
        minor = of.GetAttribute(CudaDeviceAttribute.ComputeCapabilityMinor);
        flags = NonBlocking;
        reserved = 0;
    }
}

/// <summary>The functions of NVIDIA's NPP that make a model's input of a frame, from three of its libraries.</summary>
/// <remarks>Those that take a stream context, which are in every release since CUDA 10.1. Steps are bytes from row to row.</remarks>
internal sealed unsafe class Npp
{
    /// <summary>Environment variable that names the folder of the libraries.</summary>
    public const string VariableName = "YZC_NPP";

    public const int LinearInterpolation = 2;
    public const int BayerRggb = 1;

    private const int OldestMajor = 11;
    private const int NewestMajor = 13;

    private Npp(nint geometry, nint color, nint exchange)
    {
        Resize = (delegate* unmanaged<ulong, int, NppSize, NppRectangle, ulong, int, NppSize, NppRectangle, int, NppStream, int>)
            NativeLibrary.GetExport(geometry, "nppiResize_8u_C3R_Ctx");
        Nv12ToRgb = (delegate* unmanaged<ulong*, int, ulong, int, NppSize, NppStream, int>)
            NativeLibrary.GetExport(color, "nppiNV12ToRGB_8u_P2C3R_Ctx");
        BayerToRgb = (delegate* unmanaged<ulong, int, NppSize, NppRectangle, ulong, int, int, int, NppStream, int>)
            NativeLibrary.GetExport(color, "nppiCFAToRGB_8u_C1C3R_Ctx");
        Scale = (delegate* unmanaged<ulong, int, ulong, int, NppSize, float, float, NppStream, int>)
            NativeLibrary.GetExport(exchange, "nppiScale_8u32f_C3R_Ctx");
        ToPlanes = (delegate* unmanaged<ulong, int, ulong*, int, NppSize, NppStream, int>)
            NativeLibrary.GetExport(exchange, "nppiCopy_32f_C3P3R_Ctx");
    }

    // NppStatus nppiResize_8u_C3R_Ctx(const Npp8u *pSrc, int nSrcStep, NppiSize oSrcSize, NppiRect oSrcRectROI, Npp8u *pDst, int nDstStep,
    //     NppiSize oDstSize, NppiRect oDstRectROI, int eInterpolation, NppStreamContext nppStreamCtx)
    public readonly delegate* unmanaged<ulong, int, NppSize, NppRectangle, ulong, int, NppSize, NppRectangle, int, NppStream, int> Resize;

    // NppStatus nppiNV12ToRGB_8u_P2C3R_Ctx(const Npp8u *const pSrc[2], int rSrcStep, Npp8u *pDst, int nDstStep, NppiSize oSizeROI,
    //     NppStreamContext nppStreamCtx)
    public readonly delegate* unmanaged<ulong*, int, ulong, int, NppSize, NppStream, int> Nv12ToRgb;

    // NppStatus nppiCFAToRGB_8u_C1C3R_Ctx(const Npp8u *pSrc, int nSrcStep, NppiSize oSrcSize, NppiRect oSrcROI, Npp8u *pDst, int nDstStep,
    //     NppiBayerGridPosition eGrid, NppiInterpolationMode eInterpolation, NppStreamContext nppStreamCtx)
    public readonly delegate* unmanaged<ulong, int, NppSize, NppRectangle, ulong, int, int, int, NppStream, int> BayerToRgb;

    // NppStatus nppiScale_8u32f_C3R_Ctx(const Npp8u *pSrc, int nSrcStep, Npp32f *pDst, int nDstStep, NppiSize oSizeROI, Npp32f nMin,
    //     Npp32f nMax, NppStreamContext nppStreamCtx)
    public readonly delegate* unmanaged<ulong, int, ulong, int, NppSize, float, float, NppStream, int> Scale;

    // NppStatus nppiCopy_32f_C3P3R_Ctx(const Npp32f *pSrc, int nSrcStep, Npp32f *const aDst[3], int nDstStep, NppiSize oSizeROI,
    //     NppStreamContext nppStreamCtx)
    public readonly delegate* unmanaged<ulong, int, ulong*, int, NppSize, NppStream, int> ToPlanes;

    /// <summary>Opens the newest release whose libraries are there, in the folder that the environment names or where the loader looks.</summary>
    /// <exception cref="InvalidOperationException">None is there, or it lacks a function.</exception>
    public static Npp Load()
    {
        string folder = Environment.GetEnvironmentVariable(VariableName) ?? "";
        for (int major = NewestMajor; major >= OldestMajor; major--)
        {
            if (TryLoad(folder, "nppig", major, out nint geometry) && TryLoad(folder, "nppicc", major, out nint color)
                && TryLoad(folder, "nppidei", major, out nint exchange))
            {
                try
                {
                    return new Npp(geometry, color, exchange);
                }
                catch (EntryPointNotFoundException error)
                {
                    throw new InvalidOperationException($"NPP of CUDA {major} lacks a function: {error.Message}", error);
                }
            }
        }

        throw new InvalidOperationException(
            $"NPP was not found: libnppig, libnppicc and libnppidei of CUDA {OldestMajor} to {NewestMajor}. They are in the CUDA toolkit; "
            + $"{VariableName} names their folder.");
    }

    /// <summary>Throws for a status that is an error; those above 0 are warnings.</summary>
    /// <exception cref="InvalidOperationException">It is.</exception>
    public static void Check(int status, string what)
    {
        if (status < 0)
        {
            throw new InvalidOperationException($"NPP refused {what}: status {status}.");
        }
    }

    private static bool TryLoad(string folder, string name, int major, out nint library)
    {
        string file = OperatingSystem.IsWindows() ? $"{name}64_{major}.dll" : $"lib{name}.so.{major}";
        library = 0;
        return folder.Length > 0
            ? NativeLibrary.TryLoad(Path.Combine(folder, file), out library)
            : NativeLibrary.TryLoad(file, out library)
                || (!OperatingSystem.IsWindows() && NativeLibrary.TryLoad($"/usr/local/cuda/lib64/{file}", out library));
    }
}
