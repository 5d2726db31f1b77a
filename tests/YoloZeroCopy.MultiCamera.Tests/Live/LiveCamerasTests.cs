using System.Globalization;
using System.Text.Json;
using MultiCamera.Tests.Web;
using YoloZeroCopy.Tests;
using YoloZeroCopy.Video.Tests;

namespace MultiCamera.Tests.Live;

/// <summary>Four cameras of real RTSP servers, of which one is killed and one freezes: once, or as often as <c>YZC_LIVE_ROUNDS</c> says, for a figure
/// of how far the ages of the others move.</summary>
public sealed class LiveCamerasTests(ITestOutputHelper output) : IDisposable
{
    // What an age is taken over when it is to be a figure: as many frames as the program's own percentiles.
    private const int FramesOfFigure = 512;

    // A machine that does much else ages frames by itself.
    private const double AgeFactor = 2;
    private const double AgeSlack = 1;

    private static readonly string[] Well = ["one", "two"];
    private static readonly string[] Others = ["killed", "frozen"];

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_camera_that_dies_or_freezes_is_told_comes_back_and_disturbs_no_other()
    {
        await RtspServer.SkipIfMissingAsync();
        int rounds = int.Parse(Environment.GetEnvironmentVariable("YZC_LIVE_ROUNDS") ?? "0", CultureInfo.InvariantCulture);
        int frames = rounds > 0 ? FramesOfFigure : 10;
        // A clip that ends is a fault, too: it is not to happen here.
        string clip = await SlowClip.MakeAsync(folder, times: 10 * (rounds + 1));
        using RtspServer well = new(clip, cameras: 2);
        using RtspServer killed = new(clip, cameras: 1);
        using RtspServer frozen = new(clip, cameras: 1);
        foreach (RtspServer server in (RtspServer[])[well, killed, frozen])
        {
            await server.StartAsync();
        }

        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.Light(
            null, Camera("one", well, 0), Camera("two", well, 1), Camera("killed", killed, 0), Camera("frozen", frozen, 0)));
        List<double> changes = [];
        for (int round = 0; round < Math.Max(1, rounds); round++)
        {
            JsonElement before = await AllMoveOnAsync(site, frames, [.. Well, .. Others]);
            Print("all well", before);
            killed.Kill();
            await frozen.FreezeAsync();
            _ = await site.WaitForAsync("api/status", status => State(status, "killed") == "failed" && State(status, "frozen") == "stalled");
            JsonElement meanwhile = await AllMoveOnAsync(site, frames, Well);
            Print("two away", meanwhile);
            await killed.StartAsync();
            await frozen.ThawAsync();
            foreach (string name in Well)
            {
                Assert.True(Age(meanwhile, name) < (AgeFactor * Age(before, name)) + AgeSlack, $"{name}: {before}\n{meanwhile}");
                changes.Add((Age(meanwhile, name) / Age(before, name)) - 1);
                Assert.Equal(0, Camera(meanwhile, name).GetProperty("faults").GetInt64());
            }

            JsonElement after = await AllMoveOnAsync(site, 10, [.. Well, .. Others]);
            Assert.All(Others, name => Assert.True(Camera(after, name).GetProperty("faults").GetInt64() > 0));
        }

        output.WriteLine($"p99 age of the other cameras: {string.Join(", ", changes.Select(change => $"{change:+0.0 %;-0.0 %}"))}");
        Assert.Equal(0, await site.StopAsync());
    }

    private void Print(string when, JsonElement status)
    {
        foreach (JsonElement camera in status.GetProperty("cameras").EnumerateArray())
        {
            output.WriteLine($"{when}: {camera.GetProperty("name")} {camera.GetProperty("state")}, {camera.GetProperty("rate")} frames/s, "
                + $"age p50 {camera.GetProperty("ageP50")} s, p99 {camera.GetProperty("ageP99")} s");
        }
    }

    private static string Camera(string name, RtspServer server, int number) =>
        $$"""{ "name": "{{name}}", "source": "rtsp://127.0.0.1:{{server.Port}}/cam{{number}}" }""";

    private static JsonElement Camera(JsonElement status, string name) => TestSettings.CameraOf(status, name);

    private static string State(JsonElement status, string name) => Camera(status, name).GetProperty("state").GetString()!;

    private static long Detected(JsonElement status, string name) => Camera(status, name).GetProperty("detected").GetInt64();

    private static double Age(JsonElement status, string name) => Camera(status, name).GetProperty("ageP99").GetDouble();

    /// <summary>Waits until cameras have given some frames more.</summary>
    private static async Task<JsonElement> AllMoveOnAsync(SiteProcess site, int frames, params string[] names)
    {
        JsonElement begin = await site.WaitForAsync("api/status", status => status.GetProperty("cameras").GetArrayLength() == 4);
        return await site.WaitForAsync("api/status", status => names.All(name => Detected(status, name) >= Detected(begin, name) + frames));
    }
}
