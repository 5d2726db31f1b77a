using System.Diagnostics;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>This test program, started as a process of its own: the driver is chosen once in a process.</summary>
internal static class ChildProcess
{
    public static (int ExitCode, string Output) Run(string[] arguments, params (string Name, string? Value)[] environment)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, arguments);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        foreach ((string name, string? value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, (output + errors.GetAwaiter().GetResult()).Trim());
    }
}
