using System.Text.Json;
using MultiCamera.Tests.Web;

namespace MultiCamera.Tests.Outlets;

/// <summary>The whole program with a full disk, and killed.</summary>
public sealed class SiteDamageTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task With_a_full_disk_detection_goes_on_and_alarms_are_sent_and_what_could_not_be_written_is_told_and_follows()
    {
        using SmallDisk disk = new(megabytes: 16);
        using Broker broker = new(folder.Path);
        await broker.StartAsync();
        await using Collector collector = new(broker.Port);
        await collector.StartAsync();
        string outlets = TestSettings.Mqtt(broker.Port, disk.File("queue.db")) + $$"""
            , "history": { "file": "{{disk.File("history.db")}}", "detectionRate": 1000 },
            "media": { "folder": "{{disk.File("media")}}", "clipSeconds": 2 }
            """;
        await using SiteProcess site = await SiteProcess.StartAsync(
            folder, TestSettings.Light(outlets, TestSettings.Belt("belt", repeat: true, everyFrame: true)));
        _ = await site.WaitForAsync("api/status", status => Outlets.All(name => Is(status, name, "working")) && TestSettings.Alarms(status) > 0);

        // What a clip that is given up leaves free is taken at once, too.
        JsonElement full = await WaitWhileFullAsync(site, disk, _ => true);
        Assert.All(Outlets, name => Assert.Contains(
            name == "media" ? "space" : "full",
            TestSettings.OutletOf(full, name).GetProperty("problem").GetString(),
            StringComparison.OrdinalIgnoreCase));
        int sent = collector.AlarmIds.Distinct().Count();
        JsonElement meanwhile = await WaitWhileFullAsync(site, disk, status =>
            Detected(status) > Detected(full) + 100 && TestSettings.Alarms(status) > TestSettings.Alarms(full) + 2);
        await Until.TrueAsync(() => collector.AlarmIds.Distinct().Count() > sent + 2, () => site.Output);
        JsonElement health = await site.WaitForAsync("health", _ => true);
        Assert.Equal(("healthy", 1, 0), (
            health.GetProperty("status").GetString(), health.GetProperty("camerasLive").GetInt32(), health.GetProperty("outletsWorking").GetInt32()));

        disk.Free();
        _ = await site.WaitForAsync("api/status", status => Outlets.All(name => Is(status, name, "working"))
            && TestSettings.OutletOf(status, "history").GetProperty("waiting").GetInt64() == 0);
        Assert.Equal(0, await site.StopAsync());

        // Of pictures some are lost, and counted; of alarms none is.
        string[] ids = [.. KeptFiles.History(disk.File("history.db")).Select(alarm => alarm.Id)];
        Assert.Equal(collector.AlarmIds.Distinct().Order(), ids);
        Assert.Empty(KeptFiles.Queue(disk.File("queue.db")));
        Assert.True(TestSettings.OutletOf(meanwhile, "media").GetProperty("dropped").GetInt64() > 0);
        Assert.Equal(0, TestSettings.OutletOf(meanwhile, "history").GetProperty("dropped").GetInt64());
    }

    [Fact]
    public async Task A_killed_program_loses_no_alarm_that_it_has_kept_and_sends_them_when_it_is_back()
    {
        const string History = """, "history": { "file": "history.db", "detectionRate": 1000 }, "media": { "folder": "media", "clipSeconds": 2 }""";
        using Broker broker = new(folder.Path);
        await broker.StartAsync();
        await using Collector collector = new(broker.Port);
        await collector.StartAsync();
        string settings = TestSettings.Light(TestSettings.Mqtt(broker.Port) + History, TestSettings.Belt("belt", repeat: true, everyFrame: true));
        string[] kept;
        await using (SiteProcess first = await SiteProcess.StartAsync(folder, settings))
        {
            // Some have gone to the broker, and others wait for it.
            await Until.TrueAsync(() => collector.AlarmIds.Count > 0, () => first.Output);
            broker.Kill();
            int sent = first.Kept.Count;
            await Until.TrueAsync(() => first.Kept.Count > sent + 4, () => first.Output);
            int[] programs = first.Children();
            Assert.NotEmpty(programs);
            await first.KillAsync();
            kept = [.. first.Kept];
            await Until.TrueAsync(() => !programs.Any(IsRunning), () => "A program that decodes has outlived the site.");
        }

        string[] unfinished = Directory.GetFiles(folder.File("media"), "*.partial", SearchOption.AllDirectories);

        KeptFiles.ShouldBeWhole(folder, "history.db");
        KeptFiles.ShouldBeWhole(folder, "queue.db");
        Assert.Subset(KeptFiles.History(folder.File("history.db")).Select(alarm => alarm.Id).ToHashSet(), kept.ToHashSet());
        Assert.Subset(KeptFiles.Queue(folder.File("queue.db")).Concat(collector.AlarmIds).ToHashSet(), kept.ToHashSet());
        Assert.All(kept, id => Assert.Single(Directory.GetFiles(folder.File("media"), $"{id}.jpg", SearchOption.AllDirectories)));

        await broker.StartAsync();
        await using SiteProcess second = await SiteProcess.StartAsync(folder, settings);
        await Until.TrueAsync(() => kept.ToHashSet().IsSubsetOf(collector.AlarmIds), () => second.Output);
        await Until.TrueAsync(() => !unfinished.Any(File.Exists), () => string.Join(", ", unfinished));
        int count = KeptFiles.History(folder.File("history.db")).Count;
        await Until.TrueAsync(() => KeptFiles.History(folder.File("history.db")).Count > count, () => second.Output);
        Assert.Equal(0, await second.StopAsync());
    }

    private static readonly string[] Outlets = ["mqtt", "history", "media"];

    private static Task<JsonElement> WaitWhileFullAsync(SiteProcess site, SmallDisk disk, Func<JsonElement, bool> isWanted) =>
        site.WaitForAsync("api/status", status =>
        {
            disk.Fill();
            return Outlets.All(name => Is(status, name, "failing")) && isWanted(status);
        });

    private static bool Is(JsonElement status, string outlet, string state) =>
        TestSettings.OutletOf(status, outlet).GetProperty("state").GetString() == state;

    // One that nobody has waited for yet is in the table, but has ended.
    private static bool IsRunning(int id)
    {
        try
        {
            return !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static long Detected(JsonElement status) => TestSettings.CameraOf(status, "belt").GetProperty("detected").GetInt64();
}
