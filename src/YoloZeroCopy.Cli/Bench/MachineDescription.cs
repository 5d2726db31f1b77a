using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>What a measurement was made on: without it a number says nothing.</summary>
internal sealed record MachineDescription(
    string System, string Processor, int Cores, long MemoryBytes, string DotNet, string Engine, string Graph, string Date)
{
    private const string CpuInfo = "/proc/cpuinfo";

    public static MachineDescription Of(YoloDetector detector) => new(
        $"{RuntimeInformation.OSDescription} ({RuntimeInformation.RuntimeIdentifier})",
        ProcessorName(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        RuntimeInformation.FrameworkDescription,
        detector.Device,
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
