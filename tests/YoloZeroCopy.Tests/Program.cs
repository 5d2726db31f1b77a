using YoloZeroCopy.Tests;

// The options are how tests start this program as a process of its own; without them it runs its tests.
return args switch
{
    ["--produce", string socket] => await SharedChildren.ProduceAsync(socket),
    ["--serve", string socket] => await SharedChildren.ServeAsync(socket),
    ["--family", string program, string socket] => await SharedChildren.StartFamilyAsync(program, socket),
    _ => await TestProgram.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions),
};
