using System.ComponentModel;
using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>Builds and runs the small native programs that the kernels are checked with.</summary>
internal static class NativeProgram
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    /// <summary>Runs a program and returns what it printed; fails the test when it does not exit with 0.</summary>
    public static string Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} ran longer than {Limit}.");
        }

        Assert.True(process.ExitCode == 0,
            $"{program} {string.Join(' ', arguments)} exited with {process.ExitCode}:\n{output.Result}\n{errors.Result}");
        return output.Result;
    }

    /// <summary>Name of a C++17 compiler; skips the test where there is none.</summary>
    public static string Compiler()
    {
        foreach (string compiler in (string[])["g++", "clang++-19", "clang++"])
        {
            try
            {
                using Process? process =
                    Process.Start(new ProcessStartInfo(compiler, "--version") { RedirectStandardOutput = true, RedirectStandardError = true });
                if (process is not null && process.WaitForExit(Limit) && process.ExitCode == 0)
                {
                    return compiler;
                }
            }
            catch (Win32Exception)
            {
                // Not there: try the next.
            }
        }

        throw Xunit.Sdk.SkipException.ForSkip("No C++ compiler (g++, clang++) is on the path.");
    }

    public static string Source(string name) => Path.Combine(PreprocessingTestFrames.RepositoryRoot(), "native", "tests", "kernels", name);
}
