using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>Where shim and TensorRT are looked for, and what is said where they are not, or are something else.</summary>
public sealed class TensorRtLibraryTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Searches_option_variable_application_host_folders_and_system_in_this_order()
    {
        TensorRtSearch search = new() { ApplicationDirectory = folder.File("app"), NativeDirectories = [folder.File("host")] };
        string[] shims = [.. search.ShimCandidates(11)];
        Assert.Equal(folder.File("app/runtimes/linux-x64/native/libyzc_trt11.so"), shims[^4]);
        Assert.Equal([folder.File("app/libyzc_trt11.so"), folder.File("host/libyzc_trt11.so"), "libyzc_trt11.so"], shims[^3..]);
        string[] libraries = [.. search.LibraryCandidates(11)];
        Assert.Equal(["libnvinfer.so.11", "libtensorrt_rtx.so.1", "libnvinfer_lean.so.11"], libraries[^3..]);
        Assert.Equal(["libnvinfer.so.10", "libnvinfer_lean.so.10"], search.LibraryCandidates(10).TakeLast(2));

        // To run an engine, what built it comes first, and what cannot run it last.
        TensorRtSearch forRtx = search with { Origin = new TensorRtOrigin(11, IsRtx: true) };
        Assert.Equal(["libtensorrt_rtx.so.1", "libnvinfer.so.11", "libnvinfer_lean.so.11"], forRtx.LibraryCandidates(11).TakeLast(3));
        TensorRtSearch forOther = search with { Origin = new TensorRtOrigin(11, IsRtx: false) };
        Assert.Equal(["libnvinfer.so.11", "libnvinfer_lean.so.11", "libtensorrt_rtx.so.1"], forOther.LibraryCandidates(11).TakeLast(3));

        Directory.CreateDirectory(folder.File("variable"));
        File.WriteAllText(folder.File("variable/libnvinfer.so.10"), "x");
        search = search with { Variable = folder.File("variable") };
        Assert.All(search.LibraryCandidates(10), path => Assert.StartsWith(folder.File("variable"), path, StringComparison.Ordinal));
        File.WriteAllText(folder.File("named.so"), "x");
        search = search with { LibraryPath = folder.File("named.so") };
        Assert.Equal([folder.File("named.so")], search.LibraryCandidates(10));
        Assert.Equal([folder.File("named.so")], search.LibraryCandidates(11));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_path_that_points_nowhere_is_an_error(bool option)
    {
        string nowhere = folder.File("nowhere");
        TensorRtSearch search = new()
        {
            ApplicationDirectory = folder.Path,
            LibraryPath = option ? nowhere : null,
            Variable = nowhere,
            ShimPath = option ? nowhere : null,
            ShimVariable = nowhere,
        };
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => search.LibraryCandidates(11));
        Assert.Contains(option ? "the TensorRT path option is" : "environment variable YZC_TENSORRT is", error.Message, StringComparison.Ordinal);
        Assert.Contains("libtensorrt_rtx.so.1", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<NativeLibraryException>(() => search.ShimCandidates(11));
        Assert.Contains(option ? "the shim path option is" : "environment variable YZC_TENSORRT_SHIM is", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_shim_every_place_and_the_package_are_named()
    {
        SkipElsewhere();
        TensorRtSearch search = new() { ApplicationDirectory = folder.File("app"), UseSystem = false };
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => TensorRtLibrary.Open(search));
        Assert.Equal("TensorRT shim", error.Library);
        foreach (string words in (
            string[])["YoloZeroCopy.TensorRt.linux-x64", "YZC_TENSORRT_SHIM", folder.File("app/libyzc_trt11.so"), folder.File("app/libyzc_trt10.so")])
        {
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("int nothing;", "has no yzc_trt_abi_version")]
    [InlineData("int yzc_trt_abi_version(void) { return 99; } int yzc_trt_tensorrt_major(void) { return 11; }", "interface version 99")]
    [InlineData("int yzc_trt_abi_version(void) { return 2; } int yzc_trt_tensorrt_major(void) { return 11; }", "is damaged")]
    public void A_library_that_is_not_the_shim_is_refused(string source, string reason)
    {
        SkipElsewhere();
        string file = folder.File("libyzc_trt11.so");
        using (Process? compiler = StartCompiler(file))
        {
            compiler.StandardInput.Write(source);
            compiler.StandardInput.Close();
            compiler.WaitForExit();
            Assert.Equal(0, compiler.ExitCode);
        }

        NativeLibraryException error = Assert.Throws<NativeLibraryException>(
            () => TensorRtShim.LoadAll(new TensorRtSearch { ApplicationDirectory = folder.Path, UseSystem = false }, []));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_shim_that_is_no_library_is_refused()
    {
        SkipElsewhere();
        File.WriteAllText(folder.File("libyzc_trt10.so"), "This is a text.");
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(
            () => TensorRtShim.LoadAll(new TensorRtSearch { ApplicationDirectory = folder.Path, UseSystem = false }, []));
        Assert.Contains("cannot be loaded", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_tensorrt_every_place_is_named()
    {
        TensorRtSearch search = new() { ShimPath = TensorRtAssets.Shims, ApplicationDirectory = folder.File("app"), UseSystem = false };
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => TensorRtLibrary.Open(search));
        Assert.Equal("TensorRT", error.Library);
        foreach (string words in (string[])["YZC_TENSORRT", folder.File("app/libnvinfer.so.11"), folder.File("app/libtensorrt_rtx.so.1"),
            folder.File("app/libnvinfer_lean.so.11")])
        {
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_that_is_not_tensorrt_is_refused_by_name()
    {
        string shims = TensorRtAssets.Shims;
        string file = folder.File("libnvinfer.so.11");
        File.WriteAllText(file, "This is a text.");
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(
            () => TensorRtLibrary.Open(new TensorRtSearch { ShimPath = shims, LibraryPath = file, ApplicationDirectory = folder.Path }));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        error = Assert.Throws<NativeLibraryException>(() => TensorRtLibrary.Open(new TensorRtSearch
        {
            ShimPath = shims,
            LibraryPath = OnnxRuntimeLibrary.Load().Path,
            ApplicationDirectory = folder.Path,
        }));
        Assert.Contains("onnxruntime", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TensorRt_for_rtx_opens_without_a_gpu_and_says_what_it_is()
    {
        using TensorRtLibrary library = TensorRtLibrary.Open(
            new TensorRtSearch { ShimPath = TensorRtAssets.Shims, LibraryPath = TensorRtAssets.Rtx, ApplicationDirectory = folder.Path });
        Assert.StartsWith("TensorRT for RTX 1.", library.Name, StringComparison.Ordinal);
        Assert.True(library.CanBuild);
        Assert.Equal((11, TensorRtAssets.Rtx), (library.Shim.Major, library.Path));
    }

    [Theory]
    [InlineData(10, 11)]
    [InlineData(11, 10)]
    public void A_library_of_another_major_is_refused_before_it_is_used(int shim, int library)
    {
        string file = TensorRtAssets.Double(library);
        string shimFile = TensorRtAssets.Shim(shim);
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(
            () => TensorRtLibrary.Open(new TensorRtSearch { ShimPath = shimFile, LibraryPath = file, ApplicationDirectory = folder.Path }));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains("majors 10 and 11 are supported", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(11)]
    public void Of_two_shims_the_one_of_the_librarys_major_is_taken(int major)
    {
        using TensorRtLibrary library = TensorRtLibrary.Open(
            new TensorRtSearch { ShimPath = TensorRtAssets.Shims, LibraryPath = TensorRtAssets.Double(major), ApplicationDirectory = folder.Path });
        Assert.Equal(major, library.Shim.Major);
        Assert.Contains($" {major}.", library.Name, StringComparison.Ordinal);
    }

    private static void SkipElsewhere() => Assert.SkipUnless(OperatingSystem.IsLinux(), "The shims are for Linux.");

    private static Process StartCompiler(string output)
    {
        try
        {
            return Process.Start(new ProcessStartInfo("gcc", ["-shared", "-fPIC", "-x", "c", "-", "-o", output]) { RedirectStandardInput = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw Xunit.Sdk.SkipException.ForSkip("No gcc is on the path.");
        }
    }
}
