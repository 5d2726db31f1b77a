using System.Runtime.InteropServices;

namespace InspectLine;

/// <summary>Describes the machine, so that a figure can be judged.</summary>
internal static class Machine
{
    public static string Processor
    {
        get
        {
            const string CpuInfo = "/proc/cpuinfo";
            string? line = File.Exists(CpuInfo)
                ? File.ReadLines(CpuInfo).FirstOrDefault(static line => line.StartsWith("model name", StringComparison.Ordinal)) : null;
            string model = line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':') + 1)..].Trim();
            return $"{model}, {Environment.ProcessorCount} cores in use";
        }
    }

    public static string System => $"{RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}";
}
