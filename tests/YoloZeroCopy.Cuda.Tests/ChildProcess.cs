using System.Diagnostics;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>This test program, started as a process of its own: the driver is chosen once in a process.</summary>
internal static class ChildProcess
{
    public static (int ExitCode, string Output) Run(string[] arguments, params (string Name, string? Value)[] environment)
    {
        // Published as one file there is no assembly on disk, and this process is the program; under `dotnet test` it is the test host.
        string assembly = Path.Combine(AppContext.BaseDirectory, "YoloZeroCopy.Cuda.Tests.dll");
        ProcessStartInfo start = File.Exists(assembly)
            ? new("dotnet", [assembly, .. arguments])
            : new(Environment.ProcessPath!, arguments);
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
