using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using Fleet;

namespace YoloZeroCopy.Tests.Live;

/// <summary>Redis, NATS and nodes on this machine, and what came of it.</summary>
internal sealed class LiveFleet : IAsyncDisposable
{
    public const string Cluster = "test";

    private readonly TempFolder folder = new();
    private readonly List<NodeProcess> nodes = [];
    private readonly Dictionary<string, string> environment;
    private Watcher? watcher;

    // Real cameras where there is a model, simulated ones where there is none.
    public LiveFleet(
        double fps = 5, double period = 20, double visible = 10, double resultSeconds = 0.25, int capacity = 1000, double probeSeconds = 1,
        string? model = null)
    {
        (Period, Visible) = (period, visible);
        Redis = ServerProcess.Redis(folder.File("redis"));
        Nats = ServerProcess.Nats(folder.File("nats"));
        environment = new(StringComparer.Ordinal)
        {
            ["Logging__LogLevel__YoloZeroCopy"] = "Debug",
            ["Fleet__Cluster"] = Cluster,
            ["Fleet__Redis"] = $"127.0.0.1:{Redis.Port}",
            ["Fleet__Nats"] = NatsUrl,
            ["Fleet__DataFolder"] = folder.File("data"),
            ["Fleet__Capacity"] = $"{capacity}",
            ["Fleet__ResultInterval"] = TimeSpan.FromSeconds(resultSeconds).ToString("c", CultureInfo.InvariantCulture),
            ["Fleet__ProbeTimeout"] = TimeSpan.FromSeconds(probeSeconds).ToString("c", CultureInfo.InvariantCulture),
            ["Simulation__FramesPerSecond"] = fps.ToString(CultureInfo.InvariantCulture),
            ["Simulation__Period"] = period.ToString(CultureInfo.InvariantCulture),
            ["Simulation__Visible"] = visible.ToString(CultureInfo.InvariantCulture),
            ["Detector__Model"] = model ?? "",
            ["Detector__Device"] = "cpu",
            ["Detector__AlarmClass"] = "bolt",
        };
    }

    public ServerProcess Redis { get; }

    public ServerProcess Nats { get; }

    public double Period { get; }

    public double Visible { get; }

    public string NatsUrl => $"nats://127.0.0.1:{Nats.Port}";

    public Watcher Watcher => watcher!;

    public IReadOnlyList<NodeProcess> Nodes => nodes;

    public async Task StartServersAsync()
    {
        await Redis.StartAsync();
        await Nats.StartAsync();
        watcher = new Watcher(NatsUrl, Cluster);
    }

    public NodeProcess AddNode(string name)
    {
        NodeProcess node = new(name, environment);
        nodes.Add(node);
        node.Start();
        return node;
    }

    /// <summary>Waits until these nodes, and no others, are in every one's plan.</summary>
    public async Task TogetherAsync(params NodeProcess[] members)
    {
        string wanted = string.Join(',', members.Select(static node => node.Name).Order(StringComparer.Ordinal));
        string seen = "";
        await Until.TrueAsync(
            async () =>
            {
                foreach (NodeProcess node in members)
                {
                    seen = await PresentAsync(node);
                    if (seen != wanted)
                    {
                        return false;
                    }
                }

                return true;
            },
            () => $"{wanted} are to be together; seen: '{seen}'\n{string.Join('\n', members.Select(static node => node.Output))}");
    }

    public async Task AddCamerasAsync(NodeProcess at, int count)
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (number, _) =>
        {
            using HttpResponseMessage answer = await PutAsync(at, Name(number));
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(CancellationToken.None));
        });
    }

    public static string Name(int camera) => $"cam{camera:D4}";

    public static Task<HttpResponseMessage> PutAsync(NodeProcess at, string camera, string source = "simulated") =>
        at.Client.PutAsJsonAsync($"/fleet/cameras/{camera}", new { source });

    public static async Task SetCapacityAsync(NodeProcess at, string node, int capacity)
    {
        using HttpResponseMessage answer = await at.Client.PutAsJsonAsync($"/fleet/nodes/{node}", new { capacity });
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    /// <summary>Waits until a node knows that all together carry so many.</summary>
    public static Task CapacityAsync(NodeProcess at, long capacity) => Until.TrueAsync(
        async () => (await at.Client.GetFromJsonAsync<FleetStatusBody>("/fleet"))!.Capacity == capacity, () => at.Output);

    /// <summary>Waits until NATS has frames of all cameras by these nodes, newer than a time.</summary>
    public async Task RunningAsync(int cameras, DateTimeOffset since, params NodeProcess[] by)
    {
        HashSet<string> names = [.. by.Select(static node => node.Name)];
        List<string> missing = [];
        await Until.TrueAsync(
            () =>
            {
                missing = [.. Enumerable.Range(0, cameras).Select(Name)
                    .Where(camera => Watcher.Of(camera).LastAt < since || !names.Contains(Watcher.Of(camera).Owner ?? ""))];
                return missing.Count == 0;
            },
            () => $"{missing.Count} cameras do not run: {string.Join(' ', missing.Take(10))}\n"
                + $"{string.Join('\n', by.Select(static node => node.Output))}");
    }

    /// <summary>Cameras of each node, as the nodes say.</summary>
    public static async Task<Dictionary<string, int>> SharesAsync(params NodeProcess[] of)
    {
        Dictionary<string, int> shares = new(StringComparer.Ordinal);
        foreach (NodeProcess node in of)
        {
            shares[node.Name] = (await node.ReportAsync())?.Cameras.Count(static camera => camera.State == FleetCameraState.Running) ?? 0;
        }

        return shares;
    }

    /// <summary>Waits until each node has its share of cameras, within a tenth, by capacities that are equal.</summary>
    /// <returns>When.</returns>
    public async Task<DateTimeOffset> BalancedAsync(int cameras)
    {
        Dictionary<string, int> shares = [];
        double fair = cameras / (double)nodes.Count;
        await Until.TrueAsync(
            async () =>
            {
                shares = await SharesAsync([.. nodes]);
                return shares.Values.Sum() == cameras && shares.Values.All(share => Math.Abs(share - fair) <= Math.Ceiling(fair / 10));
            },
            () => string.Join(' ', shares));
        DateTimeOffset at = DateTimeOffset.UtcNow;
        await RunningAsync(cameras, at, [.. nodes]);
        return at;
    }

    public string[] OwnedBy(NodeProcess node, int cameras) =>
        [.. Enumerable.Range(0, cameras).Select(Name).Where(camera => Watcher.Of(camera).Owner == node.Name)];

    public Dictionary<string, long> Epochs(int cameras) =>
        Enumerable.Range(0, cameras).Select(Name).ToDictionary(static camera => camera, camera => Watcher.Of(camera).Epoch);

    /// <summary>Seconds until the last of some cameras had a frame of its new owner, as NATS has it.</summary>
    public double LastFirstFrame(string[] cameras, DateTimeOffset since) =>
        cameras.Select(camera => (Watcher.Of(camera).FirstFrameAt - since).TotalSeconds).DefaultIfEmpty().Max();

    /// <summary>Seconds until the last of some cameras was taken over.</summary>
    public double LastTaken(string[] cameras, DateTimeOffset since) =>
        cameras.Select(camera => (Watcher.Of(camera).TakenAt - since).TotalSeconds).DefaultIfEmpty().Max();

    /// <summary>Frames of each camera, as the nodes say.</summary>
    public async Task<Dictionary<string, long>> FramesAsync()
    {
        Dictionary<string, long> frames = new(StringComparer.Ordinal);
        foreach (NodeProcess node in nodes)
        {
            foreach (CameraReport camera in (await node.ReportAsync())?.Cameras ?? [])
            {
                frames[camera.Id] = camera.Frames;
            }
        }

        return frames;
    }

    /// <summary>The ground truth: incidents of a camera that began in a time.</summary>
    public IEnumerable<long> Incidents(string camera, DateTimeOffset from, DateTimeOffset until)
    {
        double phase = SimulatedCameras.Phase(camera);
        long first = (long)Math.Ceiling((Seconds(from) / Period) - phase);
        for (long incident = first; (incident + phase) * Period < Seconds(until); incident++)
        {
            yield return incident;
        }
    }

    /// <summary>Checks that every incident that began in a time was reported, once, and that NATS took nothing of a former owner.</summary>
    /// <returns>How many there were.</returns>
    public async Task<int> CheckAlarmsAsync(int cameras, DateTimeOffset from, DateTimeOffset until)
    {
        HashSet<string> wanted = [.. Enumerable.Range(0, cameras).Select(Name)
            .SelectMany(camera => Incidents(camera, from, until).Select(incident => $"{camera}/{incident}"))];
        List<string> missing = [];
        await Until.TrueAsync(
            () =>
            {
                HashSet<string> got = [.. Watcher.Alarms.Select(static alarm => $"{alarm.Camera}/{alarm.Key}")];
                missing = [.. wanted.Where(alarm => !got.Contains(alarm))];
                return missing.Count == 0;
            },
            () => $"{missing.Count} of {wanted.Count} alarms are missing: {string.Join(' ', missing.Take(20).Select(Explain))}");
        string[] twice = [.. Watcher.Alarms.GroupBy(static alarm => $"{alarm.Camera}/{alarm.Key}").Where(static alarms => alarms.Count() > 1)
            .Select(static alarms =>
                $"{alarms.Key}: {string.Join(", ", alarms.Select(static alarm => $"{alarm.Node} {alarm.Epoch}:{alarm.Number}"))}")];
        Assert.True(twice.Length == 0, $"{twice.Length} alarms came more than once: {string.Join("; ", twice.Take(10))}");
        Assert.True(Watcher.Violations.IsEmpty, string.Join('\n', Watcher.Violations.Take(10)));
        return wanted.Count;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (NodeProcess node in nodes)
        {
            node.Dispose();
        }

        if (watcher is not null)
        {
            await watcher.DisposeAsync();
        }

        Nats.Dispose();
        Redis.Dispose();
        folder.Dispose();
    }

    private string Explain(string alarm)
    {
        string[] parts = alarm.Split('/');
        double begin = (double.Parse(parts[1], CultureInfo.InvariantCulture) + SimulatedCameras.Phase(parts[0])) * Period;
        return $"{alarm} (from {DateTimeOffset.FromUnixTimeMilliseconds((long)(begin * 1000)):HH:mm:ss.f})";
    }

    private static double Seconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1000.0;

    private static async Task<string> PresentAsync(NodeProcess node)
    {
        try
        {
            FleetStatusBody? status = await node.Client.GetFromJsonAsync<FleetStatusBody>("/fleet");
            return string.Join(',', status!.Present);
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            return error.Message;
        }
    }

    private sealed record FleetStatusBody(string[] Present, long Capacity);
}
