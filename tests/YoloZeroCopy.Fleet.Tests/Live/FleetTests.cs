using System.Net;

namespace YoloZeroCopy.Tests.Live;

/// <summary>Nodes that are killed, told to stop and added, with fewer cameras and more time than <see cref="FleetProofs"/>.</summary>
public class FleetTests
{
    private const int Cameras = 40;

    [Fact]
    public async Task Cameras_move_when_a_node_is_killed_is_told_to_stop_and_comes_and_each_alarm_comes_once()
    {
        await using LiveFleet fleet = new(period: 40, visible: 38, probeSeconds: 2);
        await fleet.StartServersAsync();
        NodeProcess a = fleet.AddNode("a");
        NodeProcess b = fleet.AddNode("b");
        await fleet.TogetherAsync(a, b);
        await fleet.AddCamerasAsync(a, Cameras);
        await fleet.RunningAsync(Cameras, default, a, b);
        DateTimeOffset begin = DateTimeOffset.UtcNow;

        // Killed: all run on the other one.
        b.Kill();
        await fleet.RunningAsync(Cameras, begin, a);

        // One comes: it gets its share, and no camera moves twice for it.
        Dictionary<string, long> epochs = Enumerable.Range(0, Cameras).Select(LiveFleet.Name).ToDictionary(
            static camera => camera, camera => fleet.Watcher.Of(camera).Epoch);
        NodeProcess c = fleet.AddNode("c");
        await Until.TrueAsync(
            async () => (await LiveFleet.SharesAsync(a, c)).Values.All(static share => Math.Abs(share - (Cameras / 2)) <= Cameras / 20),
            () => c.Output);
        await fleet.RunningAsync(Cameras, DateTimeOffset.UtcNow, a, c);
        string[] moved = [.. epochs.Where(before => fleet.Watcher.Of(before.Key).Epoch - before.Value > 1).Select(static before => before.Key)];
        Assert.True(moved.Length == 0, $"Moved more than once: {string.Join(' ', moved)}\n{a.Said(moved)}\n{c.Said(moved)}");

        // No more cameras than nodes carry, and it says why.
        await LiveFleet.SetCapacityAsync(a, "a", Cameras / 2);
        await LiveFleet.SetCapacityAsync(a, "c", Cameras / 2);
        await LiveFleet.CapacityAsync(a, Cameras);
        using (HttpResponseMessage answer = await LiveFleet.PutAsync(a, "one_more"))
        {
            Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
            Assert.Contains($"2 nodes carry {Cameras} cameras", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        await LiveFleet.SetCapacityAsync(a, "a", 100);
        await LiveFleet.SetCapacityAsync(a, "c", 100);

        // Told to stop: it gives them back and ends well.
        DateTimeOffset stopped = DateTimeOffset.UtcNow;
        c.Terminate();
        await fleet.RunningAsync(Cameras, stopped, a);
        await c.ExitAsync();

        int alarms = await fleet.CheckAlarmsAsync(Cameras, begin, DateTimeOffset.UtcNow);
        Assert.True(alarms > 0, "Nothing happened at any camera.");
    }
}
