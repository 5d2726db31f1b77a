using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>The CUDA driver of this machine. It is looked for once in a process: what the first question found stays the answer.</summary>
/// <remarks>
/// The library is <c>libcuda.so.1</c>, then <c>libcuda.so</c>, or <c>nvcuda.dll</c> on Windows; the environment variable <c>YZC_CUDA_DRIVER</c>
/// names another one. Any thread may use every member.
/// </remarks>
public static class CudaDriver
{
    /// <summary>Oldest driver that can be used, CUDA 11.8, in the form of <see cref="Version"/>.</summary>
    public const int MinimumVersion = 11080;

    private static readonly Lazy<DriverOpening> Opening = new(DriverOpening.ForThisProcess);

    /// <summary>Newest CUDA version that the driver supports, as 1000 x major + 10 x minor: 12080 is 12.8.</summary>
    /// <exception cref="CudaUnavailableException">There is no usable driver or device.</exception>
    public static int Version => Api.Version;

    /// <summary>Number of devices that this process sees, at least 1.</summary>
    /// <exception cref="CudaUnavailableException">There is no usable driver or device.</exception>
    public static int DeviceCount => Api.DeviceCount;

    /// <summary>The library in use, as it was asked for: a file, or a name that the system's loader found.</summary>
    /// <exception cref="CudaUnavailableException">There is no usable driver or device.</exception>
    public static string Library => Api.Library;

    /// <summary>
    /// Releases that the driver refused since the process began. Releasing never throws; this count and <see cref="LastFailedRelease"/> tell.
    /// </summary>
    /// <remarks>After a sticky error the driver refuses most releases; what they held comes back with <see cref="CudaContext.Reset"/>.</remarks>
    public static long FailedReleases => IsAvailable ? Api.FailedReleases : 0;

    /// <summary>
    /// Objects that were not disposed and that the finalizer released: each is a leak to be mended, because the release may stall the device.
    /// </summary>
    public static long FinalizerReleases => IsAvailable ? Api.FinalizerReleases : 0;

    /// <summary>The latest release that the driver refused, as <c>what: status</c>; null when there was none.</summary>
    public static string? LastFailedRelease => IsAvailable ? Api.LastFailedRelease : null;

    /// <summary>How the driver was opened; tests tell absence from fault by it.</summary>
    internal static DriverOpening Opened => Opening.Value;

    /// <summary>The function table of the process's driver.</summary>
    /// <exception cref="CudaUnavailableException">There is no usable driver or device.</exception>
    internal static DriverApi Api => Opening.Value.Api ?? throw new CudaUnavailableException(Opening.Value.Reason);

    private static bool IsAvailable => Opening.IsValueCreated && Opening.Value.Api is not null;

    /// <summary>Loads and starts the driver, or says why it cannot be used. Never throws.</summary>
    /// <param name="reason">
    /// Empty on success. Otherwise one sentence for a user: no library, a library that cannot be loaded or lacks functions, a driver older than
    /// CUDA 11.8 with its version, no visible device, or missing rights.
    /// </param>
    /// <returns>True when there is a usable driver with at least one device.</returns>
    /// <remarks>The first call in a process can take seconds while the driver starts; later calls answer at once, with the same answer.</remarks>
    public static bool TryInitialize(out string reason)
    {
        DriverOpening opening = Opening.Value;
        reason = opening.Reason;
        return opening.Api is not null;
    }
}
