using System.ComponentModel;
using System.Diagnostics;

namespace YoloZeroCopy.Tests;

public sealed class SharedFramesTests
{
    [Fact]
    public async Task Takes_the_frames_of_the_C_program_as_its_readme_says()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Shared frames are for Linux.");
        using TemporaryFolder folder = new();
        string program = folder.File("producer");
        string socket = folder.File("s");
        Compile(program);
        using Process producer = new()
        {
            StartInfo = new ProcessStartInfo(program, [socket, "50"])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };

        // Before there is a detector: it waits for one.
        _ = producer.Start();
        Task<string> said = producer.StandardOutput.ReadToEndAsync();
        Task<string> problems = producer.StandardError.ReadToEndAsync();
        SampleResult result = await SampleProcess.RunAsync("SharedFrames", socket, "50");
        await producer.WaitForExitAsync();

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.StartsWith($"listening at {socket}\nLive\n", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("50 frames, 0 host copies\n", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("connected\n", await problems, StringComparison.Ordinal);
        Assert.Equal(50, (await said).Split(": found class 4 at ").Length - 1);
        Assert.Contains("\nrun 0, frame 49: hex_nut ", result.Output, StringComparison.Ordinal);
    }

    // The command of the README, but for where the program goes, and that it ends with this one.
    private static void Compile(string program)
    {
        ProcessStartInfo compiler = new(
            "cc",
            [
                "-std=c11", "-I", "native/frames", "samples/SharedFrames/producer.c", "native/frames/yzc_frames.c", "-o", program,
                "tests/Shared/ends_with_stdin.c", "-pthread",
            ])
        {
            WorkingDirectory = SampleProcess.RepositoryRoot,
        };
        try
        {
            using Process process = Process.Start(compiler)!;
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
        }
        catch (Win32Exception)
        {
            throw Xunit.Sdk.SkipException.ForSkip("No C compiler (cc) is on the path.");
        }
    }
}
