using System.Diagnostics;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Finds what tests of TensorRT need and this repository does not hold. A test skips, with the reason, where it is absent.</summary>
/// <remarks>
/// <c>YZC_TENSORRT_SHIM</c> or artifacts/native: the shims (eng/tensorrt-shims.sh). <c>YZC_TENSORRT_ASSETS</c>: a folder with TensorRT for RTX and
/// its ONNX parser. <c>YZC_TRT_DOUBLE</c>: the folder of the test double, libnvinfer.so.10 and .11, and of make_double_plan, or one of these files.
/// </remarks>
internal static class TensorRtAssets
{
    private const string RtxLibrary = "libtensorrt_rtx.so.1";

    /// <summary>Folder with the shims.</summary>
    public static string Shims
    {
        get
        {
            Assert.SkipUnless(
                OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "The shims are for Linux on x64.");
            string? named = Environment.GetEnvironmentVariable("YZC_TENSORRT_SHIM");
            string folder = string.IsNullOrEmpty(named) ? Path.Combine(Repository, "artifacts", "native") : named;
            Assert.SkipUnless(File.Exists(Path.Combine(folder, TensorRtSearch.ShimFileName(11))),
                $"No shim is in '{folder}'; eng/tensorrt-shims.sh builds it, or YZC_TENSORRT_SHIM names its folder.");
            return folder;
        }
    }

    /// <summary>File of TensorRT for RTX.</summary>
    public static string Rtx
    {
        get
        {
            string? folder = Environment.GetEnvironmentVariable("YZC_TENSORRT_ASSETS");
            Assert.SkipWhen(string.IsNullOrEmpty(folder), "YZC_TENSORRT_ASSETS names no folder with TensorRT for RTX.");
            string file = Path.Combine(folder, RtxLibrary);
            Assert.SkipUnless(File.Exists(file), $"YZC_TENSORRT_ASSETS is '{folder}', which has no {RtxLibrary}.");
            return file;
        }
    }

    private static string Repository
    {
        get
        {
            for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
            {
                if (File.Exists(Path.Combine(directory.FullName, "YoloZeroCopy.sln")))
                {
                    return directory.FullName;
                }
            }

            throw Xunit.Sdk.SkipException.ForSkip("The repository is not above the test's folder.");
        }
    }

    /// <summary>File of the shim of one major.</summary>
    public static string Shim(int major)
    {
        string file = Path.Combine(Shims, TensorRtSearch.ShimFileName(major));
        Assert.SkipUnless(File.Exists(file), $"'{file}' is not built.");
        return file;
    }

    /// <summary>A file of the repository, or a skip where the tests run apart from it.</summary>
    public static string SourceFile(params string[] parts)
    {
        string file = Path.Combine([Repository, .. parts]);
        Assert.SkipUnless(File.Exists(file), $"'{file}' is not there.");
        return file;
    }

    /// <summary>File of a lean runtime in the assets.</summary>
    public static string Lean(int major)
    {
        string? folder = Environment.GetEnvironmentVariable("YZC_TENSORRT_ASSETS");
        Assert.SkipWhen(string.IsNullOrEmpty(folder), "YZC_TENSORRT_ASSETS names no folder with TensorRT's lean runtimes.");
        string file = Path.Combine(folder, $"libnvinfer_lean.so.{major}");
        Assert.SkipUnless(File.Exists(file), $"'{file}' is not there.");
        return file;
    }

    /// <summary>File of the double of one major, ready to run on the processor, or on a GPU with ONNX Runtime's CUDA provider.</summary>
    public static string Double(int major, bool onProcessor = true)
    {
        string folder = DoubleFolder();
        string file = Path.Combine(folder, $"libnvinfer.so.{major}");
        Assert.SkipUnless(File.Exists(file), $"YZC_TRT_DOUBLE is '{folder}', which has no libnvinfer.so.{major}.");

        // The framework keeps an environment of its own; these are read by native code.
        SetEnvironment("YZC_DOUBLE_CPU", onProcessor ? "1" : "0");
        SetEnvironment("YZC_TRT_SKIP_DRIVER_CHECK", onProcessor ? "1" : "0");
        SetEnvironment("YZC_ONNXRUNTIME", OnnxRuntimeLibrary.Load().Path);
        return file;
    }

    /// <summary>Writes a plan of the double and returns its path.</summary>
    public static string DoublePlan(int major, string model, string output, params string[] options) =>
        DoublePlan(Double(major), model, output, options);

    /// <summary>Writes a plan for a file of the double and returns its path.</summary>
    public static string DoublePlan(string library, string model, string output, params string[] options)
    {
        string tool = Path.Combine(DoubleFolder(), "make_double_plan");
        Assert.SkipUnless(File.Exists(tool), $"'{tool}' is not there.");
        string[] version = options.Contains("--version") ? [] : ["--library", library];
        using Process process = Process.Start(
            new ProcessStartInfo(tool, [model, output, .. version, .. options]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string said = process.StandardError.ReadToEnd() + process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, said);
        return output;
    }

    private static string DoubleFolder()
    {
        string? named = Environment.GetEnvironmentVariable("YZC_TRT_DOUBLE");
        Assert.SkipWhen(string.IsNullOrEmpty(named), "YZC_TRT_DOUBLE names no folder with the test double of TensorRT.");
        return File.Exists(named) ? Path.GetDirectoryName(Path.GetFullPath(named))! : named;
    }

    private static void SetEnvironment(string name, string value) => Assert.Equal(0, SetEnv(name, value, 1));

    [DllImport("libc", EntryPoint = "setenv")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int SetEnv(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
