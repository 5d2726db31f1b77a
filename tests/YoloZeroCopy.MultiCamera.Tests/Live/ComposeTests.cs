using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using MultiCamera.Tests.Outlets;
using MultiCamera.Tests.Web;
using YoloZeroCopy.Video.Tests;

namespace MultiCamera.Tests.Live;

/// <summary>compose.yaml: what it names is there, and its commands run with the files that it mounts. Processes stand for containers, so that what is
/// in the images is not tested.</summary>
public sealed class ComposeTests : IDisposable
{
    private const string Token = "a-token-of-the-test";
    private const string Mosquitto = "/usr/sbin/mosquitto";
    private const string Compose = "/usr/bin/docker-compose";

    private readonly TempFolder folder = new();
    private readonly List<Process> processes = [];

    public void Dispose()
    {
        foreach (Process process in processes)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }

        folder.Dispose();
    }

    [Fact]
    public void What_it_names_is_there()
    {
        ComposeFile file = ComposeFile.Read();
        foreach (string service in file.Services)
        {
            Assert.All(file.Files(service), mount => Assert.True(File.Exists(mount.Host), mount.Host));
            Assert.Subset(file.Declared("volumes").ToHashSet(), file.Volumes(service).Select(volume => volume.Volume).ToHashSet());
            Assert.Subset(file.Declared("secrets").ToHashSet(), file.Secrets(service).ToHashSet());
            if (file.Service(service).TryGetValue("depends_on", out object? others))
            {
                Assert.Subset(file.Services.ToHashSet(), ComposeFile.Texts(others).ToHashSet());
            }

            if (file.Service(service).TryGetValue("build", out object? build))
            {
                string context = file.InFolder((string)ComposeFile.Map(build)["context"]);
                Assert.True(File.Exists(Path.Combine(context, (string)ComposeFile.Map(build)["dockerfile"])), $"the Dockerfile of {service}");
            }
        }

        // The program finds broker and cameras by the names of their services, and is asked for its health where it listens.
        JsonElement settings = JsonDocument.Parse(File.ReadAllText(file.InFolder("site.json"))).RootElement;
        Assert.Contains(settings.GetProperty("mqtt").GetProperty("host").GetString(), file.Services);
        foreach (JsonElement camera in settings.GetProperty("cameras").EnumerateArray())
        {
            Uri source = new(camera.GetProperty("source").GetString()!);
            Assert.Contains(source.Host, file.Services);
            Assert.Contains(source.Port.ToString(CultureInfo.InvariantCulture), file.Command(source.Host));
        }

        Uri page = new(settings.GetProperty("listen").GetString()!);
        Uri health = new(ComposeFile.Texts(ComposeFile.Map(file.Service("multicamera")["healthcheck"])["test"])[^1]);
        Assert.Equal((page.Port, "/health"), (health.Port, health.AbsolutePath));
        Assert.EndsWith($":{page.Port}", Assert.Single(ComposeFile.Texts(file.Service("multicamera")["ports"])), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_valid()
    {
        Assert.SkipUnless(File.Exists(Compose), $"{Compose} is not installed, which eng/site-test-packages.sh does");
        ProcessStartInfo start = new(Compose, ["-f", ComposeFile.Read().Path, "config", "-q"]) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, error);
    }

    [Fact]
    public async Task Its_services_run_together_and_alarms_come_to_the_broker()
    {
        Assert.SkipUnless(File.Exists(Mosquitto), $"{Mosquitto} is not installed, which eng/site-test-packages.sh does");
        await RtspServer.SkipIfMissingAsync();
        ComposeFile file = ComposeFile.Read();
        int brokerPort = LocalPort.Free();
        int camerasPort = LocalPort.Free();
        await File.WriteAllTextAsync(folder.File("page-token"), Token);

        // As root it would go on as another user, who may not write here.
        string[] broker = [.. file.Command("broker").Select(argument => OnHost(file, "broker", argument))];
        string brokerSettings = OnHost(file, "broker", await File.ReadAllTextAsync(broker[^1]))
            .Replace("listener 1883", $"listener {brokerPort} 127.0.0.1\nuser {Environment.UserName}", StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder.File("mosquitto.conf"), brokerSettings);
        _ = Start(Mosquitto, [.. broker[1..^1], folder.File("mosquitto.conf")]);

        await Until.TrueAsync(() => Broker.Answers(brokerPort), () => "mosquitto does not listen");
        await using Collector collector = new(brokerPort, topic: "multicamera");
        await collector.StartAsync();

        string[] cameras = [.. file.Command("cameras").Select(argument => OnHost(file, "cameras", argument) switch
        {
            "8554" => $"{camerasPort}",
            "0.0.0.0" => "127.0.0.1",
            string other => other,
        })];
        Process server = Start(cameras[0], cameras[1..]);
        Assert.Equal("ready", await server.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));

        Assert.Equal(["/app/MultiCamera", "/settings/site.json"], file.Command("multicamera"));
        string settings = OnHost(file, "multicamera", await File.ReadAllTextAsync(file.InFolder("site.json")))
            .Replace("http://0.0.0.0:8080", "http://127.0.0.1:0", StringComparison.Ordinal)
            .Replace("rtsp://cameras:8554/", $"rtsp://127.0.0.1:{camerasPort}/", StringComparison.Ordinal)
            .Replace("\"host\": \"broker\"", $"\"host\": \"127.0.0.1\", \"port\": {brokerPort}", StringComparison.Ordinal);
        await using SiteProcess site = await SiteProcess.StartAsync(folder, settings);
        site.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        _ = await site.WaitForAsync("health", health => health.GetProperty("camerasLive").GetInt32() == 4
            && health.GetProperty("outletsWorking").GetInt32() == 3);

        string[] watched = ["belt-2", "belt-3", "belt-4"];
        await Until.TrueAsync(() => watched.All(camera => collector.Last($"multicamera/alarms/{camera}") is not null), () => site.Output);
        Assert.Equal("online", collector.Last("multicamera/status")?.State);
        Assert.Equal(0, await site.StopAsync());
        await Until.TrueAsync(() => collector.Last("multicamera/status")?.State == "offline", () => site.Output);
        Assert.Equal(collector.AlarmIds.Distinct().Count(), collector.AlarmIds.Count);
        Assert.NotEmpty(KeptFiles.History(folder.File("data/history.db")));
        Assert.NotEmpty(Directory.GetFiles(folder.File("data/media"), "*.jpg", SearchOption.AllDirectories));
    }

    // What a service finds under its own paths lies elsewhere here.
    private string OnHost(ComposeFile file, string service, string text)
    {
        foreach ((string host, string inside) in file.Files(service))
        {
            text = text.Replace(inside, host, StringComparison.Ordinal);
        }

        foreach ((string volume, string inside) in file.Volumes(service))
        {
            string path = Directory.CreateDirectory(folder.File(volume)).FullName;
            text = Regex.Replace(text, $"{Regex.Escape(inside)}(?=/|$)", path, RegexOptions.Multiline);
        }

        foreach (string secret in file.Secrets(service))
        {
            text = text.Replace($"/run/secrets/{secret}", folder.File(secret), StringComparison.Ordinal);
        }

        return text;
    }

    private Process Start(string program, string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder.Path,
        };
        Process process = Process.Start(start)!;
        processes.Add(process);
        process.BeginErrorReadLine();
        return process;
    }
}
