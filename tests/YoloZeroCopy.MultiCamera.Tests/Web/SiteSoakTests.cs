using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using MultiCamera.Tests.Outlets;

namespace MultiCamera.Tests.Web;

/// <summary>The whole program with more frames than it can look at, for a few seconds, or for as long as <c>YZC_SOAK_SECONDS</c> says.</summary>
public sealed class SiteSoakTests(ITestOutputHelper output) : IDisposable
{
    private const int Cameras = 4;
    private const double FrameRate = 25;
    private const double MaxAge = 0.5;
    // Rules, drawing and encoding of pictures come behind the age limit, and wait for a busy machine.
    private const double HandlingLimit = 1;

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Under_overload_memory_stays_flat_and_no_camera_starves_or_gets_old()
    {
        double seconds = double.Parse(Environment.GetEnvironmentVariable("YZC_SOAK_SECONDS") ?? "8", CultureInfo.InvariantCulture);
        bool isLong = seconds >= 120;
        using Broker broker = new(folder.Path);
        await broker.StartAsync();
        string[] cameras = [.. Enumerable.Range(1, Cameras).Select(number => Camera($"belt-{number}"))];
        // So small that databases and pictures reach their limits.
        string outlets = TestSettings.Mqtt(broker.Port) + """
            , "history": { "file": "history.db", "maxMegabytes": 4, "detectionRate": 10 },
              "media": { "folder": "media", "maxMegabytes": 20, "clipSeconds": 2, "megabytesPerCamera": 4 }
            """;
        // As in the unit for systemd.
        Dictionary<string, string> environment = new() { ["MALLOC_ARENA_MAX"] = "2" };
        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.With(outlets, cameras), environment);
        _ = await site.WaitForAsync("api/status", status => Each(status).All(camera => Number(camera, "detected") > 0));

        List<double> memory = [];
        double oldest = 0;
        double oldestResult = 0;
        JsonElement status = default;
        Stopwatch clock = Stopwatch.StartNew();
        JsonElement first = await site.WaitForAsync("api/status", _ => true);
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
            // One more camera comes and goes.
            if (isLong && memory.Count % 30 == 15)
            {
                string[] now = memory.Count % 60 == 15 ? [.. cameras, Camera("guest")] : cameras;
                SiteProcess.WriteSettings(folder, TestSettings.With(outlets, now));
            }

            status = await site.WaitForAsync("api/status", _ => true);
            _ = await site.Client.GetStringAsync("metrics");
            memory.Add(site.Megabytes());
            oldest = Math.Max(oldest, Each(status).Max(camera => camera.GetProperty("ageP99").GetDouble()));

            // Of the last 512 frames of each camera, which are more than come between two looks.
            double result = Each(status).Max(camera => camera.GetProperty("oldestResult").GetDouble());
            Assert.True(result <= MaxAge, $"A result was {result} s old.\n{status}");
            oldestResult = Math.Max(oldestResult, result);
            if (memory.Count % 30 == 0)
            {
                output.WriteLine($"{clock.Elapsed.TotalSeconds:0} s: {memory[^1]:0} MB, oldest p99 {oldest:0.000} s, {Figures(status)}");
            }
        }

        double[] looked = [.. Each(first).Zip(Each(status)).Select(pair => Number(pair.Second, "detected") - Number(pair.First, "detected"))];
        double rate = looked.Sum() / clock.Elapsed.TotalSeconds;
        output.WriteLine($"{clock.Elapsed.TotalSeconds:0} s: {rate:0.0} of {Cameras * FrameRate} frames/s looked at, "
            + $"with a limit of {MaxAge} s the oldest result was {oldestResult:0.000} s old, and the oldest p99 behind rules and "
            + $"drawing {oldest:0.000} s");
        Assert.SkipWhen(rate > Cameras * FrameRate * 0.95, "the machine looks at every frame: there is no overload");
        Assert.True(Each(status).Sum(camera => Number(camera, "tooOld")) > 0, $"Nothing was too old under overload.\n{status}");
        // A machine that does much else may look at a handful only.
        Assert.True(looked.Min() + 10 > 0.5 * looked.Max(), $"One camera starves: {string.Join(", ", looked)}");
        Assert.True(oldest < MaxAge + HandlingLimit, $"A p99 age was {oldest} s.\n{status}");
        foreach (JsonElement outlet in status.GetProperty("outlets").EnumerateArray())
        {
            Assert.Equal(("working", 0), (outlet.GetProperty("state").GetString(), outlet.GetProperty("dropped").GetInt64()));
        }

        if (isLong)
        {
            // What a program takes in its first minute it keeps.
            double early = memory[(memory.Count / 4)..(memory.Count / 2)].Average();
            double late = memory[^(memory.Count / 4)..].Average();
            output.WriteLine($"memory: {early:0.0} MB in the second quarter, {late:0.0} MB in the last, {memory.Max():0.0} MB at most");
            Assert.True(late < early * 1.05 + 5, $"Memory grows: {string.Join(", ", memory.Select(value => $"{value:0}"))}");
        }

        Assert.Equal(0, await site.StopAsync());
        Assert.True(new FileInfo(folder.File("history.db")).Length < 8_000_000);
        long media = new DirectoryInfo(folder.File("media")).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
        Assert.True(media <= 20_000_000, $"{media} bytes of pictures and clips");
    }

    private static string Camera(string name) => TestSettings.Belt(name, repeat: true, maxAge: MaxAge);

    private static IEnumerable<JsonElement> Each(JsonElement status) =>
        status.GetProperty("cameras").EnumerateArray().Where(camera => camera.GetProperty("name").GetString() != "guest");

    private static long Number(JsonElement camera, string field) => camera.GetProperty(field).GetInt64();

    private static string Figures(JsonElement status) => string.Join("; ", status.GetProperty("cameras").EnumerateArray().Select(camera =>
        $"{camera.GetProperty("name")} {camera.GetProperty("rate").GetDouble():0.0}/s p50 {camera.GetProperty("ageP50")} "
            + $"p99 {camera.GetProperty("ageP99")} busy {camera.GetProperty("busy")} dropped {camera.GetProperty("dropped")}"));
}
