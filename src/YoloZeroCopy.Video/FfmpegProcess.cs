using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A running ffmpeg with its log. Arguments go as a list, never through a shell.</summary>
internal sealed class FfmpegProcess : IDisposable
{
    // Runs a program in a session of its own, so that Ctrl-C in a terminal reaches only the application, which then ends the video as it sees fit.
    private const string SetSid = "/usr/bin/setsid";

    private readonly Process process;
    private readonly Task logPump;

    private FfmpegProcess(Process process, string? url)
    {
        this.process = process;
        Log = new FfmpegLog(url);
        logPump = Log.PumpAsync(process.StandardError.BaseStream);
    }

    public FfmpegLog Log { get; }

    public int Id => process.Id;

    /// <summary>The program's output: frames of a reader.</summary>
    public Stream Output => process.StandardOutput.BaseStream;

    /// <summary>The program's input: frames of a writer.</summary>
    public Stream Input => process.StandardInput.BaseStream;

    /// <summary>Starts the program.</summary>
    /// <param name="program">Its file.</param>
    /// <param name="arguments">What it is told.</param>
    /// <param name="url">A URL that it reads, whose credentials the log must not keep.</param>
    /// <param name="diesWithUs">Whether it is killed when this process dies, however that may be; on Linux, where the system has setpriv. What waits
    /// for a camera would not notice otherwise.</param>
    /// <exception cref="NativeLibraryException">The program cannot be started.</exception>
    public static FfmpegProcess Start(string program, IEnumerable<string> arguments, string? url = null, bool diesWithUs = false)
    {
        ThrowIfNotExecutable(program);
        string[] session = OperatingSystem.IsLinux() && File.Exists(SetSid) ? [SetSid] : [];
        string[] death = diesWithUs && ParentDeath.IsKnown ? ParentDeath.Command : [];
        string[] command = [.. session, .. death, Path.GetFullPath(program), .. arguments];
        ProcessStartInfo info = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        Process? process;
        try
        {
            process = death.Length > 0 ? ParentDeath.Run(() => Process.Start(info)) : Process.Start(info);
        }
        catch (Exception error) when (error is Win32Exception or IOException)
        {
            throw new NativeLibraryException(FfmpegProgram.Name, $"'{program}' cannot be started: {error.Message}", error);
        }

        FfmpegProcess started = new(process ?? throw new NativeLibraryException(FfmpegProgram.Name, $"'{program}' cannot be started."), url);
        Libc.EnlargePipe(started.Output);
        Libc.EnlargePipe(started.Input);
        return started;
    }

    /// <summary>Gives the program all that it shall read.</summary>
    public async Task WriteInputAsync(string text)
    {
        try
        {
            Stream input = Input;
            await using (input.ConfigureAwait(false))
            {
                await input.WriteAsync(Encoding.UTF8.GetBytes(text)).ConfigureAwait(false);
            }
        }
        catch (IOException)
        {
            // It is gone, and its log says why.
        }
    }

    /// <summary>Ends the program at once. Any thread, any time, more than once.</summary>
    public void Kill()
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception error) when (error is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended by itself.
        }
    }

    /// <summary>Waits until the program has ended and its log is read.</summary>
    /// <returns>Exit code.</returns>
    public async Task<int> WaitAsync()
    {
        await process.WaitForExitAsync().ConfigureAwait(false);
        await logPump.ConfigureAwait(false);
        return process.ExitCode;
    }

    /// <summary>The same for the thread that moves frames, which has nothing else to do.</summary>
    public int Wait()
    {
        process.WaitForExit();
        logPump.GetAwaiter().GetResult();
        return process.ExitCode;
    }

    public void Dispose() => process.Dispose();

    private static void ThrowIfNotExecutable(string program)
    {
        const UnixFileMode Execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(program) & Execute) == 0)
        {
            throw new NativeLibraryException(FfmpegProgram.Name, $"'{program}' is not executable; give it the right to be (chmod +x).");
        }
    }
}
