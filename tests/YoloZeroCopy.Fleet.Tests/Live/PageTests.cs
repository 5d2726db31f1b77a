using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace YoloZeroCopy.Tests.Live;

/// <summary>The page of a fleet in a real browser.</summary>
public class PageTests
{
    private const string Hostile = "<img/src=x/onerror=window.isHarmed=true>";

    [Fact]
    public async Task The_page_shows_nodes_and_cameras_as_they_come_and_go_and_runs_nothing_of_their_text()
    {
        await using LiveFleet fleet = new(probeSeconds: 2);
        await using Browser browser = await Browser.StartAsync();
        await fleet.StartServersAsync();
        NodeProcess a = fleet.AddNode("a");
        NodeProcess b = fleet.AddNode("b");
        await fleet.TogetherAsync(a, b);
        await browser.OpenAsync(a.Client.BaseAddress!);

        // Nodes, of which each says something every two seconds, and no camera yet.
        await browser.WaitForAsync($"{Cell("nodes", "a", 1)} === '127.0.0.1:{a.SiloPort}' && {Cell("nodes", "b", 1)} === '127.0.0.1:{b.SiloPort}'");
        await browser.WaitForAsync($$"""/^\d+(\.\d)? m?s ago$/.test({{Cell("nodes", "a", 8)}}) && !document.querySelector('#cameras tr')""");
        string said = await TextAsync(browser, Cell("nodes", "a", 8));
        await browser.WaitForAsync($"{Cell("nodes", "a", 8)} !== '{said}'");

        // A camera that is added over REST, at the other node: its frames, the age of its newest one and the time since then move.
        using (HttpResponseMessage answer = await LiveFleet.PutAsync(b, "gate"))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        await browser.WaitForAsync($"{Cell("cameras", "gate", 2)} === 'Running' && Number({Cell("cameras", "gate", 4)}) > 0");
        await browser.WaitForAsync("document.getElementById('sum').textContent === '1 cameras, room for 2000 on 2 nodes'");
        await browser.WaitForAsync(
            $$"""[{{Cell("cameras", "gate", 5)}}, {{Cell("cameras", "gate", 6)}}].every(time => /^\d+(\.\d)? m?s$/.test(time))""");
        string frames = await TextAsync(browser, Cell("cameras", "gate", 4));
        string age = await TextAsync(browser, Cell("cameras", "gate", 5));
        await browser.WaitForAsync($"Number({Cell("cameras", "gate", 4)}) > {frames} && {Cell("cameras", "gate", 5)} !== '{age}'");

        // A name with markup in it is refused. Where Redis has one all the same, the page shows it, with what goes wrong with it, as text.
        using (HttpResponseMessage answer = await LiveFleet.PutAsync(a, Uri.EscapeDataString("<b>gate</b>")))
        {
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }

        FleetOptions options = new() { Cluster = LiveFleet.Cluster, Redis = $"127.0.0.1:{fleet.Redis.Port}" };
        await using (FleetStore store = new(Options.Create(options)))
        {
            Assert.True(await store.AddAsync(new FleetCamera { Id = Hostile, Source = "simulated" }, limit: 2000));
            await browser.WaitForAsync($"{Cell("cameras", Hostile, 0)} === '{Hostile}'");
            Assert.True(await store.RemoveAsync(Hostile));
        }

        await browser.WaitForAsync("document.querySelectorAll('#cameras tr').length === 1");
        Assert.Equal(JsonValueKind.False, (await browser.RunAsync("return 'isHarmed' in window;")).ValueKind);

        // A node that dies is gone, and its camera on the other one. One that is removed leaves the page.
        string owner = await TextAsync(browser, Cell("cameras", "gate", 1));
        (NodeProcess dead, NodeProcess rest) = owner == "a" ? (a, b) : (b, a);
        await browser.OpenAsync(rest.Client.BaseAddress!);
        dead.Kill();
        await browser.WaitForAsync($"{Cell("nodes", dead.Name, 8)} === 'gone' && {Cell("cameras", "gate", 1)} === '{rest.Name}'");
        using (HttpResponseMessage answer = await rest.Client.DeleteAsync("/fleet/cameras/gate"))
        {
            Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        }

        await browser.WaitForAsync("!document.querySelector('#cameras tr')");

        // Nothing came from elsewhere, and the browser has nothing to complain of.
        JsonElement loaded = await browser.RunAsync("return performance.getEntriesByType('resource').map(entry => new URL(entry.name).origin);");
        string origin = rest.Client.BaseAddress!.GetLeftPart(UriPartial.Authority);
        Assert.NotEqual(0, loaded.GetArrayLength());
        Assert.All(loaded.EnumerateArray(), entry => Assert.Equal(origin, entry.GetString()));
        Assert.Empty(await browser.ComplaintsAsync());
    }

    /// <summary>The text of a cell, in the row that begins with a name.</summary>
    private static string Cell(string table, string name, int column) =>
        $"[...document.querySelectorAll('#{table} tr')].find(row => row.cells[0].textContent === '{name}').cells[{column}].textContent";

    private static async Task<string> TextAsync(Browser browser, string expression) => (await browser.RunAsync($"return {expression};")).GetString()!;
}
