using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Cli;

/// <summary>What a measurement was made on: without it a number says nothing.</summary>
internal sealed partial record MachineDescription(
    string System, string Processor, int Cores, long MemoryBytes, string DotNet, string Version, double? Load, string Engine, string Graph,
    string Date)
{
    private const string CpuInfo = "/proc/cpuinfo";
    private const string LoadFile = "/proc/loadavg";

    /// <param name="detector">What was measured.</param>
    /// <param name="load">What else the machine did: <see cref="CurrentLoad"/> before the measurement.</param>
    public static MachineDescription Of(YoloDetector detector, double? load) => new(
        $"{RuntimeInformation.OSDescription} ({RuntimeInformation.RuntimeIdentifier})",
        ProcessorName(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        RuntimeInformation.FrameworkDescription,
        VersionAction.Version(),
        load,
        FolderOfFile().Replace(detector.Device, "("),
        detector.GraphChanges,
        DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("machine"u8);
        json.WriteString("os"u8, System);
        json.WriteString("cpu"u8, Processor);
        json.WriteNumber("cores"u8, Cores);
        json.WriteNumber("memory_bytes"u8, MemoryBytes);
        json.WriteString("dotnet"u8, DotNet);
        json.WriteString("version"u8, Version);
        if (Load is double load)
        {
            json.WriteNumber("load"u8, load);
        }

        json.WriteString("engine"u8, Engine);
        json.WriteString("graph"u8, Graph);
        json.WriteString("date"u8, Date);
        json.WriteEndObject();
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

    // Of a library's path: a description of a machine goes where folders of its users are of no concern.
    [GeneratedRegex(@"\((/|[A-Za-z]:\\)[^()]*[/\\]")]
    private static partial Regex FolderOfFile();

    private static string ProcessorName()
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
}
