using YoloZeroCopy.Gpu.Tests;

// `--child NAME` is how tests start this program as a process of its own; without it the program runs its tests.
return args is ["--child", string name, ..]
    ? await Children.RunAsync(name)
    : await TestProgram.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
