namespace YoloZeroCopy.Deploy.Tests;

/// <summary>The files of deploy/, read once.</summary>
internal static class DeployFolder
{
    public static string Root { get; } = FindRoot();

    public static Containerfile Images { get; } = new(PathOf("Containerfile"));

    public static Yaml Compose { get; } = Assert.Single(Yaml.Read(PathOf("compose.yaml")));

    public static Yaml ComposeGpu { get; } = Assert.Single(Yaml.Read(PathOf("compose.gpu.yaml")));

    public static IReadOnlyList<Yaml> Objects { get; } =
        [.. Directory.GetFiles(PathOf("kubernetes"), "*.yaml").Order(StringComparer.Ordinal).SelectMany(Yaml.Read)];

    /// <summary>Pods' specifications, by kind and name of what makes them.</summary>
    public static IReadOnlyDictionary<string, Yaml> Pods { get; } = Objects
        .Where(static one => one["kind"].Text is "Deployment" or "StatefulSet" or "ServingRuntime")
        .ToDictionary(static one => NameOf(one), static one => one["kind"].Text == "ServingRuntime" ? one["spec"] : one["spec", "template", "spec"]);

    public static string PathOf(string name) => Path.Combine(Root, "deploy", name);

    public static Yaml Object(string kindAndName) => Objects.Single(one => NameOf(one) == kindAndName);

    public static string NameOf(Yaml one) => $"{one["kind"].Text}/{one["metadata", "name"].Text}";

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
        {
            folder = folder.Parent;
        }

        Assert.SkipWhen(folder is null, "the test is not run within a checkout");
        return folder.FullName;
    }
}
