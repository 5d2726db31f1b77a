using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;
using YoloZeroCopy.Tests;

// The options are how tests start this program as a process of its own; without them it runs its tests.
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
        return await TestProgram.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
}
