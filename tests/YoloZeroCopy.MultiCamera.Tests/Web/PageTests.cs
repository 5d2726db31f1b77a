using System.Diagnostics;
using System.Text.Json;

namespace MultiCamera.Tests.Web;

/// <summary>The page in a real browser.</summary>
public sealed class PageTests : IDisposable
{
    private const string Broken = """{ "name": "broken", "source": "none.mp4" }""";

    private const string Outlets = """ "history": { "file": "history.db" }, "media": { "folder": "media", "clipSeconds": 2 }""";

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task The_wall_the_alarms_and_the_settings_are_there_to_click()
    {
        await using Browser browser = await Browser.StartAsync();
        await using SiteProcess site = await SiteProcess.StartAsync(
            folder, TestSettings.With(Outlets, TestSettings.Belt("belt", repeat: true), Broken));
        await browser.OpenAsync(site.Address);

        // The wall: a picture, state and figures of each camera.
        await browser.WaitForAsync("document.querySelector('[data-name=belt] img').naturalWidth === 640");
        await browser.WaitForAsync("document.querySelector('[data-name=belt] .state').textContent === 'live'");
        await browser.WaitForAsync("document.querySelector('[data-name=broken] .state').textContent === 'failed'");
        await browser.WaitForAsync("/^[1-9][\\d.]* frames\\/s · age \\d/.test(document.querySelector('[data-name=belt] .figures').textContent)");
        await browser.WaitForAsync("document.getElementById('summary').textContent.startsWith('1 of 2 live')");

        // A camera, large.
        await browser.ClickAsync("[data-name=belt]");
        await browser.WaitForAsync("document.getElementById('camera-view').open && document.querySelector('#camera-view img').naturalWidth > 0");
        await browser.WaitForAsync("document.querySelector('#camera-view dl').textContent.includes('1280 × 720')");
        await browser.ClickAsync("#camera-view button");
        await browser.WaitForAsync("!document.getElementById('camera-view').open");
        await browser.ClickAsync("[data-name=broken]");
        await browser.WaitForAsync("document.querySelector('#camera-view dl').textContent.includes('none.mp4')");
        await browser.ClickAsync("#camera-view button");

        // An alarm, with its picture.
        await browser.WaitForAsync("document.querySelector('.alarm img')?.naturalWidth === 1280");
        await browser.ClickAsync(".alarm");
        await browser.WaitForAsync("document.getElementById('alarm-view').open && document.querySelector('#alarm-view img').naturalWidth === 1280");
        await browser.WaitForAsync("document.querySelector('#alarm-view h2').textContent.includes('has crossed middle from left to right')");
        await browser.ClickAsync("#alarm-view button");
        await browser.WaitForAsync("!document.getElementById('alarm-view').open");

        // The clip of the oldest is there by and by. The history has nothing before it.
        string clip = await ClipAsync(site);
        await browser.ClickAsync("#alarms li:last-child .alarm");
        await browser.WaitForAsync($"document.querySelector('#alarm-view video').src.endsWith('{clip}')");
        await browser.WaitForAsync("!document.querySelector('#alarm-view video').hidden");
        await browser.WaitForAsync("document.querySelector('#alarm-view video').videoWidth === 640");
        await browser.ClickAsync("#alarm-view button");
        await browser.ClickAsync("#older");
        await browser.WaitForAsync("document.getElementById('older').hidden");
        await browser.WaitForAsync("['history', 'media'].every(name => document.getElementById('outlets').textContent.includes(`${name} working`))");

        // Alarms of one camera only.
        await browser.ClickAsync("#filter option[value=broken]");
        await browser.WaitForAsync("document.querySelectorAll('.alarm').length === 0");
        await browser.ClickAsync("#filter option[value='']");
        await browser.WaitForAsync("document.querySelectorAll('.alarm').length > 0");

        // A mistake in the settings is shown, and goes when it is mended; a camera that is taken out leaves the wall.
        SiteProcess.WriteSettings(folder, "{");
        await browser.WaitForAsync("!document.getElementById('problem').hidden && document.getElementById('problem').textContent.includes('line 1')");
        SiteProcess.WriteSettings(folder, TestSettings.With(Outlets, TestSettings.Belt("belt", repeat: true)));
        await browser.WaitForAsync("document.getElementById('problem').hidden && document.querySelectorAll('.camera').length === 1");

        // Nothing came from elsewhere, and the browser has nothing to complain of but clips that were not there yet.
        JsonElement loaded = await browser.RunAsync("return performance.getEntriesByType('resource').map(entry => new URL(entry.name).origin);");
        Assert.All(loaded.EnumerateArray(), origin => Assert.Equal(site.Address.GetLeftPart(UriPartial.Authority), origin.GetString()));
        Assert.DoesNotContain(await browser.ComplaintsAsync(), complaint => !complaint.Contains(".mp4", StringComparison.Ordinal));
    }

    /// <summary>Waits until the clip of the oldest alarm is written.</summary>
    private static async Task<string> ClipAsync(SiteProcess site)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            JsonElement alarms = await site.WaitForAsync("api/alarms", _ => true);
            string clip = alarms[alarms.GetArrayLength() - 1].GetProperty("clip").GetString()!;
            using HttpResponseMessage answer = await site.Client.GetAsync($"media/{clip}");
            if (answer.IsSuccessStatusCode)
            {
                return clip;
            }

            Assert.True(Stopwatch.GetElapsedTime(start) < SiteProcess.Limit, site.Output);
            await Task.Delay(100);
        }
    }

    [Fact]
    public async Task The_token_opens_the_page()
    {
        const string Token = "a-token-of-the-test";
        await using Browser browser = await Browser.StartAsync();
        await File.WriteAllTextAsync(folder.File("token"), Token + "\n");
        string settings = TestSettings.With("\"tokenFile\": \"token\"", TestSettings.Belt("belt", repeat: true));
        await using SiteProcess site = await SiteProcess.StartAsync(folder, settings);
        await browser.OpenAsync(site.Address);
        await browser.TypeAsync("input", "wrong");
        await browser.ClickAsync("button");
        await browser.WaitForAsync("getComputedStyle(document.getElementById('wrong')).display === 'block'");
        await browser.TypeAsync("input", Token);
        await browser.ClickAsync("button");
        await browser.WaitForAsync("document.querySelector('[data-name=belt] img')?.naturalWidth === 640");
        Assert.Equal("", (await browser.RunAsync("return document.cookie;")).GetString());
    }
}
