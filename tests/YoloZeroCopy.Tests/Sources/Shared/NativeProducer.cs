using System.ComponentModel;
using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>The C client with the sample's producer, compiled once as strictly as possible.</summary>
public sealed class NativeProducer : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly Lazy<string> program;

    public NativeProducer() => program = new Lazy<string>(Compile);

    /// <summary>The program; skips the test where there is no compiler.</summary>
    public string Program => program.Value;

    /// <summary>Starts a process whose output is read here, and which ends with its input: so it outlives this process by no way of its
    /// end.</summary>
    public static Process Start(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    /// <summary>Lets every user reach what is in a folder.</summary>
    public static void OpenToOthers(string folder)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        }
    }

    public void Dispose() => folder.Dispose();

    private string Compile()
    {
        string[] sources = ["yzc_frames.h", "yzc_frames.c", "producer.c", "ends_with_stdin.c"];
        foreach (string source in sources)
        {
            using Stream from = typeof(NativeProducer).Assembly.GetManifestResourceStream($"frames/{source}")!;
            using FileStream to = File.Create(folder.File(source));
            from.CopyTo(to);
        }

        string output = folder.File("producer");
        foreach (string compiler in (string[])["gcc", "cc", "clang", "clang-19"])
        {
            try
            {
                using Process process = Start(
                    compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2", "-pthread", "-o", output, folder.File(sources[1]),
                        folder.File(sources[2]), folder.File(sources[3]));
                string errors = process.StandardError.ReadToEnd();
                process.WaitForExit();
                Assert.True(process.ExitCode == 0, errors);

                // Another user is to start it, too.
                OpenToOthers(folder.Path);
                return output;
            }
            catch (Win32Exception)
            {
                // Not there: try the next.
            }
        }

        throw Xunit.Sdk.SkipException.ForSkip("No C compiler (gcc, cc, clang) is on the path.");
    }
}
