using System.Globalization;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cli;

/// <summary>What a result says of the host; also compiled into benchmarks/YoloZeroCopy.Results, whose tables tell machines apart by it.</summary>
internal static class HostMachine
{
    private const string CpuInfo = "/proc/cpuinfo";
    private const string LoadFile = "/proc/loadavg";

    public static string System => $"{RuntimeInformation.OSDescription} ({RuntimeInformation.RuntimeIdentifier})";

    /// <summary>Now, in UTC.</summary>
    public static string Date => DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>The processor's name, or its architecture where nobody names it.</summary>
    public static string ProcessorName()
    {
        string? name = null;
        try
        {
            name = File.Exists(CpuInfo) ? ProcessorNameIn(File.ReadLines(CpuInfo)) : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A description is not worth a failure.
        }

        return name ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    /// <summary>The processor's name from the text of <c>/proc/cpuinfo</c>; null when it names none, as on many ARM systems.</summary>
    public static string? ProcessorNameIn(IEnumerable<string> lines) => lines
        .Where(static line => line.StartsWith("model name", StringComparison.Ordinal))
        .Select(static line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
        .FirstOrDefault(static name => name.Length > 0);

    /// <summary>Load average of the last minute; null on systems without.</summary>
    public static double? CurrentLoad()
    {
        try
        {
            return File.Exists(LoadFile) ? double.Parse(File.ReadAllText(LoadFile).Split(' ')[0], CultureInfo.InvariantCulture) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            // A description is not worth a failure.
            return null;
        }
    }
}
