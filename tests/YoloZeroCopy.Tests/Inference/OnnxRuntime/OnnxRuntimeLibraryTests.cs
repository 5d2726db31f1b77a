namespace YoloZeroCopy.Tests;

public sealed class OnnxRuntimeLibraryTests(OnnxRuntimeDoubles doubles) : IClassFixture<OnnxRuntimeDoubles>, IDisposable
{
    private readonly ModelFolder folder = new();

    private static string FileName => OnnxRuntimeSearch.FileNames[0];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Finds_the_applications_own_library_once()
    {
        OnnxRuntimeLibrary library = OnnxRuntimeLibrary.Load();
        Assert.True(Path.IsPathFullyQualified(library.Path));
        Assert.StartsWith("1.", library.Version, StringComparison.Ordinal);
        Assert.Same(library, OnnxRuntimeLibrary.Load());
        Assert.Same(library, OnnxRuntimeLibrary.Load(library.Path));
        Assert.Same(library, OnnxRuntimeLibrary.Load(Path.GetDirectoryName(library.Path)));
    }

    [Fact]
    public void Searches_option_variable_application_and_host_folders_in_this_order()
    {
        string runtimes = $"app/runtimes/{System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier}/native";
        string[] places = ["option", "variable", runtimes, "app", "host"];
        foreach (string place in places)
        {
            Directory.CreateDirectory(folder.File(place));
            File.WriteAllText(Path.Combine(folder.File(place), FileName), "x");
        }

        OnnxRuntimeSearch search = new()
        {
            LibraryPath = Path.Combine(folder.File("option"), FileName),
            Variable = folder.File("variable"),
            ApplicationDirectory = folder.File("app"),
            NativeDirectories = [folder.File("host")],
        };
        Assert.Equal([Found("option")], search.Candidates());
        search = search with { LibraryPath = null };
        Assert.Equal(Found("variable"), search.Candidates().First());
        search = search with { Variable = "" };
        Assert.Equal([.. places[2..].Select(Found), FileName], search.Candidates().Where(file => Path.GetFileName(file) == FileName).Distinct());

        string Found(string place) => Path.Combine(folder.File(place), FileName);
    }

    [Fact]
    public void An_option_or_variable_that_points_nowhere_is_an_error()
    {
        OnnxRuntimeSearch search = new() { ApplicationDirectory = AppContext.BaseDirectory, LibraryPath = folder.File("gone.so") };
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => OnnxRuntimeLibrary.Load(search));
        Assert.Contains("the library path option is", error.Message, StringComparison.Ordinal);
        Assert.Contains("gone.so", error.Message, StringComparison.Ordinal);

        search = search with { LibraryPath = null, Variable = folder.Path };
        error = Assert.Throws<NativeLibraryException>(() => OnnxRuntimeLibrary.Load(search));
        Assert.Contains("environment variable YZC_ONNXRUNTIME", error.Message, StringComparison.Ordinal);
        Assert.Contains(FileName, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void When_nothing_is_found_every_place_and_the_way_out_are_named()
    {
        OnnxRuntimeSearch search = new() { ApplicationDirectory = folder.File("app"), NativeDirectories = [folder.File("host")], UseSystem = false };
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => OnnxRuntimeLibrary.Load(search));
        Assert.Equal("ONNX Runtime", error.Library);
        foreach (string part in (string[])[folder.File("app"), folder.File("host"), "runtimes", "Microsoft.ML.OnnxRuntime", "YZC_ONNXRUNTIME"])
        {
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_is_no_library()
    {
        string file = folder.File(FileName);
        File.WriteAllText(file, "This is a text.");
        Check(file, $"'{file}' cannot be loaded");
    }

    [Theory]
    [InlineData("no_api_base", "it has no OrtGetApiBase")]
    [InlineData("null_base", "is version unknown and has no function table 16; ONNX Runtime 1.16 or newer is needed")]
    [InlineData("null_api", "is version 1.99.0 and has no function table 16; ONNX Runtime 1.16 or newer is needed")]
    [InlineData("too_old", "is version 1.15.1 and has no function table 16; ONNX Runtime 1.16 or newer is needed")]
    public void A_library_that_is_not_one_this_can_use(string name, string reason) => Check(doubles.Library(name), reason);

    [Fact]
    public void The_wrong_library_is_an_error_of_opening_a_model_too()
    {
        string path = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path);
        string library = doubles.Library("too_old");
        Assert.Throws<NativeLibraryException>(() => OnnxRuntimeEngine.Open(path, new OnnxRuntimeOptions { LibraryPath = library }));
    }

    private static void Check(string file, string reason)
    {
        // Twice: a refusal is not kept.
        for (int i = 0; i < 2; i++)
        {
            NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => OnnxRuntimeLibrary.Load(file));
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
            Assert.Contains(file, error.Message, StringComparison.Ordinal);
        }
    }
}
