using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Cli;

/// <summary>What a measurement was made on: without it a number says nothing.</summary>
internal sealed partial record MachineDescription(
    string System, string Processor, int Cores, long MemoryBytes, string DotNet, string Version, double? Load, string Engine, string Graph,
    string Date)
{
    /// <param name="detector">What was measured.</param>
    /// <param name="load">What else the machine did: <see cref="HostMachine.CurrentLoad"/> before the measurement.</param>
    public static MachineDescription Of(YoloDetector detector, double? load) => new(
        HostMachine.System,
        HostMachine.ProcessorName(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        RuntimeInformation.FrameworkDescription,
        VersionAction.Version(),
        load,
        FolderOfFile().Replace(detector.Device, "("),
        detector.GraphChanges,
        HostMachine.Date);

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

    // Of a library's path: a description of a machine goes where folders of its users are of no concern.
    [GeneratedRegex(@"\((/|[A-Za-z]:\\)[^()]*[/\\]")]
    private static partial Regex FolderOfFile();
}
