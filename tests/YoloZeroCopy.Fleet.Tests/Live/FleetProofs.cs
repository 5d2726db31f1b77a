using System.Diagnostics;
using System.Globalization;

namespace YoloZeroCopy.Tests.Live;

/// <summary>What a fleet must show, with figures. Minutes long and sensitive to load, so only on demand: YZC_FLEET_PROOFS=1, or for the chaos its
/// length, YZC_FLEET_CHAOS_SECONDS=600. Figures are also appended to the file that YZC_FLEET_FIGURES names.</summary>
public class FleetProofs
{
    [Fact]
    public Task A_killed_node() => RoundsAsync("killed with -9", rounds: 5, static node => node.Kill(), static (_, _, _) => Task.FromResult(""));

    [Fact]
    public Task A_paused_node() => RoundsAsync("paused 20 s", rounds: 3, static node => node.Pause(), static async (fleet, node, paused) =>
    {
        TimeSpan rest = paused + TimeSpan.FromSeconds(20) - DateTimeOffset.UtcNow;
        await Task.Delay(rest > TimeSpan.Zero ? rest : TimeSpan.Zero);
        DateTimeOffset woken = DateTimeOffset.UtcNow;
        node.Wake();
        await node.ExitAsync();
        return $"; woken, it ended itself after {(DateTimeOffset.UtcNow - woken).TotalSeconds:F2} s, and NATS took "
            + $"{fleet.Watcher.Violations.Count} messages of it";
    });

    [Fact]
    public Task A_node_that_is_told_to_stop() => RoundsAsync("SIGTERM", rounds: 5, static node => node.Terminate(), static async (_, node, told) =>
    {
        await node.ExitAsync();
        return $", process ended after {(DateTimeOffset.UtcNow - told).TotalSeconds:F2} s";
    });

    /// <summary>The most that a fleet can lose and run on. Whom the last node would ask whether the others are dead is dead, too.</summary>
    [Fact]
    public async Task Three_of_four_nodes_together()
    {
        SkipUnlessAsked();
        await using LiveFleet fleet = await ThreeAsync(cameras: 60, period: 40, visible: 30);
        _ = fleet.AddNode("d");
        await fleet.TogetherAsync([.. fleet.Nodes]);
        await fleet.BalancedAsync(60);
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        for (int round = 0; round < 4; round++)
        {
            NodeProcess last = fleet.Nodes[round];
            NodeProcess[] others = [.. fleet.Nodes.Where(node => node != last)];
            string[] owned = [.. others.SelectMany(node => fleet.OwnedBy(node, 60))];
            DateTimeOffset lost = DateTimeOffset.UtcNow;
            others[0].Pause();
            others[1].Kill();
            others[2].Kill();
            await fleet.RunningAsync(60, lost, last);
            double after = fleet.LastFirstFrame(owned, lost);
            Figure($"one of four paused and two killed at once: {owned.Length} cameras on the last one after {after:F2} s");
            others[0].Wake();
            await others[0].ExitAsync();
            foreach (NodeProcess node in others)
            {
                node.Start();
            }

            await fleet.TogetherAsync([.. fleet.Nodes]);
            await fleet.BalancedAsync(60);
        }

        Figure(
            $"one of four paused and two killed at once: {await fleet.CheckAlarmsAsync(60, begin, DateTimeOffset.UtcNow)} alarms, each once");
    }

    [Fact]
    public async Task A_node_that_comes()
    {
        SkipUnlessAsked();
        await using LiveFleet fleet = await ThreeAsync(cameras: 60);
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        Dictionary<string, long> epochs = fleet.Epochs(60);
        DateTimeOffset started = DateTimeOffset.UtcNow;
        NodeProcess node = fleet.AddNode("d");
        double seconds = await fleet.BalancedAsync(60) is { } at ? (at - started).TotalSeconds : 0;
        await Task.Delay(TimeSpan.FromSeconds(15));
        Dictionary<string, int> shares = await LiveFleet.SharesAsync([.. fleet.Nodes]);
        Dictionary<string, long> after = fleet.Epochs(60);
        Figure(
            $"a node comes: shares {string.Join(' ', shares.Values)} {seconds:F1} s after its process was started; "
            + $"{after.Count(camera => camera.Value > epochs[camera.Key])} cameras moved, at most "
            + $"{after.Max(camera => camera.Value - epochs[camera.Key])} times");

        epochs = fleet.Epochs(60);
        DateTimeOffset changed = DateTimeOffset.UtcNow;
        await LiveFleet.SetCapacityAsync(node, "d", 2000);
        await Task.Delay(TimeSpan.FromSeconds(15));
        shares = await LiveFleet.SharesAsync([.. fleet.Nodes]);
        after = fleet.Epochs(60);
        Figure(
            $"its capacity is doubled: shares {string.Join(' ', shares.Values)}; {after.Count(camera => camera.Value > epochs[camera.Key])} "
            + $"cameras moved, at most {after.Max(camera => camera.Value - epochs[camera.Key])} times");
        Assert.True(after.All(camera => camera.Value - epochs[camera.Key] <= 1));
        Figure($"a node comes: {await fleet.CheckAlarmsAsync(60, begin, DateTimeOffset.UtcNow)} alarms, each once");
    }

    [Theory]
    [InlineData("Redis")]
    [InlineData("NATS")]
    public async Task A_server_that_is_away(string name)
    {
        SkipUnlessAsked();
        await using LiveFleet fleet = await ThreeAsync(cameras: 60);
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        ServerProcess server = name == "Redis" ? fleet.Redis : fleet.Nats;
        Dictionary<string, long> epochs = fleet.Epochs(60);
        Dictionary<string, long> before = await fleet.FramesAsync();
        server.Kill();
        await Task.Delay(TimeSpan.FromSeconds(30));
        Dictionary<string, long> after = await fleet.FramesAsync();
        int queued = 0;
        foreach (NodeProcess node in fleet.Nodes)
        {
            queued += (await node.ReportAsync())!.QueuedAlarms;
        }

        double least = before.Min(camera => after[camera.Key] - camera.Value) / 30.0;
        await server.StartAsync();
        DateTimeOffset back = DateTimeOffset.UtcNow;
        await fleet.RunningAsync(60, back, [.. fleet.Nodes]);
        int alarms = await fleet.CheckAlarmsAsync(60, begin, back);
        Figure(
            $"{name} away for 30 s: cameras ran on with {least:F1} frames/s and more of 5, {queued} alarms waited, all {alarms} were there "
            + $"{(DateTimeOffset.UtcNow - back).TotalSeconds:F1} s after it was back, each once; "
            + $"{fleet.Epochs(60).Count(camera => camera.Value != epochs[camera.Key])} cameras moved");
        Assert.True(least > 1);
        Assert.All(fleet.Nodes, static node => Assert.True(node.IsThere));
        // What was away does its part again.
        DateTimeOffset killed = DateTimeOffset.UtcNow;
        fleet.Nodes[0].Kill();
        await fleet.RunningAsync(60, killed, fleet.Nodes[1], fleet.Nodes[2]);
        _ = await fleet.CheckAlarmsAsync(60, begin, DateTimeOffset.UtcNow);
    }

    [Fact]
    public async Task A_thousand_cameras_on_three_nodes()
    {
        SkipUnlessAsked();
        await using LiveFleet fleet = await ThreeAsync(cameras: 1000, fps: 2, period: 60, visible: 30, resultSeconds: 5);
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        Dictionary<string, long> before = await fleet.FramesAsync();
        TimeSpan[] used = [.. fleet.Nodes.Select(static node => node.ProcessorTime())];
        (TimeSpan redis, TimeSpan nats) = (fleet.Redis.ProcessorTime(), fleet.Nats.ProcessorTime());
        await Task.Delay(TimeSpan.FromSeconds(60));
        double seconds = (DateTimeOffset.UtcNow - begin).TotalSeconds;
        Dictionary<string, long> after = await fleet.FramesAsync();
        double[] rates = [.. after.Select(camera => (camera.Value - before.GetValueOrDefault(camera.Key)) / seconds)];
        double cores = fleet.Nodes.Zip(used, (node, time) => (node.ProcessorTime() - time).TotalSeconds / seconds).Sum();
        Figure(
            $"1,000 cameras on 3 nodes: {rates.Sum():F0} frames/s, each camera {rates.Min():F2} to {rates.Max():F2} of 2; {cores:F2} cores, "
            + $"{string.Join(' ', fleet.Nodes.Select(node => node.Megabytes().ToString("F0", CultureInfo.InvariantCulture)))} MB; shares "
            + $"{string.Join(' ', (await LiveFleet.SharesAsync([.. fleet.Nodes])).Values)}");
        Figure(
            $"1,000 cameras: Redis {(fleet.Redis.ProcessorTime() - redis).TotalSeconds / seconds:F3} cores, "
            + $"NATS {(fleet.Nats.ProcessorTime() - nats).TotalSeconds / seconds:F3}");
        NodeProcess dead = fleet.Nodes[1];
        string[] owned = fleet.OwnedBy(dead, 1000);
        DateTimeOffset killed = DateTimeOffset.UtcNow;
        dead.Kill();
        await fleet.RunningAsync(1000, killed, fleet.Nodes[0], fleet.Nodes[2]);
        Figure(
            $"1,000 cameras, a node killed: {owned.Length} cameras elsewhere after {fleet.LastFirstFrame(owned, killed):F2} s (by results that "
            + $"come every 5 s), taken over after {fleet.LastTaken(owned, killed):F2} s");
        Figure($"1,000 cameras: {await fleet.CheckAlarmsAsync(1000, begin, DateTimeOffset.UtcNow)} alarms, each once");
    }

    [Theory]
    [InlineData(1000, 3)]
    [InlineData(10_000, 30)]
    [InlineData(100_000, 300)]
    public void A_plan_of_many_cameras(int cameras, int nodes)
    {
        SkipUnlessAsked();
        FleetCamera[] all = [.. Enumerable.Range(0, cameras).Select(static number => new FleetCamera { Id = $"camera-{number}", Source = "s" })];
        Dictionary<string, int> capacities = Enumerable.Range(0, nodes).ToDictionary(static node => $"node-{node}", static _ => 400);
        _ = FleetPlan.Make(all, capacities);
        long start = Stopwatch.GetTimestamp();
        FleetPlan plan = FleetPlan.Make(all, capacities);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        int[] shares = [.. plan.NodeOf.Values.CountBy(static node => node).Select(static node => node.Value)];
        Figure($"a plan of {cameras} cameras on {nodes} nodes: {seconds * 1000:F1} ms; shares {shares.Min()} to {shares.Max()}");
        Assert.Empty(plan.Unplaced);
    }

    /// <summary>Kills, pauses, stops and starts of three nodes, of which one at least always runs.</summary>
    [Fact]
    public async Task Chaos()
    {
        string? asked = Environment.GetEnvironmentVariable("YZC_FLEET_CHAOS_SECONDS");
        Assert.SkipWhen(asked is null, "YZC_FLEET_CHAOS_SECONDS, the length in seconds, is not set.");
        int seed = int.Parse(Environment.GetEnvironmentVariable("YZC_FLEET_CHAOS_SEED") ?? "1", CultureInfo.InvariantCulture);
        TimeSpan length = TimeSpan.FromSeconds(int.Parse(asked, CultureInfo.InvariantCulture));
        Random random = new(seed);
        await using LiveFleet fleet = await ThreeAsync(cameras: 60, period: 40, visible: 20);
        NodeProcess fourth = fleet.AddNode("d");
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        long start = Stopwatch.GetTimestamp();
        Dictionary<string, int> done = [];
        List<(double At, double Megabytes)> memory = [];
        Dictionary<NodeProcess, DateTimeOffset> paused = [];
        string trace = "";
        while (Stopwatch.GetElapsedTime(start) < length)
        {
            await Task.Delay(random.Next(2000, 8000));
            foreach (NodeProcess node in fleet.Nodes)
            {
                // The supervisor.
                if (!node.IsThere)
                {
                    node.Start();
                }
            }

            foreach ((NodeProcess node, DateTimeOffset until) in paused.ToArray())
            {
                if (DateTimeOffset.UtcNow > until)
                {
                    node.Wake();
                    _ = paused.Remove(node);
                }
            }

            memory.Add((Stopwatch.GetElapsedTime(start).TotalSeconds,
                fleet.Nodes.Where(static node => node.IsThere).Max(static node => node.Megabytes())));
            NodeProcess victim = fleet.Nodes[random.Next(fleet.Nodes.Count)];
            int running = 0;
            foreach (NodeProcess node in fleet.Nodes)
            {
                running += node != victim && await node.ReportAsync() is not null ? 1 : 0;
            }

            int act = random.Next(4);
            if (running < 2 || paused.ContainsKey(victim) || !victim.IsThere || await victim.ReportAsync() is null)
            {
                continue;
            }

            string name = act switch { 0 => "kill", 1 => "pause", 2 => "stop", _ => "nothing" };
            trace += $"{DateTimeOffset.UtcNow:HH:mm:ss.f} {name} {victim.Name}\n";
            done[name] = done.GetValueOrDefault(name) + 1;
            switch (act)
            {
                case 0:
                    victim.Kill();
                    break;
                case 1:
                    victim.Pause();
                    paused[victim] = DateTimeOffset.UtcNow + TimeSpan.FromSeconds(random.Next(3, 21));
                    break;
                case 2:
                    victim.Terminate();
                    break;
                default:
                    break;
            }
        }

        DateTimeOffset end = DateTimeOffset.UtcNow;
        foreach (NodeProcess node in paused.Keys)
        {
            node.Wake();
        }

        await Task.Delay(TimeSpan.FromSeconds(5));
        (string camera, double longest, DateTimeOffset at) = fleet.Watcher.Gaps(begin)[0];
        string acts = string.Join(", ", done.OrderBy(static act => act.Key).Select(static act => $"{act.Value} x {act.Key}"));
        double[] early = [.. memory.Where(sample => sample.At < length.TotalSeconds / 2).Select(static sample => sample.Megabytes)];
        double[] late = [.. memory.Where(sample => sample.At >= length.TotalSeconds / 2).Select(static sample => sample.Megabytes)];
        Figure(
            $"chaos, seed {seed}, {length.TotalSeconds:F0} s: {acts}; longest time without an owner {longest:F1} s ({camera} at {at:HH:mm:ss}); "
            + $"largest node {early.Max():F0} MB in the first half, {late.Max():F0} in the second");
        try
        {
            Figure(
                $"chaos: {await fleet.CheckAlarmsAsync(60, begin, end)} alarms, each once; NATS took {fleet.Watcher.Violations.Count} "
                + "messages of former owners");
        }
        catch
        {
            Figure(trace);
            throw;
        }

        Assert.True(longest < 15,
            $"{camera} had no owner for {longest:F1} s from "
            + $"{at:HH:mm:ss.f}\n{trace}\n{string.Join('\n', fleet.Nodes.Select(node => node.Said(camera)))}");
    }

    /// <summary>Takes one node after the other from three, and starts it again: its cameras must run on elsewhere, and no alarm be lost or come
    /// twice.</summary>
    /// <param name="what">What is done to the nodes, for the figures.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="take">Does it.</param>
    /// <param name="rest">What else must come of a node that was taken at that time, before it is started again; it says it for the figure.</param>
    private static async Task RoundsAsync(
        string what, int rounds, Action<NodeProcess> take, Func<LiveFleet, NodeProcess, DateTimeOffset, Task<string>> rest)
    {
        SkipUnlessAsked();
        await using LiveFleet fleet = await ThreeAsync(cameras: 60);
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        for (int round = 0; round < rounds; round++)
        {
            NodeProcess node = fleet.Nodes[round % 3];
            NodeProcess[] others = [.. fleet.Nodes.Where(other => other != node)];
            string[] owned = fleet.OwnedBy(node, 60);
            DateTimeOffset taken = DateTimeOffset.UtcNow;
            take(node);
            await fleet.RunningAsync(60, taken, others);
            double seconds = fleet.LastFirstFrame(owned, taken);
            Figure($"{what}: {owned.Length} cameras elsewhere after {seconds:F2} s{await rest(fleet, node, taken)}");
            node.Start();
            await fleet.TogetherAsync([.. fleet.Nodes]);
            await fleet.BalancedAsync(60);
        }

        Figure($"{what}: {await fleet.CheckAlarmsAsync(60, begin, DateTimeOffset.UtcNow)} alarms, each once");
    }

    private static async Task<LiveFleet> ThreeAsync(int cameras, double fps = 5, double period = 20, double visible = 15, double resultSeconds = 0.25)
    {
        LiveFleet fleet = new(fps, period, visible, resultSeconds);
        try
        {
            await fleet.StartServersAsync();
            NodeProcess[] nodes = [.. new[] { "a", "b", "c" }.Select(fleet.AddNode)];
            await fleet.TogetherAsync(nodes);
            await fleet.AddCamerasAsync(nodes[0], cameras);
            await fleet.RunningAsync(cameras, default, nodes);
            await fleet.BalancedAsync(cameras);
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    private static void SkipUnlessAsked() =>
        Assert.SkipWhen(Environment.GetEnvironmentVariable("YZC_FLEET_PROOFS") is null, "YZC_FLEET_PROOFS=1 is not set.");

    private static void Figure(string text)
    {
        string line = $"{DateTime.UtcNow:HH:mm:ss} load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}: {text}";
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        if (Environment.GetEnvironmentVariable("YZC_FLEET_FIGURES") is { } file)
        {
            File.AppendAllText(file, line + "\n");
        }
    }
}
