using System.Diagnostics;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>This test program, started as a process of its own: the driver is chosen once in a process.</summary>
internal static class ChildProcess
{
    public static (int ExitCode, string Output) Run(string[] arguments, params (string Name, string? Value)[] environment)
    {
        // Published there is a program, and perhaps no `dotnet`; under `dotnet test` this process is the test host.
        const string Program = "YoloZeroCopy.Cuda.Tests";
        ProcessStartInfo start = Path.GetFileName(Environment.ProcessPath) is Program or $"{Program}.exe"
            ? new(Environment.ProcessPath!, arguments)
            : new("dotnet", [Path.Combine(AppContext.BaseDirectory, $"{Program}.dll"), .. arguments]);
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
