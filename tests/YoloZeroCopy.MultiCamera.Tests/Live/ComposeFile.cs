using YamlDotNet.Serialization;

namespace MultiCamera.Tests.Live;

/// <summary>The sample's compose.yaml, as far as it has to be run without containers: commands, mounted files, volumes and secrets.</summary>
internal sealed class ComposeFile
{
    private readonly Dictionary<string, object> root;

    private ComposeFile(string path, Dictionary<string, object> root)
    {
        (Path, this.root) = (path, root);
    }

    public string Path { get; }

    public IReadOnlyCollection<string> Services => Map(root["services"]).Keys;

    public static ComposeFile Read()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
        {
            folder = folder.Parent;
        }

        Assert.SkipWhen(folder is null, "the test is not run within a checkout");
        string path = System.IO.Path.Combine(folder.FullName, "samples", "MultiCamera", "compose", "compose.yaml");
        return new ComposeFile(path, Map(new DeserializerBuilder().Build().Deserialize<object>(File.ReadAllText(path))!));
    }

    public IReadOnlyDictionary<string, object> Service(string name) => Map(Map(root["services"])[name]);

    public IReadOnlyList<string> Command(string service) => Texts(Service(service)["command"]);

    /// <summary>Files of the host, by the path that the service sees.</summary>
    public IEnumerable<(string Host, string Inside)> Files(string service) => Mounts(service)
        .Where(mount => mount[0].StartsWith('.'))
        .Select(mount => (InFolder(mount[0]), mount[1]));

    /// <summary>Volumes by their names, and the folder that the service sees.</summary>
    public IEnumerable<(string Volume, string Inside)> Volumes(string service) => Mounts(service)
        .Where(mount => !mount[0].StartsWith('.'))
        .Select(mount => (mount[0], mount[1]));

    public IEnumerable<string> Secrets(string service) => Service(service).TryGetValue("secrets", out object? names) ? Texts(names) : [];

    public IReadOnlyCollection<string> Declared(string what) => Map(root[what]).Keys;

    public string InFolder(string path) => System.IO.Path.GetFullPath(path, System.IO.Path.GetDirectoryName(Path)!);

    public static IReadOnlyList<string> Texts(object list) => [.. ((List<object>)list).Cast<string>()];

    public static Dictionary<string, object> Map(object map) =>
        ((Dictionary<object, object>)map).ToDictionary(pair => (string)pair.Key, pair => pair.Value);

    private IEnumerable<string[]> Mounts(string service) =>
        Service(service).TryGetValue("volumes", out object? mounts) ? Texts(mounts).Select(mount => mount.Split(':')) : [];
}
