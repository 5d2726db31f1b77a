using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;

namespace YoloZeroCopy.Tests.Live;

/// <summary>A node: the program of the sample with simulated cameras, as a process.</summary>
internal sealed class NodeProcess : IDisposable
{
    private readonly ConcurrentQueue<string> output = new();
    private readonly IReadOnlyDictionary<string, string> environment;
    private Process? process;

    public NodeProcess(string name, IReadOnlyDictionary<string, string> environment)
    {
        (Name, this.environment) = (name, environment);
        int port = LocalPort.Free();
        Client.BaseAddress = new Uri($"http://127.0.0.1:{port}");
        SiloPort = LocalPort.Free();
    }

    public string Name { get; }

    public int SiloPort { get; }

    public HttpClient Client { get; } = new() { Timeout = TimeSpan.FromSeconds(30) };

    public string Output => string.Join(Environment.NewLine, output.TakeLast(60));

    /// <summary>What it printed of cameras.</summary>
    public string Said(params string[] cameras) =>
        string.Join('\n',
            output.Where(line => cameras.Any(camera => line.Contains(camera, StringComparison.Ordinal))).Select(line => $"{Name}: {line}"));

    /// <summary>Whether its process is there, running or paused.</summary>
    public bool IsThere => process is { HasExited: false };

    public bool IsPaused { get; private set; }

    public void Start()
    {
        IsPaused = false;
        process?.Dispose();
        Dictionary<string, string> all = new(environment, StringComparer.Ordinal)
        {
            ["Fleet__Node"] = Name,
            ["Fleet__SiloPort"] = $"{SiloPort}",
            ["Urls"] = $"{Client.BaseAddress}",
            // A node that Orleans ends leaves no core file.
            ["DOTNET_DbgEnableMiniDump"] = "0",
        };
        process = Child.Start(Path.Combine(AppContext.BaseDirectory, "Fleet"), [], all, Take);
    }

    /// <summary>What it says of itself; null while it does not answer.</summary>
    public async Task<NodeReport?> ReportAsync()
    {
        if (!IsThere || IsPaused)
        {
            return null;
        }

        try
        {
            return await Client.GetFromJsonAsync<NodeReport>("/fleet/node");
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException or IOException)
        {
            return null;
        }
    }

    public double Megabytes()
    {
        process!.Refresh();
        return process.WorkingSet64 / 1e6;
    }

    public TimeSpan ProcessorTime()
    {
        process!.Refresh();
        return process.TotalProcessorTime;
    }

    public void Kill()
    {
        process!.Kill();
        process.WaitForExit();
    }

    public void Pause()
    {
        Signal("STOP");
        IsPaused = true;
    }

    public void Wake()
    {
        Signal("CONT");
        IsPaused = false;
    }

    public void Terminate() => Signal("TERM");

    public async Task ExitAsync()
    {
        using CancellationTokenSource limit = new(Until.Limit);
        await process!.WaitForExitAsync(limit.Token);
    }

    public void Dispose()
    {
        if (IsThere)
        {
            Kill();
        }

        process?.Dispose();
        Client.Dispose();
    }

    private void Signal(string name)
    {
        using Process kill = Process.Start("/bin/kill", [$"-{name}", $"{process!.Id}"]);
        kill.WaitForExit();
    }

    private void Take(string line)
    {
        output.Enqueue($"{DateTime.UtcNow:HH:mm:ss.fff} {line}");
        while (output.Count > 5000)
        {
            _ = output.TryDequeue(out _);
        }
    }
}
