using System.Runtime.CompilerServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>A test on the real driver. Skipped only where there is no driver or no device; YZC_REQUIRE_GPU=1 turns that into a failure.</summary>
/// <remarks>A driver that is there and does not work is a failure: absence alone is a reason to skip.</remarks>
[AttributeUsage(AttributeTargets.Method)]
public sealed class GpuFactAttribute : FactAttribute
{
    public GpuFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
        : base(file, line)
    {
        DriverOpening opened = CudaDriver.Opened;
        bool isAbsent = opened.Problem is DriverProblem.NoLibrary or DriverProblem.NoDevice;
        if (isAbsent && Environment.GetEnvironmentVariable("YZC_REQUIRE_GPU") != "1")
        {
            Skip = opened.Reason;
        }
    }
}
