using System.Collections.Concurrent;
using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>A service that runs until it is told to end, and what it has printed so far.</summary>
internal sealed class RunningProgram : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly ConcurrentQueue<string> lines = new();
    private readonly Process process;

    public RunningProgram(string assembly, string folder, params (string Name, string Value)[] environment)
    {
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [assembly])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("YZC_ONNXRUNTIME");
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Output => string.Join('\n', lines);

    /// <summary>Waits for a line with this in it; fails when the program ends before.</summary>
    public async Task<string> LineAsync(string part)
    {
        using CancellationTokenSource limit = new(Limit);
        while (true)
        {
            bool hasEnded = process.HasExited;
            if (lines.FirstOrDefault(line => line.Contains(part, StringComparison.Ordinal)) is string found)
            {
                return found;
            }

            Assert.False(hasEnded || limit.IsCancellationRequested, $"No '{part}' in:\n{Output}");
            await Task.Delay(20);
        }
    }

    /// <summary>Tells it to end as a service manager does, and waits for its end.</summary>
    public async Task<int> TerminateAsync()
    {
        using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        using CancellationTokenSource limit = new(Limit);
        await process.WaitForExitAsync(limit.Token);
        return process.ExitCode;
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            lines.Enqueue(line);
        }
    }
}
