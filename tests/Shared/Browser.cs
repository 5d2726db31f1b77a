using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit.Sdk;

namespace YoloZeroCopy.Tests;

/// <summary>Chromium without a window, driven by chromedriver through the protocol of W3C WebDriver.</summary>
internal sealed partial class Browser : IAsyncDisposable
{
    private const string ElementKey = "element-6066-11e4-a52e-4f735466cecf";

    /// <summary>For a machine that does much else.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private readonly Process driver;
    private readonly HttpClient client;
    private readonly string session;

    private Browser(Process driver, HttpClient client, string session) => (this.driver, this.client, this.session) = (driver, client, session);

    /// <summary>Starts the browser; skips the test where there is none.</summary>
    public static async Task<Browser> StartAsync()
    {
        string driverPath = Find("chromedriver") ?? throw SkipException.ForSkip("No chromedriver on the PATH; Debian's package is chromium-driver.");
        string browserPath = Find("chromium") ?? throw SkipException.ForSkip("No chromium on the PATH; Debian's package is chromium.");
        Process driver = Process.Start(new ProcessStartInfo(driverPath, ["--port=0"]) { RedirectStandardOutput = true })!;
        try
        {
            using CancellationTokenSource limit = new(Limit);
            Match port;
            do
            {
                string? line = await driver.StandardOutput.ReadLineAsync(limit.Token);
                Assert.True(line is not null, "chromedriver ended.");
                port = Port.Match(line);
            }
            while (!port.Success);

            // So that it never waits for a reader.
            _ = driver.StandardOutput.ReadToEndAsync(CancellationToken.None);
            HttpClient client = new() { BaseAddress = new Uri($"http://127.0.0.1:{port.Groups[1].Value}/"), Timeout = Limit };
            Dictionary<string, object> wanted = new()
            {
                ["browserName"] = "chrome",
                ["goog:chromeOptions"] = new
                {
                    binary = browserPath,
                    args = new[] { "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,900" },
                },
                ["goog:loggingPrefs"] = new { browser = "ALL" },
            };
            JsonElement made = await AnswerAsync(await PostAsync(client, "session", new { capabilities = new { alwaysMatch = wanted } }));
            return new Browser(driver, client, made.GetProperty("sessionId").GetString()!);
        }
        catch
        {
            driver.Kill(entireProcessTree: true);
            driver.Dispose();
            throw;
        }
    }

    public Task OpenAsync(Uri address) => SendAsync("url", new { url = address.ToString() });

    /// <summary>Runs a function's body in the page.</summary>
    public Task<JsonElement> RunAsync(string script) => SendAsync("execute/sync", new { script, args = Array.Empty<object>() });

    /// <summary>Looks again and again until an expression is true. What it looks into may not be there yet.</summary>
    public async Task WaitForAsync(string expression)
    {
        long start = Stopwatch.GetTimestamp();
        while ((await RunAsync($"try {{ return Boolean({expression}); }} catch {{ return false; }}")).ValueKind != JsonValueKind.True)
        {
            bool isInTime = Stopwatch.GetElapsedTime(start) < Limit;
            Assert.True(isInTime, isInTime ? "" : $"Never true: {expression}\n{await RunAsync("return document.body.innerText;")}");
            await Task.Delay(100);
        }
    }

    /// <summary>Clicks with the mouse, as a person does: what lies under something else cannot be clicked.</summary>
    public Task ClickAsync(string selector) => ActAsync(selector, "click", new { });

    public Task TypeAsync(string selector, string text) => ActAsync(selector, "value", new { text });

    /// <summary>What the page complained of.</summary>
    public async Task<IReadOnlyList<string>> ComplaintsAsync() =>
        [.. (await SendAsync("se/log", new { type = "browser" })).EnumerateArray().Select(entry => entry.GetProperty("message").GetString()!)];

    public async Task<byte[]> PhotographAsync() =>
        (await AnswerAsync(await client.GetAsync($"session/{session}/screenshot"))).GetBytesFromBase64();

    public async ValueTask DisposeAsync()
    {
        try
        {
            using HttpResponseMessage answer = await client.DeleteAsync($"session/{session}");
        }
        finally
        {
            client.Dispose();
            driver.Kill(entireProcessTree: true);
            await driver.WaitForExitAsync();
            driver.Dispose();
        }
    }

    private static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    // As a whole with its length: chromedriver reads nothing that comes in chunks.
    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, string address, object content)
    {
        using StringContent text = new(JsonSerializer.Serialize(content), Encoding.UTF8, "application/json");
        return await client.PostAsync(address, text);
    }

    private static async Task<JsonElement> AnswerAsync(HttpResponseMessage answer)
    {
        using (answer)
        {
            JsonElement content = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.True(answer.IsSuccessStatusCode, content.ToString());
            return content.GetProperty("value");
        }
    }

    [GeneratedRegex(@"successfully on port (\d+)")]
    private static partial Regex Port { get; }

    /// <summary>Does something with an element. The page may draw it anew between the look for it and the deed: then it is looked for
    /// again.</summary>
    private async Task ActAsync(string selector, string command, object content)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            string element = await FindAsync(selector);
            HttpResponseMessage answer = await PostAsync(client, $"session/{session}/element/{element}/{command}", content);
            if (!await IsStaleAsync(answer) || Stopwatch.GetElapsedTime(start) >= Limit)
            {
                _ = await AnswerAsync(answer);
                return;
            }

            answer.Dispose();
        }
    }

    // The error's code as WebDriver has it.
    private static async Task<bool> IsStaleAsync(HttpResponseMessage answer)
    {
        if (answer.IsSuccessStatusCode)
        {
            return false;
        }

        using JsonDocument content = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return content.RootElement.GetProperty("value").GetProperty("error").GetString() == "stale element reference";
    }

    private async Task<string> FindAsync(string selector)
    {
        await WaitForAsync($"document.querySelector({JsonSerializer.Serialize(selector)})");
        JsonElement element = await SendAsync("element", new { @using = "css selector", value = selector });
        return element.GetProperty(ElementKey).GetString()!;
    }

    private async Task<JsonElement> SendAsync(string command, object content) =>
        await AnswerAsync(await PostAsync(client, $"session/{session}/{command}", content));
}
