using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

[Collection(CudaTests.Name)]
public class DriverOpeningTests(CompiledSources sources)
{
    [Fact]
    public void Good_driver_opens()
    {
        DriverDouble driver = new(sources);
        DriverOpening opening = driver.Open();
        Assert.Equal((DriverProblem.None, ""), (opening.Problem, opening.Reason));
        Assert.Equal((12080, 1, driver.Library), (opening.Api!.Version, opening.Api.DeviceCount, opening.Api.Library));
    }

    [Fact]
    public void Oldest_supported_driver_opens_without_newer_functions()
    {
        DriverDouble driver = new(sources, DriverDouble.Version118, "-DYZC_DOUBLE_ONLY_11_8");
        Assert.Equal(DriverProblem.None, driver.Open().Problem);
    }

    [Fact]
    public void Absent_library_says_what_was_tried()
    {
        DriverOpening opening = DriverOpening.Open(["libyzc-absent.so.1", "/nowhere/libcuda.so"]);
        Assert.Null(opening.Api);
        Assert.Equal(DriverProblem.NoLibrary, opening.Problem);
        Assert.Contains("libyzc-absent.so.1", opening.Reason, StringComparison.Ordinal);
        Assert.Contains("/nowhere/libcuda.so", opening.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_library_is_told_from_an_absent_one()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "no library");
            DriverOpening opening = DriverOpening.Open([file]);
            Assert.Equal(DriverProblem.UnusableLibrary, opening.Problem);
            Assert.Contains(file, opening.Reason, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Library_that_is_no_driver_is_refused()
    {
        string file = sources.Library("cuda_double/not_a_driver.c");
        DriverOpening opening = DriverOpening.Open([file]);
        Assert.Equal(DriverProblem.UnusableLibrary, opening.Problem);
        Assert.Contains("cuInit", opening.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Old_driver_is_named_with_its_version_and_the_wanted_one()
    {
        DriverDouble driver = new(sources, "-DYZC_DOUBLE_VERSION=11040", "-DYZC_DOUBLE_LACKS_GRAPHS");
        DriverOpening opening = driver.Open();
        Assert.Equal(DriverProblem.TooOld, opening.Problem);
        Assert.Contains("CUDA 11.4 (11040)", opening.Reason, StringComparison.Ordinal);
        Assert.Contains("CUDA 11.8 (11080)", opening.Reason, StringComparison.Ordinal);
        Assert.Equal(0, driver.Calls("cuInit"));
    }

    [Fact]
    public void Missing_functions_are_named()
    {
        DriverOpening opening = new DriverDouble(sources, DriverDouble.Version128, "-DYZC_DOUBLE_LACKS_GRAPHS").Open();
        Assert.Equal(DriverProblem.MissingFunctions, opening.Problem);
        Assert.Contains("cuGraphInstantiateWithFlags, cuGraphLaunch", opening.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CUresult.CUDA_ERROR_NO_DEVICE, "No CUDA device is visible")]
    [InlineData(CUresult.CUDA_ERROR_NOT_PERMITTED, "may not use the GPU")]
    [InlineData(CUresult.CUDA_ERROR_STUB_LIBRARY, "stub")]
    [InlineData(CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "different versions")]
    [InlineData(CUresult.CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN, 999")]
    public void Refused_start_says_why(CUresult status, string words)
    {
        DriverDouble driver = new(sources);
        driver.Set("init", (int)status);
        DriverOpening opening = driver.Open();
        Assert.Null(opening.Api);
        Assert.Contains(words, opening.Reason, StringComparison.Ordinal);
        Assert.Contains(driver.Library, opening.Reason, StringComparison.Ordinal);
        Assert.Equal(
            status switch
            {
                CUresult.CUDA_ERROR_NO_DEVICE => DriverProblem.NoDevice,
                CUresult.CUDA_ERROR_NOT_PERMITTED => DriverProblem.NotPermitted,
                CUresult.CUDA_ERROR_STUB_LIBRARY => DriverProblem.UnusableLibrary,
                _ => DriverProblem.NotStarted,
            },
            opening.Problem);
    }

    [Fact]
    public void No_visible_device_is_its_own_reason()
    {
        DriverDouble driver = new(sources);
        driver.Set("devices", -1);
        DriverOpening opening = driver.Open();
        Assert.Equal(DriverProblem.NoDevice, opening.Problem);
    }

    [Fact]
    public void Candidates_follow_the_system_and_the_variable()
    {
        Assert.Equal(["libcuda.so.1", "libcuda.so"], DriverOpening.Candidates(null, isWindows: false));
        Assert.Equal(["nvcuda.dll"], DriverOpening.Candidates("", isWindows: true));
        Assert.Equal(["/own/libcuda.so"], DriverOpening.Candidates("/own/libcuda.so", isWindows: false));
    }

    [Fact]
    public void Variable_names_the_library_of_a_process()
    {
        DriverDouble driver = new(sources);
        (int exitCode, string output) = ChildProcess.Run(["--describe-driver"], (DriverOpening.LibraryVariable, driver.Library));
        Assert.Equal((0, $"{driver.Library} 12080 1"), (exitCode, output));
    }

    [Fact]
    public void Absent_driver_of_a_process_is_a_reason_and_no_exception()
    {
        (int exitCode, string output) = ChildProcess.Run(["--describe-driver"], (DriverOpening.LibraryVariable, "/nowhere/libcuda.so.1"));
        Assert.Equal(0, exitCode);
        Assert.StartsWith("none: No CUDA driver is installed", output, StringComparison.Ordinal);
        Assert.Contains("/nowhere/libcuda.so.1", output, StringComparison.Ordinal);
    }
}
