using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Tests;

/// <summary>Programs that the templates make: built without a warning against the packages, and run.</summary>
[Collection(PackagesOnce.Name)]
public class TemplateTests(PackedPackages packages, MadeOfTemplates made) : IClassFixture<MadeOfTemplates>
{
    private const int Terminate = 15;

    private static readonly string Picture = PackedPackages.Repository("samples", "media", "pictures", "0.jpg");

    [Fact]
    public void Console_program_prints_what_it_finds_and_says_what_is_wrong()
    {
        string[] found = Run(MadeOfTemplates.Model, Picture).Succeeded().Lines;
        Assert.Equal($"{Picture}: 16 objects", found[0]);
        Assert.Equal(17, found.Length);
        Assert.Contains(found, static line => Regex.IsMatch(line, @"^washer_cracked 0\.\d\d at \d+,\d+ to \d+,\d+$"));

        Assert.Equal(2, Run().ExitCode);
        ProgramResult wrong = Run(MadeOfTemplates.Model, "missing.jpg");
        Assert.Equal((1, ""), (wrong.ExitCode, wrong.Output.Trim()));
        Assert.Contains("missing.jpg", Assert.Single(wrong.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);

        ProgramResult Run(params string[] arguments) => DotnetProgram.Dotnet(made.Folder, packages.Packages, [made.Program("Finder"), .. arguments]);
    }

    [Fact]
    public async Task Worker_service_under_load_stops_within_its_hosts_time()
    {
        Signals.SkipIfIgnored(Terminate);

        // Frames come much faster than this machine detects: the queue is full, lanes are busy, and frames are dropped all the time.
        using RunningProgram worker = new(
            made.Program("Line"), made.FolderOf("Line"), ("Camera__FramesPerSecond", "500"), ("Detector__Device", "cpu"),
            ("Detector__DropReportInterval", "00:00:01"));
        await worker.LineAsync("Detector default is open");
        await worker.LineAsync("Detector default dropped");
        await worker.LineAsync(" frames, ");

        // A host that must leave a service behind when its shutdown time is over ends with an error.
        Assert.Equal(0, await worker.TerminateAsync());
        Assert.DoesNotContain("fail:", worker.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("crit:", worker.Output, StringComparison.Ordinal);
        Assert.Contains("Application is shutting down", worker.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Web_service_answers_and_stops()
    {
        Signals.SkipIfIgnored(Terminate);
        using RunningProgram service = new(
            made.Program("Api"), made.FolderOf("Api"), ("ASPNETCORE_URLS", "http://127.0.0.1:0"), ("Detector__Device", "cpu"));
        string listening = await service.LineAsync("Now listening on: ");
        using HttpClient client = new() { BaseAddress = new Uri(listening[listening.IndexOf("http", StringComparison.Ordinal)..]) };
        client.Timeout = TimeSpan.FromMinutes(5);
        using (ByteArrayContent picture = new(await File.ReadAllBytesAsync(Picture)))
        {
            using HttpResponseMessage answer = await client.PostAsync("/detect", picture);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Found[]? found = await answer.Content.ReadFromJsonAsync<Found[]>();
            Assert.Equal(16, found!.Length);
            Assert.Contains(found, static item => item.Name == "washer_cracked");
        }

        using (ByteArrayContent none = new([1, 2, 3]))
        {
            using HttpResponseMessage answer = await client.PostAsync("/detect", none);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }

        Assert.Equal("Healthy", await client.GetStringAsync("/health"));
        Assert.Equal(0, await service.TerminateAsync());
    }

    [Fact]
    public void For_a_gpu_the_other_build_of_ONNX_Runtime_is_taken()
    {
        string version = PackedPackages.VersionOf("Microsoft.ML.OnnxRuntime");
        made.New("yolo-console", "OnGpu", "--gpu", "true", "--no-restore", "true");
        string project = File.ReadAllText(Path.Combine(made.FolderOf("OnGpu"), "OnGpu.csproj"));
        Assert.Contains($"\"Microsoft.ML.OnnxRuntime.Gpu\" Version=\"{version}\"", project, StringComparison.Ordinal);
        Assert.DoesNotContain("\"Microsoft.ML.OnnxRuntime\"", project, StringComparison.Ordinal);
        Assert.DoesNotContain("gpu)", project, StringComparison.Ordinal);
    }

    private sealed record Found(string Name, float Score);
}

/// <summary>One program of each template, built together.</summary>
public sealed class MadeOfTemplates
{
    private readonly PackedPackages packages;
    private readonly string hive;

    public MadeOfTemplates(PackedPackages packages)
    {
        this.packages = packages;
        Folder = packages.NewFolder("templates");

        // The user's own list of templates stays as it is.
        hive = Path.Combine(packages.Folder, "template-hive");
        Dotnet("new", "install", packages.PathOf("YoloZeroCopy.Templates"));
        New("yolo-console", "Finder", "--no-restore", "true");
        New("yolo-worker", "Line", "--model", Model, "--no-restore", "true");
        New("yolo-api", "Api", "--model", Model, "--no-restore", "true");
        File.WriteAllText(
            Path.Combine(Folder, "All.slnx"),
            """<Solution><Project Path="Finder/Finder.csproj" /><Project Path="Line/Line.csproj" /><Project Path="Api/Api.csproj" /></Solution>""");
        DotnetProgram.Dotnet(
            Folder, packages.Packages, "build", "All.slnx", "--configuration", "Release", "-warnaserror", "-nodeReuse:false", "-p:NuGetAudit=false")
            .Succeeded();
    }

    public static string Model { get; } = PackedPackages.Repository("samples", "model", "conveyor.onnx");

    public string Folder { get; }

    public string FolderOf(string name) => Path.Combine(Folder, name);

    public string Program(string name) => Path.Combine(FolderOf(name), "bin", "Release", "net10.0", $"{name}.dll");

    public void New(string template, string name, params string[] arguments) => Dotnet(["new", template, "-o", FolderOf(name), .. arguments]);

    private void Dotnet(params string[] arguments) =>
        DotnetProgram.Dotnet(Folder, packages.Packages, [.. arguments, "--debug:custom-hive", hive]).Succeeded();
}
