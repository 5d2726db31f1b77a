using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using static YoloZeroCopy.Deploy.Tests.DeployFolder;

namespace YoloZeroCopy.Deploy.Tests;

/// <summary>What deploy/ names is there: files, arguments, settings, ports, paths and metrics of the programs. What is in the images, and that
/// they run, is for deploy/smoke.sh.</summary>
public class DeployTests
{
    private const string DockerCompose = "/usr/bin/docker-compose";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>Everything that starts the server, and with which arguments.</summary>
    public static TheoryData<string> ServerStarts => ["image", "compose.gpu", "Deployment/yolo-server", "ServingRuntime/yolozerocopy"];

    [Fact]
    public void Images_are_made_of_what_is_there_and_run_as_nobody()
    {
        foreach (string stage in Images.Stages)
        {
            foreach (Match project in Images.All(stage, "RUN").SelectMany(static run => Regex.Matches(run, @"dotnet publish (\S+)")))
            {
                Assert.Single(Directory.GetFiles(Path.Combine(Root, project.Groups[1].Value), "*.csproj"));
            }
        }

        foreach (string image in new[] { "server", "fleet", "fleet-video" })
        {
            Assert.Equal("10001:10001", Images.Last(image, "USER"));
            Assert.Contains(Images.Probe(image).Port, Images.Ports(image));
            Assert.All(Images.All(image, "COPY"), copy =>
            {
                string from = Regex.Match(copy, @"--from=(\S+)").Groups[1].Value;
                Assert.True(from.Length > 0 ? Images.Stages.Contains(from) : File.Exists(Path.Combine(Root, copy.Split(' ')[0])), copy);
            });
        }

        Assert.Equal([DefaultOptions.HttpPort, DefaultOptions.GrpcPort], Images.Ports("server"));
        Assert.Equal(new FleetOptions().SiloPort, Images.Ports("fleet").Last());
        Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(PathOf("probe")).HasFlag(UnixFileMode.OtherExecute));
    }

    [Theory]
    [MemberData(nameof(ServerStarts))]
    public async Task The_server_takes_its_arguments_and_answers_what_is_asked(string what)
    {
        Yaml? container = Pods.TryGetValue(what, out Yaml? pod) ? Assert.Single(pod["containers"].List) : null;
        bool hasCommand = container is not null && container["command"].IsThere;
        IEnumerable<string> command = hasCommand ? container!["command"].Texts : Images.Command("server", "ENTRYPOINT");
        IReadOnlyList<string> arguments = container is not null ? container["args"].Texts
            : what == "compose.gpu" ? ComposeGpu["services", "server", "command"].Texts
            : Images.Command("server", "CMD");
        Assert.Equal("/app/yzc", command.First());
        using ServeProcess server = new([.. command.Skip(1), .. arguments]);
        await server.StartedAsync(Cancelled);

        List<string> probes = container is null ? [Images.Probe("server").Path] : [.. Probes(container).Select(static probe => probe["path"].Text)];
        foreach (string path in probes)
        {
            await server.HealthyAsync(path, Cancelled);
        }

        bool hasTls = arguments.Any(static one => one.StartsWith("--certificate", StringComparison.Ordinal));
        if (container is not null)
        {
            Assert.All(Probes(container), probe => Assert.Equal(hasTls, probe["scheme"].IsThere && probe["scheme"].Text == "HTTPS"));
        }

        if (what == "Deployment/yolo-server")
        {
            Yaml scraped = Assert.Single(Object("PodMonitor/yolo-server")["spec", "podMetricsEndpoints"].List);
            Assert.Equal(hasTls, scraped["scheme"].Text == "https");
            string metrics = await server.MetricsAsync(scraped["path"].Text, Cancelled);
            string query = Assert.Single(Object("ScaledObject/yolo-server")["spec", "triggers"].List)["metadata", "query"].Text;
            string name = Assert.Single(Regex.Matches(query, "yzc_[a-z_]+")).Value;
            Assert.Matches($@"(?m)^{name}{{model=""conveyor""}} \d", metrics);
        }
    }

    [Fact]
    public void Pods_are_asked_at_ports_that_they_have_and_write_nowhere_else()
    {
        foreach ((string name, Yaml pod) in Pods)
        {
            Yaml container = Assert.Single(pod["containers"].List);
            IEnumerable<Yaml> ports = container["ports"].List;
            HashSet<string> known = [.. ports.SelectMany(static port => new[] { port["name"].Text, port["containerPort"].Text })];
            Assert.All(Probes(container), probe => Assert.Contains(probe["port"].Text, known));

            Yaml security = container["securityContext"];
            Assert.Equal("true", security["readOnlyRootFilesystem"].Text);
            Assert.Equal("false", security["allowPrivilegeEscalation"].Text);
            Assert.Equal(["ALL"], security["capabilities", "drop"].Texts);
            Yaml user = security["runAsUser"].IsThere ? security : pod["securityContext"];
            Assert.True(user["runAsNonRoot"].Text == "true" && user["runAsUser"].Number > 0, name);

            IEnumerable<Yaml> claims = Object(name)["spec", "volumeClaimTemplates"].List.Select(static claim => claim["metadata"]);
            HashSet<string> volumes = [.. pod["volumes"].List.Concat(claims).Select(static volume => volume["name"].Text)];
            Assert.All(container["volumeMounts"].List, mount => Assert.Contains(mount["name"].Text, volumes));

            if (container["image"].Text.StartsWith("yolozerocopy/", StringComparison.Ordinal))
            {
                Assert.Equal("1", container["resources", "limits", "nvidia.com/gpu"].Text);
                Assert.Contains(container["image"].Text, ComposeGpu["services"].Map.Values.Select(static service => service["image"].Text));
                Assert.Contains(container["volumeMounts"].List, static mount => mount["mountPath"].Text == "/tmp");
                string image = Regex.Match(container["image"].Text, "/([a-z-]+):").Groups[1].Value;
                if (!container["args"].Texts.Any(static argument => argument.Contains("-port", StringComparison.Ordinal)))
                {
                    Assert.Subset(Images.Ports(image).ToHashSet(), ports.Select(static port => port["containerPort"].Number).ToHashSet());
                }
            }
        }

        foreach (Yaml service in Objects.Where(static one => one["kind"].Text == "Service"))
        {
            Yaml pod = Assert.Single(Pods, one => one.Key.EndsWith($"/{service["spec", "selector", "app"].Text}", StringComparison.Ordinal)).Value;
            Assert.All(service["spec", "ports"].List, port => Assert.Contains(
                port["targetPort"].Text, pod["containers"].List[0]["ports"].List.Select(static one => one["name"].Text)));
        }

        Assert.Contains("Deployment/" + Object("ScaledObject/yolo-server")["spec", "scaleTargetRef", "name"].Text, Pods.Keys);
        Assert.Equal("yolozerocopy", Object("InferenceService/conveyor")["spec", "predictor", "model", "runtime"].Text);
    }

    [Fact]
    public void What_is_open_has_the_time_that_it_was_promised()
    {
        foreach (string name in new[] { "Deployment/yolo-server", "ServingRuntime/yolozerocopy" })
        {
            Yaml container = Assert.Single(Pods[name]["containers"].List);
            string option = Assert.Single(container["args"].Texts, static one => one.StartsWith("--drain=", StringComparison.Ordinal));
            int drain = int.Parse(option[8..], CultureInfo.InvariantCulture);
            Yaml pause = container["lifecycle", "preStop", "exec", "command"];
            Yaml pod = name.StartsWith("Serving", StringComparison.Ordinal) ? Object("InferenceService/conveyor")["spec", "predictor"] : Pods[name];
            Assert.InRange(pod["terminationGracePeriodSeconds"].Number, drain + (pause.IsThere ? pause.List[1].Number : 0) + Answers, 120);
        }

        Assert.InRange(Seconds(Compose["services", "server", "stop_grace_period"]), (int)DefaultOptions.DrainTimeout.TotalSeconds + Answers, 60);

        // What the sample's host has for its end, as its program says.
        string program = File.ReadAllText(Path.Combine(Root, "samples/Fleet/Program.cs"));
        Match timeout = Regex.Match(program, @"ShutdownTimeout = TimeSpan\.FromSeconds\((\d+)\)");
        int shutdown = int.Parse(timeout.Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(Pods["StatefulSet/fleet"]["terminationGracePeriodSeconds"].Number, shutdown + Answers, 60);
        Assert.InRange(Seconds(Compose["services", "node-a", "stop_grace_period"]), shutdown + Answers, 60);
    }

    [Fact]
    public void Nodes_take_their_settings()
    {
        Yaml node = Assert.Single(Pods["StatefulSet/fleet"]["containers"].List);
        CheckNode(node["env"].List.ToDictionary(static one => one["name"].Text, static one => one["value"].IsThere
            ? one["value"].Text
            : OfPod(one["valueFrom", "fieldRef", "fieldPath"].Text)));
        string folder = Regex.Match(Images.Last("fleet", "ENV"), @"Fleet__DataFolder=(\S+)").Groups[1].Value;
        Assert.Contains(node["volumeMounts"].List, mount => mount["name"].Text == "data" && mount["mountPath"].Text == folder);
        foreach (string name in new[] { "node-a", "node-b" })
        {
            Yaml service = Compose["services", name];
            Dictionary<string, string> settings = SettingsOf(service);
            CheckNode(settings);
            CheckNode(settings.Concat(SettingsOf(ComposeGpu["services", name])).ToDictionary());
            Assert.Equal(settings["Fleet__Address"], service["networks", "default", "ipv4_address"].Text);
            Assert.Contains(settings["Detector__Model"], service["volumes"].Texts.Select(static mount => mount.Split(':')[1]));
        }

        // The probe, where the image says that the program listens.
        string program = File.ReadAllText(Path.Combine(Root, "samples/Fleet/Program.cs"));
        (int port, string path) = Images.Probe("fleet");
        Assert.Contains($"MapGet(\"{path}\"", program, StringComparison.Ordinal);
        Assert.Contains($"Urls=http://0.0.0.0:{port} ", Images.Last("fleet", "ENV"), StringComparison.Ordinal);
        Assert.All(Probes(node), probe => Assert.Equal(path, probe["path"].Text));
    }

    [Fact]
    public void What_compose_names_is_there()
    {
        foreach ((string name, Yaml service) in Compose["services"].Map)
        {
            foreach (string[] mount in service["volumes"].Texts.Select(static one => one.Split(':')))
            {
                bool isFile = mount[0].StartsWith('.');
                bool isThere = isFile ? File.Exists(Path.GetFullPath(mount[0], PathOf(""))) : Compose["volumes"].Map.ContainsKey(mount[0]);
                Assert.True(isThere, $"{name}: {mount[0]}");
            }

            Yaml build = service["build"];
            if (build.IsThere)
            {
                string context = Path.GetFullPath(build["context"].Text, PathOf(""));
                Assert.True(File.Exists(Path.Combine(context, build["dockerfile"].Text)), name);
                Assert.True(!build["target"].IsThere || Images.Stages.Contains(build["target"].Text), name);
            }

            Assert.All(service["secrets"].Texts, secret => Assert.Contains(secret, Compose["secrets"].Map.Keys));
            Assert.All(service["depends_on"].Texts, other => Assert.Contains(other, Compose["services"].Map.Keys));
            if (!service["extends"].IsThere)
            {
                Assert.True(service["read_only"].Text == "true" && service["cap_drop"].Texts[0] == "ALL", name);
            }
        }

        Assert.Contains("/run/secrets/" + Assert.Single(Compose["services", "server", "secrets"].Texts), Images.Command("server", "CMD"));
        Assert.Equal(
            Images.Ports("server").Select(static port => $"127.0.0.1:{port}:{port}"), Compose["services", "server", "ports"].Texts);
        string cuda = ComposeGpu["services", "server", "build", "args", "BASE"].Text;
        Assert.Contains(cuda, File.ReadAllText(PathOf("Containerfile")), StringComparison.Ordinal);
        Assert.Contains(cuda, File.ReadAllText(Path.Combine(Root, "docs/installing.md")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("server", false)]
    [InlineData("server", true)]
    [InlineData("fleet", false)]
    [InlineData("fleet", true)]
    [InlineData("site", false)]
    public async Task Compose_files_are_valid(string profile, bool hasGpu)
    {
        Assert.SkipUnless(File.Exists(DockerCompose), $"{DockerCompose} is not installed, which eng/site-test-packages.sh does");
        string[] gpu = hasGpu ? ["-f", PathOf("compose.gpu.yaml")] : [];
        string[] arguments = ["-f", PathOf("compose.yaml"), .. gpu, "--profile", profile, "config", "-q"];
        ProcessStartInfo start = new(DockerCompose, arguments) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string error = await process.StandardError.ReadToEndAsync(Cancelled);
        await process.WaitForExitAsync(Cancelled);
        Assert.True(process.ExitCode == 0, error);
    }

    // Seconds beside --drain that answers and the end of models have.
    private const int Answers = 3;

    private static DetectionServerOptions DefaultOptions { get; } = new();

    private static IEnumerable<Yaml> Probes(Yaml container) =>
        new[] { "startupProbe", "readinessProbe", "livenessProbe" }.Select(probe => container[probe, "httpGet"]).Where(static probe => probe.IsThere);

    private static int Seconds(Yaml period) => int.Parse(Regex.Match(period.Text, @"^(\d+)s$").Groups[1].Value, CultureInfo.InvariantCulture);

    private static string OfPod(string field) => field switch
    {
        "metadata.name" => "fleet-0",
        "status.podIP" => "10.1.2.3",
        _ => throw new ArgumentOutOfRangeException(nameof(field), field, "no such field is known here"),
    };

    private static Dictionary<string, string> SettingsOf(Yaml service) =>
        service["environment"].Map.ToDictionary(static one => one.Key, static one => one.Value.Text);

    // The library binds and checks the fleet's settings; those of the detector are the sample's own.
    private static void CheckNode(IReadOnlyDictionary<string, string> environment)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        _ = builder.Configuration.AddInMemoryCollection(
            environment.Select(static one => new KeyValuePair<string, string?>(one.Key.Replace("__", ":", StringComparison.Ordinal), one.Value)));
        _ = builder.AddYoloFleet<NoCameras>(builder.Configuration.GetSection("Fleet"));
        string program = File.ReadAllText(Path.Combine(Root, "samples/Fleet/Program.cs"));
        Assert.All(
            environment.Keys.Where(static key => !key.StartsWith("Fleet__", StringComparison.Ordinal)),
            key => Assert.Contains($"\"{key.Replace("__", ":", StringComparison.Ordinal)}\"", program, StringComparison.Ordinal));
    }

    private sealed class NoCameras : ICameraRunner
    {
        public Task RunAsync(FleetCamera camera, CameraOutput output, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
