using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

internal sealed unsafe partial class DriverApi
{
    private long failedReleases;
    private long finalizerReleases;
    private int[] resets = [];

    /// <summary>Library as it was asked for: a file, or a bare name that the system's loader found.</summary>
    public string Library { get; private init; } = "";

    /// <summary>Newest CUDA version of the driver, as 1000 x major + 10 x minor.</summary>
    public int Version { get; private init; }

    public int DeviceCount { get; private set; }

    /// <inheritdoc cref="CudaDriver.FailedReleases"/>
    public long FailedReleases => Volatile.Read(ref failedReleases);

    /// <inheritdoc cref="CudaDriver.FinalizerReleases"/>
    public long FinalizerReleases => Volatile.Read(ref finalizerReleases);

    /// <inheritdoc cref="CudaDriver.LastFailedRelease"/>
    public string? LastFailedRelease { get; private set; }

    public static string VersionText(int version) => string.Create(CultureInfo.InvariantCulture, $"{version / 1000}.{version % 1000 / 10}");

    /// <summary>Checks a loaded library and starts it. Does not throw; on failure the caller unloads the library.</summary>
    public static DriverOpening Start(string library, nint module)
    {
        DriverExports exports = new(module);
        nint getVersion = exports.Optional(nameof(cuDriverGetVersion));
        if (exports.Optional(nameof(cuInit)) == 0 || getVersion == 0)
        {
            return new DriverOpening(
                null, DriverProblem.UnusableLibrary, $"'{library}' is a library, but not a CUDA driver: it has no cuInit or no cuDriverGetVersion.");
        }

        // The version first: an old driver also lacks functions, and its age is the reason that a user can act on. It can be asked before cuInit.
        int version = 0;
        CUresult status = ((delegate* unmanaged<int*, CUresult>)getVersion)(&version);
        if (status == CUresult.CUDA_SUCCESS && version < CudaDriver.MinimumVersion)
        {
            return new DriverOpening(
                null,
                DriverProblem.TooOld,
                $"The CUDA driver '{library}' is too old: it is CUDA {VersionText(version)} ({version}), wanted is "
                + $"CUDA {VersionText(CudaDriver.MinimumVersion)} ({CudaDriver.MinimumVersion}) or newer.");
        }

        DriverApi api = new(exports) { Library = library, Version = version };
        if (exports.Missing.Count > 0)
        {
            return new DriverOpening(
                null,
                DriverProblem.MissingFunctions,
                $"The CUDA driver '{library}' (CUDA {VersionText(version)}) lacks functions that are needed: {string.Join(", ", exports.Missing)}.");
        }

        int count = 0;
        if (status == CUresult.CUDA_SUCCESS)
        {
            status = api.cuInit(0);
        }

        if (status == CUresult.CUDA_SUCCESS)
        {
            status = api.cuDeviceGetCount(&count);
        }

        if (status != CUresult.CUDA_SUCCESS)
        {
            return DriverOpening.NotStarted(library, version, status, api.NameOf(status));
        }

        if (count == 0)
        {
            return DriverOpening.NoDevice(library, version);
        }

        api.DeviceCount = count;
        api.resets = new int[count];
        return new DriverOpening(api, DriverProblem.None, "");
    }

    /// <summary>Times the primary context of a device was reset through this library; what was made before a reset is gone.</summary>
    public int Resets(int ordinal) => Volatile.Read(ref resets[ordinal]);

    /// <summary>Notes a reset, before it happens, so that no release of an object that dies with it reaches the driver.</summary>
    public void NoteReset(int ordinal) => Interlocked.Increment(ref resets[ordinal]);

    /// <summary>The driver's name of a status, or its number when the driver knows no name.</summary>
    public string NameOf(CUresult status)
    {
        byte* text = null;
        return cuGetErrorName(status, &text) == CUresult.CUDA_SUCCESS && text != null
            ? Marshal.PtrToStringUTF8((nint)text)!
            : Enum.GetName(status) ?? string.Create(CultureInfo.InvariantCulture, $"CUDA error {(int)status}");
    }

    /// <summary>The driver's own text about a status.</summary>
    public string TextOf(CUresult status)
    {
        byte* text = null;
        return cuGetErrorString(status, &text) == CUresult.CUDA_SUCCESS && text != null
            ? Marshal.PtrToStringUTF8((nint)text)!
            : "no text from the driver";
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ThrowIfFailed(CUresult status, string doing, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != CUresult.CUDA_SUCCESS)
        {
            Throw(status, doing, call);
        }
    }

    /// <inheritdoc cref="CudaException.From"/>
    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Throw(CUresult status, string doing, string call, ulong requestedBytes = 0) =>
        throw CudaException.From(this, status, doing, call, requestedBytes);

    /// <summary>Takes note of how a release ended. Never throws.</summary>
    public void NoteRelease(CUresult status, string what)
    {
        // Gone already: with the process, or with a context that someone else reset.
        if (status is CUresult.CUDA_SUCCESS or CUresult.CUDA_ERROR_DEINITIALIZED or CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED)
        {
            return;
        }

        LastFailedRelease = $"{what}: {NameOf(status)}";
        _ = Interlocked.Increment(ref failedReleases);
    }

    public void NoteFinalizerRelease() => Interlocked.Increment(ref finalizerReleases);
}
