using MultiCamera.Tests;
using MultiCamera.Tests.Outlets;

// The option is how a test starts an outlet as a process of its own, to be killed; without it the program runs its tests.
if (args is [OutletProcess.Option, .. string[] arguments])
{
    await OutletProcess.RunAsync(arguments);
}

return await TestProgram.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
