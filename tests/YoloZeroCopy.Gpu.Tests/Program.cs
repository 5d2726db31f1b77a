using YoloZeroCopy.Gpu.Tests;

// `--child NAME` is how tests start this program as a process of its own; without it the program runs its tests.
// `--shared-rate` prints the rate of frames of another process beside that of frames of this one.
// `--ipc` prints the rate of frames that another process writes on the device, and what CUDA does when one of two processes is killed.
// `--doctor-matrix [ROUNDS] [cpu]` prints what the doctor says of every provoked cause, for docs/doctor.md.
switch (args)
{
    case ["--child", string name, ..]:
        return await Children.RunAsync(name);
    case ["--shared-rate"]:
        await SharedRate.MeasureAsync();
        return 0;
    case ["--ipc"]:
        Console.WriteLine(await GpuIpcTests.MeasureRateAsync());
        IpcDeaths.Print();
        return 0;
    case ["--doctor-matrix", .. string[] rest]:
        int rounds = rest is [string number, ..] ? int.Parse(number, System.Globalization.CultureInfo.InvariantCulture) : 3;
        IEnumerable<Provocation> provocations = rest.Contains("cpu")
            ? ProcessorProvocations.All
            : [.. ProcessorProvocations.All, .. GpuProvocations.All, GpuProvocations.Idle];
        Console.WriteLine(await ConfusionMatrix.MeasureAsync(provocations, rounds, TimeSpan.FromSeconds(2)));
        return 0;
    default:
        return await TestProgram.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
}
