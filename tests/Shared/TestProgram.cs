using Microsoft.Testing.Platform.Builder;
using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace YoloZeroCopy.Tests;

/// <summary>Runs the tests of this program, in this process: what xunit's generated entry point does, for programs that have one of their
/// own.</summary>
internal static class TestProgram
{
    /// <param name="args">The program's arguments: xunit's options, or what `dotnet test` gives.</param>
    /// <param name="addExtensions">The method that the build generates.</param>
    /// <returns>The exit code: 0 when no test failed.</returns>
    public static async Task<int> RunAsync(string[] args, Action<ITestApplicationBuilder, string[]> addExtensions) => args.Contains("--server")
        ? await TestPlatformTestFramework.RunAsync(args, addExtensions)
        : await ConsoleRunner.Run(args);
}
