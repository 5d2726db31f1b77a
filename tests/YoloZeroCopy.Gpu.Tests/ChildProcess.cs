using System.Diagnostics;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>This test program as a process of its own: for what is chosen once in a process, and for faults that must not reach other
/// tests.</summary>
internal static class ChildProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    public static (int ExitCode, string Output) Run(string name, params (string Name, string? Value)[] environment) =>
        Run(name, Limit, environment);

    public static (int ExitCode, string Output) Run(string name, TimeSpan limit, params (string Name, string? Value)[] environment)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, ["--child", name]);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        foreach ((string variable, string? value) in environment)
        {
            start.Environment[variable] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
        }

        process.WaitForExit();
        return (process.ExitCode, (output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult()).Trim());
    }
}
