using System.Text.Json;
using MultiCamera.Tests.Web;
using YoloZeroCopy.Tests;
using YoloZeroCopy.Video.Tests;

namespace MultiCamera.Tests.Live;

/// <summary>Four cameras of real RTSP servers, of which one is killed and one freezes. Ages are printed and not limited, since they are those of a
/// busy machine.</summary>
public sealed class LiveCamerasTests(ITestOutputHelper output) : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_camera_that_dies_or_freezes_is_told_comes_back_and_disturbs_no_other()
    {
        await RtspServer.SkipIfMissingAsync();
        using RtspServer well = new(SiteProcess.Clip, cameras: 2);
        using RtspServer killed = new(SiteProcess.Clip, cameras: 1);
        using RtspServer frozen = new(SiteProcess.Clip, cameras: 1);
        foreach (RtspServer server in (RtspServer[])[well, killed, frozen])
        {
            await server.StartAsync();
        }

        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.Of(
            Camera("one", well, 0), Camera("two", well, 1), Camera("killed", killed, 0), Camera("frozen", frozen, 0)));
        JsonElement before = await AllMoveOnAsync(site, "one", "two", "killed", "frozen");
        Print("before", before);

        killed.Kill();
        await frozen.FreezeAsync();
        _ = await site.WaitForAsync("api/status", status => State(status, "killed") == "failed" && State(status, "frozen") == "stalled");
        JsonElement meanwhile = await AllMoveOnAsync(site, "one", "two");
        Print("meanwhile", meanwhile);

        await killed.StartAsync();
        await frozen.ThawAsync();
        JsonElement after = await AllMoveOnAsync(site, "one", "two", "killed", "frozen");
        Print("after", after);
        Assert.True(TestSettings.CameraOf(after, "killed").GetProperty("faults").GetInt64() > 0);
        Assert.True(TestSettings.CameraOf(after, "frozen").GetProperty("faults").GetInt64() > 0);
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

    private static string State(JsonElement status, string name) => TestSettings.CameraOf(status, name).GetProperty("state").GetString()!;

    private static long Detected(JsonElement status, string name) => TestSettings.CameraOf(status, name).GetProperty("detected").GetInt64();

    /// <summary>Waits until cameras have given some frames more.</summary>
    private static async Task<JsonElement> AllMoveOnAsync(SiteProcess site, params string[] names)
    {
        JsonElement begin = await site.WaitForAsync("api/status", status => status.GetProperty("cameras").GetArrayLength() == 4);
        return await site.WaitForAsync("api/status", status => names.All(name => Detected(status, name) >= Detected(begin, name) + 10));
    }
}
