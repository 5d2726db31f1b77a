using YoloZeroCopy.Gpu.Tests;

// The test program without `dotnet test`: dotnet publish tests/YoloZeroCopy.Gpu.Tests -c Release -r linux-x64 --self-contained
// -p:PublishSingleFile=true -p:EnableCompressionInSingleFile=true -p:SkipNativeAssets=true
// The first argument filters by name; `--child NAME` is how tests start this program as a process of its own.
return args is ["--child", string name, ..]
    ? await Children.RunAsync(name)
    : await InProcessRunner.RunAsync(typeof(Children).Assembly, args);
