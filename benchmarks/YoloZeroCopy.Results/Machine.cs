using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using YoloZeroCopy.Cli;

namespace YoloZeroCopy.Results;

/// <summary>What a result file was measured on.</summary>
/// <param name="Cpu">The processor.</param>
/// <param name="Cores">Cores of it that the process could use.</param>
/// <param name="Gpu">The graphics card; null where none was used.</param>
/// <param name="Driver">Its driver.</param>
/// <param name="System">Operating system.</param>
/// <param name="DotNet">Runtime.</param>
/// <param name="Version">Version of what was measured, with its commit.</param>
/// <param name="Load">Load average of the minute before; null where unknown.</param>
/// <param name="Date">When, in UTC.</param>
internal sealed record Machine(
    string Cpu, int Cores, string? Gpu, string? Driver, string System, string DotNet, string Version, double? Load, string Date)
{
    /// <summary>What makes two files comparable: a number of another processor or card is no change.</summary>
    public string Hardware => string.Create(CultureInfo.InvariantCulture, $"{(Gpu is null ? "" : Gpu + ", ")}{Cpu}, {Cores} cores");

    public string Day => Date.Length >= 10 ? Date[..10] : Date;

    /// <summary>This machine, now.</summary>
    /// <param name="measured">Assembly whose version is measured.</param>
    /// <param name="gpu">The graphics card, where one is used.</param>
    public static Machine Here(Assembly measured, string? gpu = null) => new(
        HostMachine.ProcessorName(),
        Environment.ProcessorCount,
        gpu,
        null,
        HostMachine.System,
        RuntimeInformation.FrameworkDescription,
        measured.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown",
        HostMachine.CurrentLoad(),
        HostMachine.Date);

    public static Machine Read(JsonElement file)
    {
        JsonElement machine = file.GetProperty("machine");
        JsonElement device = file.TryGetProperty("cuda", out JsonElement cuda) ? cuda : machine;
        return new Machine(
            Text(machine, "cpu") ?? "unknown",
            machine.GetProperty("cores").GetInt32(),
            Text(device, "device"),
            Text(device, "driver"),
            Text(machine, "os") ?? "unknown",
            Text(machine, "dotnet") ?? "unknown",
            Text(machine, "version") ?? "unknown",
            machine.TryGetProperty("load", out JsonElement load) && load.ValueKind == JsonValueKind.Number ? load.GetDouble() : null,
            Text(machine, "date") ?? throw new ResultException("it has no date"));
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("machine");
        json.WriteString("os", System);
        json.WriteString("cpu", Cpu);
        json.WriteNumber("cores", Cores);
        if (Gpu is not null)
        {
            json.WriteString("device", Gpu);
            json.WriteString("driver", Driver);
        }

        json.WriteString("dotnet", DotNet);
        json.WriteString("version", Version);
        if (Load is double load)
        {
            json.WriteNumber("load", load);
        }

        json.WriteString("date", Date);
        json.WriteEndObject();
    }

    private static string? Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
