using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>The built tool, run as users run it: as a process.</summary>
internal sealed partial class YzcProcess : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly Process process;
    private readonly Task<string> output;
    private readonly Task<string> error;

    private YzcProcess(ProcessStartInfo start)
    {
        process = Process.Start(start) ?? throw new InvalidOperationException("The process did not start.");
        output = process.StandardOutput.ReadToEndAsync();
        error = process.StandardError.ReadToEndAsync();
    }

    public static string Host => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>The tool's own output folder holds the native libraries, the tests' folder does not.</summary>
    public static string ToolPath
    {
        get
        {
            DirectoryInfo folder = new(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
            string path = Path.Combine(folder.Parent!.Parent!.FullName, "YoloZeroCopy.Cli", folder.Name, "yzc.dll");
            return File.Exists(path) ? path : throw new InvalidOperationException($"'{path}' is missing; build src/YoloZeroCopy.Cli.");
        }
    }

    public static YzcResult Run(params string[] arguments) => Run([], arguments);

    public static YzcResult Run((string Name, string Value)[] environment, params string[] arguments)
    {
        using YzcProcess process = Start(environment, arguments);
        return process.WaitForEnd();
    }

    public static YzcProcess Start((string Name, string Value)[] environment, params string[] arguments) =>
        StartProgram(Host, environment, [ToolPath, .. arguments]);

    /// <summary>Runs a line of shell in which <c>yzc</c> is the tool.</summary>
    public static YzcResult RunShell(string script)
    {
        using YzcProcess process = StartProgram("/bin/bash", [], ["-c", $"yzc() {{ '{Host}' '{ToolPath}' \"$@\"; }}; {script}"]);
        return process.WaitForEnd();
    }

    public void Signal(int number) => Assert.Equal(0, Kill(process.Id, number));

    public bool HasExited => process.HasExited;

    /// <summary>Waits until the tool has loaded a library, on Linux: what it does before that is done.</summary>
    public void WaitUntilLoaded(string library)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!File.ReadAllText($"/proc/{process.Id}/maps").Contains(library, StringComparison.Ordinal))
        {
            Assert.False(process.HasExited, $"yzc ended before it loaded {library}: {(process.HasExited ? error.Result : "")}");
            Assert.True(watch.Elapsed < Limit, $"yzc did not load {library} in {Limit}.");
            Thread.Sleep(20);
        }
    }

    public YzcResult WaitForEnd()
    {
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"yzc did not end in {Limit}: {error.Result}");
        }

        // A run that takes long tells how far it is: whether it does depends on the machine. Every run ends in a summary.
        ILookup<bool, string> messages = error.Result.Split('\n').ToLookup(static line => ToldOfRuns().IsMatch(line));
        IEnumerable<string> told = messages[true].Where(static line => !line.StartsWith("progress: ", StringComparison.Ordinal));
        return new YzcResult(process.ExitCode, output.Result, string.Join('\n', messages[false])) { Summary = [.. told] };
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    private static YzcProcess StartProgram(string program, (string Name, string Value)[] environment, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment.Remove("YZC_DEBUG");
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return new YzcProcess(start);
    }

    [GeneratedRegex("^(progress|done|stopped|speed|objects): ")]
    private static partial Regex ToldOfRuns();

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Kill(int process, int signal);
}

/// <summary>How the tool ended and what it said.</summary>
internal sealed record YzcResult(int ExitCode, string Output, string Error)
{
    /// <summary>The lines that <c>yzc detect</c> ends with on standard error, which are not in <see cref="Error"/>.</summary>
    public string[] Summary { get; init; } = [];

    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The tool failed as it should: with this code, these words and no stack trace.</summary>
    public void Failed(int code, params string[] words)
    {
        Assert.True(ExitCode == code, $"wanted {code}: {this}");
        Assert.StartsWith("yzc: ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        foreach (string word in words)
        {
            Assert.Contains(word, Error, StringComparison.Ordinal);
        }
    }

    public YzcResult Succeeded()
    {
        Assert.True(ExitCode == 0 && Error.Length == 0, ToString());
        return this;
    }
}
