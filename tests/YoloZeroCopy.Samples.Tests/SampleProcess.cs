using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>Runs a sample as its users do: as a process of its own.</summary>
internal static class SampleProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    /// <summary>Folder with the solution, from which the README's commands are typed.</summary>
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    public static Task<SampleResult> RunAsync(string sample, params string[] arguments) => RunAsync(sample, [], null, arguments);

    /// <param name="sample">Name of the sample.</param>
    /// <param name="environment">Variables to set.</param>
    /// <param name="whileRunning">Called with the process's id once it runs.</param>
    /// <param name="arguments">Its command line.</param>
    public static async Task<SampleResult> RunAsync(
        string sample, Dictionary<string, string> environment, Func<int, Task>? whileRunning, params string[] arguments)
    {
        ProcessStartInfo info = new("dotnet")
        {
            WorkingDirectory = RepositoryRoot,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, sample + ".dll"));
        foreach (string argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        foreach ((string name, string value) in environment)
        {
            info.Environment[name] = value;
        }

        using Process process = Process.Start(info)!;
        using CancellationTokenSource limit = new(Limit);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token);
            Task<string> errors = process.StandardError.ReadToEndAsync(limit.Token);
            if (whileRunning is not null)
            {
                await whileRunning(process.Id).WaitAsync(limit.Token);
            }

            await process.WaitForExitAsync(limit.Token);
            return new SampleResult(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{sample} did not end within {Limit}.");
        }
    }

    private static string FindRepositoryRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new DirectoryNotFoundException("The tests do not run inside the repository.");
    }
}

/// <summary>What a process left.</summary>
internal sealed record SampleResult(int ExitCode, string Output, string Errors);
