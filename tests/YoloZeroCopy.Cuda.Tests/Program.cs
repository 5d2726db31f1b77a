using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;
using YoloZeroCopy.Tests;

// The test program without `dotnet test`: dotnet publish tests/YoloZeroCopy.Cuda.Tests -c Release -r linux-x64 --self-contained
// -p:PublishSingleFile=true
// The first argument filters by name; the options are how tests start this program as a process of its own.
switch (args)
{
    case ["--describe-driver"]:
        Console.WriteLine(CudaDriver.TryInitialize(out string reason)
            ? $"{CudaDriver.Library} {CudaDriver.Version} {CudaDriver.DeviceCount}"
            : $"none: {reason}");
        return 0;
    case ["--fault"]:
        return FaultingKernel.Run();
    case ["--read-shared-memory", string handle, string eventHandle]:
        return SharedMemoryReader.Run(Convert.FromHexString(handle), Convert.FromHexString(eventHandle));
    default:
        return await InProcessRunner.RunAsync(typeof(SharedMemoryReader).Assembly, args);
}
