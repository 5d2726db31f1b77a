using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Says what of a machine is not as it should be.</summary>
/// <remarks>Any thread. It changes nothing, and takes no memory of a GPU.</remarks>
public static class Doctor
{
    /// <summary>Looks at driver, device, libraries and system, and says of each whether it is as it should be, and what mends it.</summary>
    /// <param name="options">The options that a detector is to be opened with: device, and where libraries are; null for the defaults.</param>
    /// <returns>The findings. What is absent is a finding, too, and no exception.</returns>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static EnvironmentReport ExamineEnvironment(DetectorOptions? options = null)
    {
        options ??= new DetectorOptions();
        options.Validate();
        return new EnvironmentReport(
            [.. DeviceFindings.Read(options), .. LibraryFindings.Read(options), .. SystemFindings.Read(SystemFiles.OfThisMachine)]);
    }

    /// <summary>A device that findings are about; null where none is to be used, or there is none.</summary>
    internal static CudaDevice? DeviceOf(DetectorOptions options) =>
        options.Device == Device.Cpu || !CudaDriver.TryInitialize(out _) ? null
        : !options.Device.IsCuda ? CudaDevice.Get(0)
        : options.Device.CudaOrdinal < CudaDriver.DeviceCount ? CudaDevice.Get(options.Device.CudaOrdinal) : null;
}
