using System.Globalization;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

/// <summary>Statuses of nvJPEG that are told apart; all of its numbers have a meaning in its header.</summary>
internal enum NvjpegStatus
{
    NVJPEG_STATUS_SUCCESS = 0,
    NVJPEG_STATUS_NOT_INITIALIZED = 1,
    NVJPEG_STATUS_INVALID_PARAMETER = 2,
    NVJPEG_STATUS_BAD_JPEG = 3,
    NVJPEG_STATUS_JPEG_NOT_SUPPORTED = 4,
    NVJPEG_STATUS_ALLOCATOR_FAILURE = 5,
    NVJPEG_STATUS_EXECUTION_FAILED = 6,
    NVJPEG_STATUS_ARCH_MISMATCH = 7,
    NVJPEG_STATUS_INTERNAL_ERROR = 8,
    NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED = 9,
    NVJPEG_STATUS_INCOMPLETE_BITSTREAM = 10,
}

/// <summary>nvjpegImage_t: where the planes go. A packed picture is the first one.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NvjpegImage
{
    public fixed ulong channel[4];
    public fixed ulong pitch[4];
}

/// <summary>The outcome of opening nvJPEG: its function table, or the reason that there is none. Opening never throws.</summary>
internal sealed record JpegOpening(JpegApi? Api, string Reason);

/// <summary>The functions of one nvJPEG, which comes with the CUDA toolkit.</summary>
/// <remarks>A table of function pointers for the same reason as <see cref="DriverApi"/>: tests play several libraries in one process.</remarks>
internal sealed unsafe class JpegApi
{
    /// <summary>Environment variable that names the library's file, or the folder that it is in.</summary>
    public const string LibraryVariable = "YZC_NVJPEG";

    // Oldest and newest version of CUDA whose nvJPEG is looked for. What is called has been the same in all of them.
    private const int OldestMajor = 11;
    private const int NewestMajor = 13;

    private static readonly Lazy<JpegOpening> Opening = new(static () => Open(Candidates(
        Environment.GetEnvironmentVariable(LibraryVariable), OperatingSystem.IsWindows(), CudaDriver.Opened.Api?.Version ?? int.MaxValue)));

    private JpegApi(string library, DriverExports exports)
    {
        Library = library;
        nvjpegGetProperty = (delegate* unmanaged<int, int*, NvjpegStatus>)exports.Required(nameof(nvjpegGetProperty));
        nvjpegCreateEx = (delegate* unmanaged<CudaJpegBackend, void*, void*, uint, nint*, NvjpegStatus>)exports.Required(nameof(nvjpegCreateEx));
        nvjpegDestroy = (delegate* unmanaged<nint, NvjpegStatus>)exports.Required(nameof(nvjpegDestroy));
        nvjpegJpegStateCreate = (delegate* unmanaged<nint, nint*, NvjpegStatus>)exports.Required(nameof(nvjpegJpegStateCreate));
        nvjpegJpegStateDestroy = (delegate* unmanaged<nint, NvjpegStatus>)exports.Required(nameof(nvjpegJpegStateDestroy));
        nvjpegDecodeBatchedInitialize = (delegate* unmanaged<nint, nint, int, int, CudaJpegLayout, NvjpegStatus>)exports.Required(
            nameof(nvjpegDecodeBatchedInitialize));
        nvjpegDecodeBatched = (delegate* unmanaged<nint, nint, byte**, nuint*, NvjpegImage*, CUstream, NvjpegStatus>)exports.Required(
            nameof(nvjpegDecodeBatched));
        nvjpegDecode = (delegate* unmanaged<nint, nint, byte*, nuint, CudaJpegLayout, NvjpegImage*, CUstream, NvjpegStatus>)exports.Required(
            nameof(nvjpegDecode));
    }

    /// <summary>The system's library, looked for once in a process.</summary>
    public static JpegOpening Opened => Opening.Value;

    /// <summary>Library as it was asked for: a file, or a bare name that the system's loader found.</summary>
    public string Library { get; }

    /// <summary>Version as it says itself: <c>13.0.1</c>.</summary>
    public string Version => string.Create(CultureInfo.InvariantCulture, $"{Property(0)}.{Property(1)}.{Property(2)}");

    // nvjpegStatus_t nvjpegGetProperty(libraryPropertyType type, int *value)
    public readonly delegate* unmanaged<int, int*, NvjpegStatus> nvjpegGetProperty;

    // nvjpegStatus_t nvjpegCreateEx(nvjpegBackend_t backend, nvjpegDevAllocator_t *dev_allocator, nvjpegPinnedAllocator_t *pinned_allocator,
    //     unsigned int flags, nvjpegHandle_t *handle)
    public readonly delegate* unmanaged<CudaJpegBackend, void*, void*, uint, nint*, NvjpegStatus> nvjpegCreateEx;

    // nvjpegStatus_t nvjpegDestroy(nvjpegHandle_t handle)
    public readonly delegate* unmanaged<nint, NvjpegStatus> nvjpegDestroy;

    // nvjpegStatus_t nvjpegJpegStateCreate(nvjpegHandle_t handle, nvjpegJpegState_t *jpeg_handle)
    public readonly delegate* unmanaged<nint, nint*, NvjpegStatus> nvjpegJpegStateCreate;

    // nvjpegStatus_t nvjpegJpegStateDestroy(nvjpegJpegState_t jpeg_handle)
    public readonly delegate* unmanaged<nint, NvjpegStatus> nvjpegJpegStateDestroy;

    // nvjpegStatus_t nvjpegDecode(nvjpegHandle_t handle, nvjpegJpegState_t jpeg_handle, const unsigned char *data, size_t length,
    //     nvjpegOutputFormat_t output_format, nvjpegImage_t *destination, cudaStream_t stream)
    public readonly delegate* unmanaged<nint, nint, byte*, nuint, CudaJpegLayout, NvjpegImage*, CUstream, NvjpegStatus> nvjpegDecode;

    // nvjpegStatus_t nvjpegDecodeBatchedInitialize(nvjpegHandle_t handle, nvjpegJpegState_t jpeg_handle, int batch_size, int max_cpu_threads,
    //     nvjpegOutputFormat_t output_format)
    public readonly delegate* unmanaged<nint, nint, int, int, CudaJpegLayout, NvjpegStatus> nvjpegDecodeBatchedInitialize;

    // nvjpegStatus_t nvjpegDecodeBatched(nvjpegHandle_t handle, nvjpegJpegState_t jpeg_handle, const unsigned char *const *data,
    //     const size_t *lengths, nvjpegImage_t *destinations, cudaStream_t stream)
    public readonly delegate* unmanaged<nint, nint, byte**, nuint*, NvjpegImage*, CUstream, NvjpegStatus> nvjpegDecodeBatched;

    /// <summary>What to try, in this order: newest first, but none of a newer CUDA than the driver's.</summary>
    /// <param name="named">File or folder that the environment names.</param>
    /// <param name="isWindows">Which names and folders there are.</param>
    /// <param name="driverVersion">As <see cref="CudaDriver.Version"/>.</param>
    public static string[] Candidates(string? named, bool isWindows, int driverVersion)
    {
        if (!string.IsNullOrEmpty(named) && !Directory.Exists(named))
        {
            return [named];
        }

        List<string> candidates = [];
        for (int major = NewestMajor; major >= OldestMajor; major--)
        {
            if (major > driverVersion / 1000)
            {
                continue;
            }

            string name = string.Create(CultureInfo.InvariantCulture, $"{(isWindows ? $"nvjpeg64_{major}.dll" : $"libnvjpeg.so.{major}")}");
            if (!string.IsNullOrEmpty(named))
            {
                candidates.Add(Path.Combine(named, name));
                continue;
            }

            candidates.Add(name);
            if (!isWindows)
            {
                // Where the toolkit is, which is often not on the loader's path.
                candidates.Add($"/usr/local/cuda/lib64/{name}");
            }
            else if (Environment.GetEnvironmentVariable("CUDA_PATH") is { Length: > 0 } toolkit)
            {
                candidates.Add(Path.Combine(toolkit, "bin", name));
                candidates.Add(Path.Combine(toolkit, "bin", "x64", name));
            }
        }

        return [.. candidates];
    }

    /// <summary>Opens the first library that loads. It stays loaded. A bare name is also looked for beside the application.</summary>
    public static JpegOpening Open(string[] candidates)
    {
        foreach (string candidate in candidates)
        {
            if (!NativeLibrary.TryLoad(candidate, typeof(JpegApi).Assembly, null, out nint module))
            {
                continue;
            }

            DriverExports exports = new(module);
            JpegApi api = new(candidate, exports);
            return exports.Missing.Count == 0
                ? new JpegOpening(api, "")
                : new JpegOpening(null, $"'{candidate}' lacks functions that are needed of nvJPEG: {string.Join(", ", exports.Missing)}.");
        }

        return new JpegOpening(
            null,
            $"NVIDIA's library for JPEG, nvJPEG, was not found: tried were {string.Join(", ", candidates)}. It comes with the CUDA toolkit; "
            + $"{LibraryVariable} can name its file or folder.");
    }

    private int Property(int type)
    {
        int value = 0;
        _ = nvjpegGetProperty(type, &value);
        return value;
    }
}
