using System.Globalization;
using System.Text.Json;
using MultiCamera.Tests.Web;
using YoloZeroCopy.Video.Tests;

namespace MultiCamera.Tests.Live;

/// <summary>Four cameras of real RTSP servers, of which one is killed and one freezes: once, or as often as <c>YZC_LIVE_ROUNDS</c> says, for a figure
/// of how far the ages of the others move.</summary>
/// <remarks>
/// A round is three windows of as many frames as the program's own percentiles are of: all well, all well once more, and two away, from the moment of
/// their loss on. The first two differ by noise alone, and say how far the difference to the third can be trusted. While two are away, two others are
/// there instead: with less to do every camera would be younger, and that would hide what a lost one costs.
/// </remarks>
public sealed class LiveCamerasTests(ITestOutputHelper output) : IDisposable
{
    // What an age is taken over when it is to be a figure.
    private const int FramesOfFigure = 512;
    private const double MostMove = 0.10;

    // A machine that does much else ages frames by itself.
    private const double AgeFactor = 2;
    private const double AgeSlack = 1;

    // Of each camera, frames a second: no two the same, so that in every window each meets the others at all their phases.
    private static readonly double[] Rates = [30, 28.7, 31.1, 29.3, 30.7, 28.1];
    private static readonly string[] Well = ["one", "two"];
    private static readonly string[] Others = ["killed", "frozen"];
    private static readonly string[] Instead = ["third", "fourth"];

    private readonly TempFolder folder = new();
    private readonly List<RtspServer> servers = [];

    public void Dispose()
    {
        servers.ForEach(server => server.Dispose());
        folder.Dispose();
    }

    [Fact]
    public async Task A_camera_that_dies_or_freezes_is_told_comes_back_and_disturbs_no_other()
    {
        await RtspServer.SkipIfMissingAsync();
        int rounds = int.Parse(Environment.GetEnvironmentVariable("YZC_LIVE_ROUNDS") ?? "0", CultureInfo.InvariantCulture);
        int frames = rounds > 0 ? FramesOfFigure : 10;
        string[] names = [.. Well, .. Others, .. Instead];
        foreach (double rate in Rates)
        {
            // A clip that ends is a fault, too: it is not to happen here.
            servers.Add(new RtspServer(await SlowClip.MakeSmallAsync(folder, rounds > 0 ? rate : rate / 3, 15 * (rounds + 1)), cameras: 1));
            await servers[^1].StartAsync();
        }

        (RtspServer killed, RtspServer frozen) = (servers[2], servers[3]);
        await using SiteProcess site = await SiteProcess.StartAsync(folder, Settings([.. Well, .. Others]));
        List<double> noise = [];
        List<double> moves = [];
        for (int round = 0; round < Math.Max(1, rounds); round++)
        {
            // A program that has just begun compiles still.
            _ = await AllMoveOnAsync(site, round == 0 ? frames : 10, [.. Well, .. Others]);
            JsonElement first = await AllMoveOnAsync(site, frames, Well);
            JsonElement second = await AllMoveOnAsync(site, frames, Well);
            SiteProcess.WriteSettings(folder, Settings(names));
            _ = await AllMoveOnAsync(site, 10, names);
            killed.Kill();
            await frozen.FreezeAsync();
            JsonElement away = await AllMoveOnAsync(site, frames, Well);
            JsonElement told = await site.WaitForAsync(
                "api/status", status => State(status, "killed") == "failed" && State(status, "frozen") == "stalled");
            await killed.StartAsync();
            await frozen.ThawAsync();
            SiteProcess.WriteSettings(folder, Settings([.. Well, .. Others]));
            JsonElement after = await AllMoveOnAsync(site, 10, [.. Well, .. Others]);
            Assert.All(Others, name => Assert.True(Camera(after, name).GetProperty("faults").GetInt64() > 0));
            foreach (string name in Well)
            {
                Assert.True(Age(away, name) < (AgeFactor * Age(second, name)) + AgeSlack, $"{name}: {second}\n{away}");
                Assert.Equal(0, Camera(told, name).GetProperty("faults").GetInt64());
                noise.Add((Age(second, name) / Age(first, name)) - 1);
                moves.Add((Age(away, name) / Age(second, name)) - 1);
                output.WriteLine($"{name}, p99 age: {Describe(first, name)}, {Describe(second, name)}, two away {Describe(away, name)}");
            }
        }

        (double floor, double floorError) = Estimate(noise);
        (double move, double moveError) = Estimate(moves);
        output.WriteLine($"p99 age of the others moves by {move:+0.0 %;-0.0 %}, standard error {moveError:0.0 %}; between windows of all cameras by "
            + $"{floor:+0.0 %;-0.0 %}, standard error {floorError:0.0 %}; medians of {moves.Count} pairs");
        if (rounds > 0)
        {
            double unsure = Math.Abs(floor) + (2 * Math.Max(floorError, moveError));
            Assert.SkipWhen(unsure > MostMove, $"the machine does too much else: equal windows differ by so much that {MostMove:0 %} cannot be seen");
            Assert.True(Math.Abs(move) < MostMove, $"The others' p99 age moves by {move:0.0 %}.");
        }

        Assert.Equal(0, await site.StopAsync());
    }

    /// <summary>The median, and how far that of so many values is off: 1.2533 standard deviations over the root of their number, a deviation being
    /// 1.4826 median distances from the median. What a neighbour spoils now and then does not move them.</summary>
    private static (double Median, double Error) Estimate(List<double> values)
    {
        double median = Median(values);
        double distance = Median([.. values.Select(value => Math.Abs(value - median))]);
        return (median, 1.2533 * 1.4826 * distance / Math.Sqrt(values.Count));
    }

    private static double Median(List<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private string Settings(params string[] names) => TestSettings.Lightest([.. names.Select(name =>
    {
        int number = Array.IndexOf([.. Well, .. Others, .. Instead], name);
        return $$"""{ "name": "{{name}}", "source": "rtsp://127.0.0.1:{{servers[number].Port}}/cam0" }""";
    })]);

    private static string Describe(JsonElement status, string name) => FormattableString.Invariant(
        $"{1000 * Age(status, name):0.0} ms (p50 {1000 * Camera(status, name).GetProperty("ageP50").GetDouble():0.0}, ")
        + FormattableString.Invariant($"{Camera(status, name).GetProperty("rate").GetDouble():0.0}/s)");

    private static JsonElement Camera(JsonElement status, string name) => TestSettings.CameraOf(status, name);

    private static string State(JsonElement status, string name) => Camera(status, name).GetProperty("state").GetString()!;

    private static long Detected(JsonElement status, string name) => Camera(status, name).GetProperty("detected").GetInt64();

    private static double Age(JsonElement status, string name) => Camera(status, name).GetProperty("ageP99").GetDouble();

    /// <summary>Waits until cameras have given some frames more, and no others are there but those of the settings.</summary>
    private static async Task<JsonElement> AllMoveOnAsync(SiteProcess site, int frames, params string[] names)
    {
        JsonElement begin = await site.WaitForAsync("api/status", status => Array.TrueForAll(
            names, name => status.GetProperty("cameras").EnumerateArray().Any(
            camera => camera.GetProperty("name").GetString() == name)));
        return await site.WaitForAsync("api/status", status => names.All(name => Detected(status, name) >= Detected(begin, name) + frames));
    }
}
