using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MultiCamera.Tests.Web;

/// <summary>The program of the sample with settings of a test, as a process.</summary>
internal sealed partial class SiteProcess : IAsyncDisposable
{
    // For a machine that does much else.
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private readonly Process process;
    private readonly ConcurrentQueue<string> output = new();
    private readonly TaskCompletionSource<Uri> address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SiteProcess(string settings, IReadOnlyDictionary<string, string> environment)
    {
        ProcessStartInfo start = new(Path.Combine(AppContext.BaseDirectory, "MultiCamera"), [settings])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetDirectoryName(settings),
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Take(line.Data);
        process.ErrorDataReceived += (_, line) => Take(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The model and the clip of the samples, beside the tests.</summary>
    public static string Model => Path.Combine(AppContext.BaseDirectory, "conveyor.onnx");

    public static string Clip => Path.Combine(AppContext.BaseDirectory, "conveyor.mp4");

    public HttpClient Client { get; } = new();

    public Uri Address => address.Task.Result;

    public string Output => string.Join(Environment.NewLine, output);

    public int Id => process.Id;

    /// <summary>Ids of the alarms that every outlet has kept, as the program tells it, in the order it told them.</summary>
    public IReadOnlyList<string> Kept =>
        [.. output.Select(line => KeptAlarm.Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value)];

    /// <summary>Megabytes of memory that it has now.</summary>
    public double Megabytes()
    {
        process.Refresh();
        return process.WorkingSet64 / 1e6;
    }

    /// <summary>Ids of the programs that it has started and that run now.</summary>
    public int[] Children() => [.. Directory.GetDirectories($"/proc/{process.Id}/task")
        .SelectMany(thread => File.ReadAllText(Path.Combine(thread, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Select(id => int.Parse(id, CultureInfo.InvariantCulture))];

    /// <summary>Writes the settings at once: a program that runs may look at any moment, and would find half of what is written in place.</summary>
    public static void WriteSettings(TempFolder folder, string settings)
    {
        File.WriteAllText(folder.File("site.json.new"), settings);
        File.Move(folder.File("site.json.new"), folder.File("site.json"), overwrite: true);
    }

    /// <summary>Starts it and waits until its page listens.</summary>
    public static async Task<SiteProcess> StartAsync(TempFolder folder, string settings, IReadOnlyDictionary<string, string>? environment = null)
    {
        WriteSettings(folder, settings);
        SiteProcess site = new(folder.File("site.json"), environment ?? new Dictionary<string, string>());
        try
        {
            Task ended = site.process.WaitForExitAsync();
            Assert.True(await Task.WhenAny(site.address.Task, ended, Task.Delay(Limit)) == site.address.Task, site.Output);
            site.Client.BaseAddress = site.Address;
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks again and again until an answer is as wanted.</summary>
    public async Task<JsonElement> WaitForAsync(string path, Func<JsonElement, bool> isWanted)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            JsonElement answer = await Client.GetFromJsonAsync<JsonElement>(path);
            if (isWanted(answer))
            {
                return answer;
            }

            Assert.True(Stopwatch.GetElapsedTime(start) < Limit, $"{path} says {answer}\n{Output}");
            await Task.Delay(100);
        }
    }

    /// <summary>Asks it to end, as a service manager does.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> StopAsync()
    {
        using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        using CancellationTokenSource limit = new(Limit);
        await process.WaitForExitAsync(limit.Token);
        return process.ExitCode;
    }

    /// <summary>Ends it as a lack of memory or of power does. What it has printed until then was read afterwards.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        process.Dispose();
    }

    [GeneratedRegex(@"Now listening on: (\S+)")]
    private static partial Regex Listening { get; }

    [GeneratedRegex(@"Alarm ([0-9a-f]{32}) of camera \S+ is kept: ")]
    private static partial Regex KeptAlarm { get; }

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        output.Enqueue(line);
        if (Listening.Match(line) is { Success: true } match)
        {
            _ = address.TrySetResult(new Uri(match.Groups[1].Value));
        }
    }
}
