using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Says what of a machine is not as it should be, and why a running detector is as slow as it is.</summary>
/// <remarks>Any thread. It changes nothing.</remarks>
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

    /// <summary>Watches a detector while it works, and names what its frames are slowed by, with the figures that show it.</summary>
    /// <param name="detector">A detector that is given frames meanwhile.</param>
    /// <param name="options">How long, and what rate is to come; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the watch without a report.</param>
    /// <returns>The report, when the time is over.</returns>
    /// <remarks>
    /// A thread of its own counts what is where some hundred times a second, and on CUDA events take the times of up to 2,048 batches, which costs a
    /// little. A detector that nobody watches pays nothing. The garbage collector and the thread pool are those of the whole process.
    /// </remarks>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="InvalidOperationException">Somebody else watches this detector.</exception>
    /// <exception cref="OperationCanceledException">From the task: cancelled.</exception>
    /// <exception cref="ObjectDisposedException">From the task: the detector, on a GPU, was disposed meanwhile.</exception>
    public static Task<LatencyReport> WatchAsync(
        YoloDetector detector, WatchOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(detector);
        options = options is null ? new WatchOptions() : options with { };
        options.Validate();
        return RunWatch.RunAsync(detector, options, cancellationToken);
    }

    /// <summary>A device that findings are about; null where none is to be used, or there is none.</summary>
    internal static CudaDevice? DeviceOf(DetectorOptions options) =>
        options.Device == Device.Cpu || !CudaDriver.TryInitialize(out _) ? null
        : !options.Device.IsCuda ? CudaDevice.Get(0)
        : options.Device.CudaOrdinal < CudaDriver.DeviceCount ? CudaDevice.Get(options.Device.CudaOrdinal) : null;
}
