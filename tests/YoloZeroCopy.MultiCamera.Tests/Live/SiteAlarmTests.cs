using System.Text.Json;
using MultiCamera.Tests.Outlets;
using MultiCamera.Tests.Web;
using YoloZeroCopy.Video.Tests;

namespace MultiCamera.Tests.Live;

/// <summary>Four cameras of a real RTSP server whose alarms go to a real broker, which is killed meanwhile, to a database and to a page
/// in a real browser.</summary>
[Collection(SiteAlarmTests.Alone)]
public sealed class SiteAlarmTests(ITestOutputHelper output) : IDisposable
{
    /// <summary>Name of the tests that run when the others of this program are done, for they leave it too little of the processor.</summary>
    public const string Alone = "alone";

    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(20);

    // In which a part moves by half of its width.
    private const int FramesToFollow = 10;

    // From when parts are to be followed until the last has crossed the line.
    private const int FirstFrame = 20;
    private const int LastFrame = 240;

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Alarms_of_four_cameras_are_those_of_the_ground_truth_and_none_is_lost_while_the_broker_is_away()
    {
        await RtspServer.SkipIfMissingAsync();
        await using Browser browser = await Browser.StartAsync();
        using Broker broker = new(folder.Path);
        using RtspServer server = new(await SlowClip.MakeAsync(folder), cameras: 4) { PlaysOnce = true };
        await broker.StartAsync();
        await using Collector collector = new(broker.Port);
        await collector.StartAsync();
        await server.StartAsync();
        string[] cameras = ["one", "two", "three", "four"];
        string outlets = TestSettings.Mqtt(broker.Port) + """, "history": { "file": "history.db", "detectionRate": 1000 }""";
        IEnumerable<string> belts = cameras.Select((name, number) =>
            TestSettings.Belt(name, source: $"rtsp://127.0.0.1:{server.Port}/cam{number}", line: TestSettings.Late));
        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.Light(outlets, [.. belts]));

        // The first alarms have come: the broker goes, and most of the clip is played without it.
        await Until.TrueAsync(() => collector.AlarmIds.Distinct().Count() >= cameras.Length, () => site.Output);
        broker.Kill();
        string[] before = [.. collector.AlarmIds];
        await Task.Delay(Outage, TestContext.Current.CancellationToken);
        JsonElement away = await site.WaitForAsync("api/status", status => cameras.All(name => State(status, name) == "refused"));
        long raised = TestSettings.Alarms(away);
        JsonElement mqtt = TestSettings.OutletOf(away, "mqtt");
        Assert.Equal(("failing", raised), (
            mqtt.GetProperty("state").GetString(), mqtt.GetProperty("waiting").GetInt64() + mqtt.GetProperty("delivered").GetInt64()));

        await broker.StartAsync();
        await Until.TrueAsync(() => collector.AlarmIds.Distinct().Count() >= raised, () => site.Output);
        JsonElement after = await site.WaitForAsync("api/status", status => TestSettings.OutletOf(status, "mqtt") is JsonElement outlet
            && outlet.GetProperty("state").GetString() == "working" && outlet.GetProperty("waiting").GetInt64() == 0);
        Assert.Equal(raised, TestSettings.Alarms(after));

        // Only now, so that its drawing takes nothing of the processor from the cameras.
        await browser.OpenAsync(site.Address);
        await browser.WaitForAsync($"document.querySelectorAll('.alarm').length === {raised}");
        await browser.WaitForAsync("document.querySelector('.alarm img').naturalWidth === 1280");
        foreach (string camera in cameras)
        {
            await browser.WaitForAsync($"document.querySelector('[data-name={camera}] .state').textContent === 'refused'");
            long own = TestSettings.CameraOf(after, camera).GetProperty("alarms").GetInt64();
            await browser.WaitForAsync($"document.querySelector('[data-name={camera}] .figures').textContent.endsWith('{own} alarms')");
        }

        Assert.Equal(0, await site.StopAsync());

        Collector.Message[] alarms = [.. collector.Messages.Where(message => message.Topic.StartsWith("site/alarms/", StringComparison.Ordinal))];
        // Twice came at most what was on its way when the broker was killed: the collector had it then, and the program did not know.
        string[] twice = [.. alarms.GroupBy(alarm => alarm.Id).Where(group => group.Count() > 1).Select(group => group.Key)];
        Assert.Subset(before.ToHashSet(), twice.ToHashSet());
        (string Id, string Camera)[] kept = [.. KeptFiles.History(folder.File("history.db"))];
        Assert.Equal(alarms.Select(alarm => alarm.Id).Distinct().Order(), kept.Select(alarm => alarm.Id));
        Assert.Equal(kept.Select(alarm => alarm.Id), site.Kept.Order());
        KeptFiles.ShouldBeWhole(folder, "history.db");
        output.WriteLine($"{before.Distinct().Count()} alarms before the broker was killed, {raised} in all, {twice.Length} of them twice");

        // A part that has moved far between two looks is not known again.
        int gap = cameras.Max(camera => LongestGap(KeptFiles.Frames(folder.File("history.db"), camera)));
        output.WriteLine($"at most {gap} frames of a camera in a row were not looked at");
        Assert.SkipWhen(gap > FramesToFollow, $"the machine looked at none of {gap} frames in a row: too few to follow parts");
        foreach (string camera in cameras)
        {
            IEnumerable<string> classes = alarms.Where(alarm => alarm.Topic == $"site/alarms/{camera}").DistinctBy(alarm => alarm.Id)
                .Select(alarm => JsonDocument.Parse(alarm.Payload).RootElement.GetProperty("objects")[0].GetProperty("class").GetString()!);
            Assert.Equal(TestSettings.DefectiveCrossings(TestSettings.Late), classes.Order());
        }
    }

    private static int LongestGap(IEnumerable<long> frames)
    {
        long[] all = [FirstFrame, .. frames.Where(frame => frame is > FirstFrame and < LastFrame), LastFrame];
        return (int)all.Zip(all.Skip(1)).Max(pair => pair.Second - pair.First);
    }

    private static string State(JsonElement status, string name) => TestSettings.CameraOf(status, name).GetProperty("state").GetString()!;
}

[CollectionDefinition(SiteAlarmTests.Alone, DisableParallelization = true)]
public sealed class AloneDefinition;
