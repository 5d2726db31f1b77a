using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace MultiCamera.Tests.Web;

/// <summary>The program as users start it.</summary>
public sealed class SiteProgramTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Alarms_are_those_of_the_ground_truth_once_each()
    {
        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.Light(null, TestSettings.Belt("belt", everyFrame: true)));
        JsonElement status = await site.WaitForAsync(
            "api/status", status => State(status, "belt") == "ended" && Detected(status, "belt") == 300);
        JsonElement[] alarms = [.. (await site.WaitForAsync("api/alarms", _ => true)).EnumerateArray()];
        IEnumerable<string> classes = alarms.Select(alarm => alarm.GetProperty("objects")[0].GetProperty("class").GetString()!);
        Assert.Equal(TestSettings.DefectiveCrossings(), classes.Order());
        Assert.Equal(alarms.Length, alarms.Select(alarm => alarm.GetProperty("id").GetString()).Distinct().Count());
        Assert.Equal(alarms.Length, TestSettings.CameraOf(status, "belt").GetProperty("alarms").GetInt64());

        // Each has its picture, as large as the frame.
        byte[] picture = await site.Client.GetByteArrayAsync($"media/{alarms[0].GetProperty("picture").GetString()}");
        YoloZeroCopy.PictureInfo info = YoloZeroCopy.PictureFile.ReadInfo(picture);
        Assert.Equal((1280, 720), (info.Width, info.Height));
        Assert.Equal(0, await site.StopAsync());
    }

    [Fact]
    public async Task Alarms_are_in_the_history_with_their_pictures_when_the_program_is_started_again()
    {
        const string Outlets = """ "history": { "file": "history.db" }, "media": { "folder": "media", "clipSeconds": 2 }""";
        string[] ids;
        string settings = TestSettings.Light(Outlets, TestSettings.Belt("belt", everyFrame: true));
        await using (SiteProcess first = await SiteProcess.StartAsync(folder, settings))
        {
            _ = await first.WaitForAsync("api/status", status => State(status, "belt") == "ended" && Detected(status, "belt") == 300);
            ids = Ids(await first.WaitForAsync("api/alarms", _ => true));
            Assert.Equal(0, await first.StopAsync());
        }

        await using SiteProcess second = await SiteProcess.StartAsync(
            folder, TestSettings.With(Outlets, """{ "name": "belt", "source": "none.mp4" }"""));
        JsonElement alarms = await second.WaitForAsync("api/alarms", _ => true);
        Assert.Equal(TestSettings.DefectiveCrossings().Length, ids.Length);
        Assert.Equal(ids.Order(), Ids(alarms).Order());
        foreach (JsonElement alarm in alarms.EnumerateArray())
        {
            byte[] picture = await second.Client.GetByteArrayAsync($"media/{alarm.GetProperty("picture").GetString()}");
            Assert.Equal(1280, YoloZeroCopy.PictureFile.ReadInfo(picture).Width);
        }

        // What is before the newest is all but the newest, and of another camera there is none.
        string newest = alarms[0].GetProperty("time").GetString()!;
        IEnumerable<JsonElement> older = alarms.EnumerateArray().Where(alarm => alarm.GetProperty("time").GetString() != newest);
        JsonElement asked = await second.WaitForAsync($"api/alarms?before={Uri.EscapeDataString(newest)}&camera=belt", _ => true);
        Assert.Equal(older.Select(alarm => alarm.GetProperty("id").GetString()), Ids(asked));
        Assert.Empty(Ids(await second.WaitForAsync("api/alarms?camera=other", _ => true)));
        JsonElement outlets = (await second.WaitForAsync("api/status", _ => true)).GetProperty("outlets");
        Assert.Equal(["history", "media"], outlets.EnumerateArray().Select(outlet => outlet.GetProperty("name").GetString()!));
    }

    [Fact]
    public async Task Settings_are_read_again_and_other_cameras_run_on()
    {
        string kept = TestSettings.Belt("kept", repeat: true);
        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.Of(kept, TestSettings.Belt("gone", repeat: true)));
        _ = await site.WaitForAsync("api/status", status => Detected(status, "kept") > 0 && Detected(status, "gone") > 0);

        // A mistake: all go on, and the page says so.
        SiteProcess.WriteSettings(folder, TestSettings.Of(TestSettings.Belt("not allowed")));
        JsonElement wrong = await site.WaitForAsync("api/status", status => status.GetProperty("settingsProblem").ValueKind == JsonValueKind.String);
        Assert.Contains("cameras[0].name is 'not allowed'", wrong.GetProperty("settingsProblem").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, wrong.GetProperty("cameras").GetArrayLength());

        // One goes and another comes, decoded by whoever can; the camera that is as before keeps its figures.
        long before = Detected(wrong, "kept");
        SiteProcess.WriteSettings(folder, TestSettings.Of(kept, TestSettings.Belt("new", repeat: true, decoding: "auto")));
        JsonElement right = await site.WaitForAsync(
            "api/status", status => Names(status).SequenceEqual(["kept", "new"]) && Detected(status, "new") > 0);
        Assert.True(Detected(right, "kept") >= before);
        Assert.Equal(JsonValueKind.Null, right.GetProperty("settingsProblem").ValueKind);
        Assert.Equal(0, await site.StopAsync());
    }

    [Fact]
    public async Task A_camera_that_is_not_there_is_told_and_disturbs_no_other()
    {
        string broken = """{ "name": "broken", "source": "none.mp4" }""";
        string away = """{ "name": "away", "source": "rtsp://user:s3cret@127.0.0.1:9/1" }""";
        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.Of(broken, away, TestSettings.Belt("belt", repeat: true)));
        JsonElement status = await site.WaitForAsync("api/status", status => Detected(status, "belt") > 5
            && State(status, "broken") == "failed" && State(status, "away") == "failed");
        Assert.Contains("none.mp4", TestSettings.CameraOf(status, "broken").GetProperty("problem").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", status.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", site.Output, StringComparison.Ordinal);

        // The program is well: starting it again would not bring a camera back.
        JsonElement health = await site.WaitForAsync("health", _ => true);
        Assert.Equal(("healthy", 3, 1), (
            health.GetProperty("status").GetString(), health.GetProperty("cameras").GetInt32(), health.GetProperty("camerasLive").GetInt32()));
        string metrics = await site.Client.GetStringAsync("metrics");
        Assert.Contains("multicamera_camera_live{camera=\"belt\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("multicamera_camera_live{camera=\"broken\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("# TYPE yzc_frame_latency_seconds histogram\n", metrics, StringComparison.Ordinal);
        Assert.Contains("# TYPE multicamera_camera_frames_total counter\n", metrics, StringComparison.Ordinal);
        Assert.Equal(0, await site.StopAsync());
    }

    [Fact]
    public async Task With_a_token_nothing_is_shown_to_who_does_not_know_it()
    {
        const string Token = "a-token-of-the-test";
        await File.WriteAllTextAsync(folder.File("token"), Token + "\n");
        string settings = TestSettings.With("\"tokenFile\": \"token\"", TestSettings.Belt("belt", repeat: true));
        await using SiteProcess site = await SiteProcess.StartAsync(folder, settings);
        using HttpClient stranger = new(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = site.Address };
        foreach (string path in new[] { "api/status", "api/alarms", "cameras/belt.jpg", "metrics", "site.js", "media/x.jpg", "LOGIN/../api/status" })
        {
            using HttpResponseMessage answer = await stranger.GetAsync(path);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        using HttpResponseMessage page = await stranger.GetAsync("");
        Assert.Equal("/login", page.Headers.Location!.ToString());
        using HttpResponseMessage wrong = await stranger.PostAsync("login", new FormUrlEncodedContent([new("token", Token + "x")]));
        Assert.Equal("/login#wrong", wrong.Headers.Location!.ToString());
        Assert.False(wrong.Headers.Contains("Set-Cookie"));
        using HttpResponseMessage health = await stranger.GetAsync("health");
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);

        using HttpResponseMessage right = await stranger.PostAsync("login", new FormUrlEncodedContent([new("token", Token)]));
        string cookie = Assert.Single(right.Headers.GetValues("Set-Cookie"));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(Token, cookie, StringComparison.Ordinal);
        using HttpRequestMessage withCookie = new(HttpMethod.Get, "api/status") { Headers = { { "Cookie", cookie.Split(';')[0] } } };
        Assert.Equal(HttpStatusCode.OK, (await stranger.SendAsync(withCookie)).StatusCode);
        using HttpRequestMessage withToken = new(HttpMethod.Get, "metrics");
        withToken.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        Assert.Equal(HttpStatusCode.OK, (await stranger.SendAsync(withToken)).StatusCode);
    }

    [Fact]
    public async Task On_this_machine_only_its_own_names_are_answered_and_answers_keep_out_of_other_pages()
    {
        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.Of(TestSettings.Belt("belt", repeat: true)));
        using HttpRequestMessage rebound = new(HttpMethod.Get, "api/status") { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.BadRequest, (await site.Client.SendAsync(rebound)).StatusCode);
        using HttpResponseMessage page = await site.Client.GetAsync("");
        Assert.Contains("default-src 'self'", Assert.Single(page.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        using HttpResponseMessage outside = await site.Client.GetAsync("media/..%2f..%2fsite.json");
        Assert.Equal(HttpStatusCode.NotFound, outside.StatusCode);
    }

    private static string[] Ids(JsonElement alarms) => [.. alarms.EnumerateArray().Select(alarm => alarm.GetProperty("id").GetString()!)];

    private static string State(JsonElement status, string camera) => TestSettings.CameraOf(status, camera).GetProperty("state").GetString()!;

    private static long Detected(JsonElement status, string camera) => Names(status).Contains(camera)
        ? TestSettings.CameraOf(status, camera).GetProperty("detected").GetInt64() : 0;

    private static IEnumerable<string> Names(JsonElement status) =>
        status.GetProperty("cameras").EnumerateArray().Select(camera => camera.GetProperty("name").GetString()!);
}
