using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Finds the ffmpeg program: option, <c>YZC_FFMPEG</c>, the application's <c>runtimes/</c>, PATH.</summary>
internal static class FfmpegProgram
{
    public const string Name = "ffmpeg";
    public const string Variable = "YZC_FFMPEG";

    /// <summary>Path of the program.</summary>
    /// <param name="option">What the caller asked for; no other place is tried then.</param>
    /// <exception cref="NativeLibraryException">It is in none of the places, which the message lists.</exception>
    public static string Find(string? option) => Find(option, Environment.GetEnvironmentVariable(Variable), AppContext.BaseDirectory, Environment.GetEnvironmentVariable("PATH"));

    internal static string Find(string? option, string? variable, string applicationFolder, string? searchPath)
    {
        if (!string.IsNullOrEmpty(option))
        {
            return File.Exists(option) ? option : throw NotFound($"the option names '{option}', which is no file");
        }

        if (!string.IsNullOrEmpty(variable))
        {
            return File.Exists(variable) ? variable : throw NotFound($"the variable {Variable} names '{variable}', which is no file");
        }

        string file = OperatingSystem.IsWindows() ? Name + ".exe" : Name;
        string bundled = Path.Combine(applicationFolder, "runtimes", Rid(), "native", file);
        if (File.Exists(bundled))
        {
            return bundled;
        }

        foreach (string folder in (searchPath ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
        {
            string candidate = Path.Combine(folder, file);
            if (Path.IsPathFullyQualified(candidate) && File.Exists(candidate))
            {
                return candidate;
            }
        }

        throw NotFound($"tried: option (not set), variable {Variable} (not set), '{bundled}', and every folder of PATH ('{searchPath}')");
    }

    private static NativeLibraryException NotFound(string tried) =>
        new(Name, $"the program was not found; {tried}. Video needs it: install ffmpeg (a separate program under its own licence) or name one by the option or {Variable}.");

    private static string Rid()
    {
        string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        string machine = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.Arm64 => "arm64",
            Architecture.X86 => "x86",
            Architecture.Arm => "arm",
            _ => "x64",
        };
        return $"{system}-{machine}";
    }
}
