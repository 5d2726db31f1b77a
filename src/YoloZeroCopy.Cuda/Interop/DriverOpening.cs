using System.Globalization;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

/// <summary>Why a driver cannot be used.</summary>
internal enum DriverProblem
{
    None,
    NoLibrary,
    UnusableLibrary,
    TooOld,
    MissingFunctions,
    NoDevice,
    NotPermitted,
    NotStarted,
}

/// <summary>The outcome of opening a driver: its function table, or the reason that there is none. Opening never throws.</summary>
internal sealed record DriverOpening(DriverApi? Api, DriverProblem Problem, string Reason)
{
    /// <summary>Environment variable that names another library than the system's driver.</summary>
    public const string LibraryVariable = "YZC_CUDA_DRIVER";

    /// <summary>What to try, in this order.</summary>
    public static string[] Candidates(string? named, bool isWindows) => !string.IsNullOrEmpty(named)
        ? [named]
        : isWindows ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"];

    /// <summary>Opens the system's driver, or the library that the environment names.</summary>
    public static DriverOpening ForThisProcess()
    {
        try
        {
            return Open(Candidates(Environment.GetEnvironmentVariable(LibraryVariable), OperatingSystem.IsWindows()));
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return new DriverOpening(null, DriverProblem.NotStarted, $"The CUDA driver could not be opened: {error.Message}");
        }
    }

    /// <summary>Opens the first library that loads.</summary>
    public static DriverOpening Open(string[] candidates)
    {
        if (nint.Size != 8)
        {
            return new DriverOpening(null, DriverProblem.UnusableLibrary, "CUDA needs a 64-bit process; this one is 32-bit.");
        }

        List<string> trouble = [];
        foreach (string candidate in candidates)
        {
            try
            {
                nint module = NativeLibrary.Load(candidate);
                DriverOpening opening = DriverApi.Start(candidate, module);
                if (opening.Api is null)
                {
                    NativeLibrary.Free(module);
                }

                return opening;
            }
            catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
            {
                if (File.Exists(candidate))
                {
                    return new DriverOpening(
                        null,
                        DriverProblem.UnusableLibrary,
                        $"'{candidate}' cannot be loaded as the CUDA driver library for {RuntimeInformation.RuntimeIdentifier}: {error.Message}");
                }

                // The loader's own words are the last line; those before it are general advice.
                trouble.Add($"{candidate} ({error.Message.AsSpan().TrimEnd()[(error.Message.AsSpan().TrimEnd().LastIndexOf('\n') + 1)..]})");
            }
        }

        return new DriverOpening(
            null,
            DriverProblem.NoLibrary,
            $"No CUDA driver is installed: tried were {string.Join(", ", trouble)}. It comes with the NVIDIA display driver, not "
            + "with the CUDA toolkit; in a container, the NVIDIA container runtime must provide it.");
    }

    /// <summary>Says in words why a driver did not start.</summary>
    public static DriverOpening NotStarted(string library, int version, CUresult status, string name)
    {
        string driver = $"the driver '{library}' (CUDA {DriverApi.VersionText(version)})";
        string answer = string.Create(CultureInfo.InvariantCulture, $"{name}, {(int)status}");
        return status switch
        {
            CUresult.CUDA_ERROR_NO_DEVICE => NoDevice(library, version),
            CUresult.CUDA_ERROR_NOT_PERMITTED => new DriverOpening(
                null,
                DriverProblem.NotPermitted,
                $"This process may not use the GPU: {driver} answered {answer}. "
                + "Check the rights on /dev/nvidia* and the limits of the container or the service."),
            CUresult.CUDA_ERROR_STUB_LIBRARY => new DriverOpening(
                null,
                DriverProblem.UnusableLibrary,
                $"'{library}' is the CUDA toolkit's stub for linking, not a driver ({answer}). "
                + "Take the toolkit's stubs folder out of the library path."),
            CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH => new DriverOpening(
                null,
                DriverProblem.NotStarted,
                $"The driver library '{library}' and the loaded kernel module are of different versions ({answer}). "
                + "Restart the machine, or the container, after a driver update."),
            _ => new DriverOpening(null, DriverProblem.NotStarted, $"CUDA does not start: {driver} answered {answer}."),
        };
    }

    /// <summary>Says that no device is visible, and why that may be so.</summary>
    public static DriverOpening NoDevice(string library, int version)
    {
        string? visible = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES");
        string why = visible is null ? "" : $" CUDA_VISIBLE_DEVICES is '{visible}', which hides every device that it does not name.";
        string rights = ControlDeviceIsForbidden() ? " This process may not open /dev/nvidiactl; check its rights." : "";
        return new DriverOpening(
            null,
            rights.Length > 0 ? DriverProblem.NotPermitted : DriverProblem.NoDevice,
            $"No CUDA device is visible to this process; the driver '{library}' is CUDA {DriverApi.VersionText(version)}.{why}{rights}");
    }

    private static bool ControlDeviceIsForbidden()
    {
        const string Control = "/dev/nvidiactl";
        if (!File.Exists(Control))
        {
            return false;
        }

        try
        {
            using FileStream stream = new(Control, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return true;
        }
        catch (Exception error) when (error is IOException or NotSupportedException)
        {
            return false;
        }
    }
}
