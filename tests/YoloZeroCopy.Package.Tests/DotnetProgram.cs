using System.Diagnostics;
using System.Text;

namespace YoloZeroCopy.Tests;

/// <summary>What a program printed and how it ended.</summary>
internal sealed record ProgramResult(string Command, int ExitCode, string Output, string Error)
{
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Fails the test, with everything the program said, when it did not end well.</summary>
    public ProgramResult Succeeded()
    {
        Assert.True(ExitCode == 0, ToString());
        return this;
    }

    public override string ToString() => $"`{Command}` ended with {ExitCode}.\n{Output}\n{Error}";
}

/// <summary>Runs `dotnet` and programs built by it, apart from the build or test run that this process belongs to.</summary>
internal static class DotnetProgram
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(15);

    /// <summary>Runs `dotnet`, with a packages folder of its own where one is given.</summary>
    public static ProgramResult Dotnet(string folder, string? packagesFolder, params string[] arguments) =>
        Run(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", folder, packagesFolder, arguments);

    /// <summary>Runs a program to its end, or ends it and what it started after a quarter of an hour.</summary>
    public static ProgramResult Run(string program, string folder, string? packagesFolder, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // Settings that an outer `dotnet test` hands down are not for an inner build.
        foreach (string name in Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(IsOfOuterBuild))
        {
            start.Environment.Remove(name);
        }

        if (packagesFolder is not null)
        {
            // Wins over globalPackagesFolder in every nuget.config: no package of an earlier run, or of the user, is ever taken.
            start.Environment["NUGET_PACKAGES"] = packagesFolder;
        }

        if (FindFfmpeg() is string ffmpeg)
        {
            start.Environment["YZC_FFMPEG"] = ffmpeg;
        }

        // Native libraries are to come out of packages only.
        start.Environment.Remove("YZC_ONNXRUNTIME");
        start.Environment.Remove("YZC_TENSORRT_SHIM");
        // Servers that outlive the command would keep its output pipes, and so this test, open. The compiler's keeps none, and is warm from the build
        // of these tests.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["UseSharedCompilation"] = "true";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";

        string command = $"{Path.GetFileName(program)} {string.Join(' ', arguments)}";
        StringBuilder output = new();
        StringBuilder error = new();
        using Process process = new() { StartInfo = start };
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(error, line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"`{command}` did not end in {Limit}.\n{output}\n{error}");
        }

        process.WaitForExit();
        return new ProgramResult(command, process.ExitCode, output.ToString(), error.ToString());
    }

    /// <summary>Skips the test when a publish failed because the SDK's parts that are packages, or the linker, cannot be had here.</summary>
    public static void SkipWhereThisMachineLacksAPart(ProgramResult result)
    {
        if (result.ExitCode == 0)
        {
            return;
        }

        // NU1101, NU1102: no source has the package, or not this version of it. Of ours that would be a failure.
        string? missing = result.Lines.FirstOrDefault(
            static line => (line.Contains("NU1101", StringComparison.Ordinal) || line.Contains("NU1102", StringComparison.Ordinal))
            && !line.Contains("package YoloZeroCopy", StringComparison.Ordinal));
        Assert.SkipWhen(missing is not null, $"The package sources of this machine lack a part of the SDK: {missing}");
        string? linker = result.Lines.FirstOrDefault(
            static line => line.Contains("Platform linker ('clang' or 'gcc') not found", StringComparison.Ordinal));
        Assert.SkipWhen(linker is not null, $"This machine has no platform linker: {linker}");
    }

    /// <summary>The machine's ffmpeg, else the one that the repository's build fetched; null where there is none.</summary>
    public static string? FindFfmpeg() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(static folder => Path.Combine(folder, "ffmpeg"))
            .Append(PackedPackages.Repository("eng", "native-assets", "node_modules", "@ffmpeg-installer", "linux-x64", "ffmpeg"))
            .FirstOrDefault(File.Exists);

    private static void Append(StringBuilder text, string? line)
    {
        lock (text)
        {
            text.AppendLine(line);
        }
    }

    private static bool IsOfOuterBuild(string name) =>
        name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase) || name.StartsWith("VSTEST", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Configuration", StringComparison.OrdinalIgnoreCase) || name.Equals("Platform", StringComparison.OrdinalIgnoreCase);
}
