using System.Diagnostics;

namespace YoloZeroCopy.Video.Tests;

/// <summary>A real RTSP server with cameras (samples/media/rtsp_server.py), which can be killed, frozen and started again.</summary>
internal sealed class RtspServer(string file, string? login = null, int cameras = 4) : IDisposable
{
    private const string Python = "/usr/bin/python3";
    private Process? process;

    public int Port { get; } = LocalPort.Free();

    public string? Login { get; set; } = login;

    public int Cameras { get; set; } = cameras;

    /// <summary>True: a camera is gone when it has played the file to its end.</summary>
    public bool PlaysOnce { get; init; }

    /// <summary>Skips the test where the server's packages are missing.</summary>
    public static async Task SkipIfMissingAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists(Python), "the RTSP server needs Linux and /usr/bin/python3");
        ProcessStartInfo info = new(Python, ["-c", "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"])
        {
            RedirectStandardError = true,
        };
        using Process python = Process.Start(info)!;
        string error = await python.StandardError.ReadToEndAsync();
        await python.WaitForExitAsync();
        string last = error.Trim().Split('\n')[^1];
        Assert.SkipUnless(python.ExitCode == 0, $"GStreamer's RTSP server is not installed, which eng/video-test-packages.sh does: {last}");
    }

    public async Task StartAsync()
    {
        string script = Path.Combine(AppContext.BaseDirectory, "rtsp_server.py");
        string[] arguments =
            [script, file, $"{Port}", $"{Cameras}", .. Login is null ? (string[])[] : [Login], .. PlaysOnce ? ["--once"] : (string[])[]];
        process = Process.Start(new ProcessStartInfo(Python, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Assert.Equal("ready", await process.StandardOutput.ReadLineAsync());
    }

    public void Kill()
    {
        process!.Kill();
        process.WaitForExit();
        process.Dispose();
        process = null;
    }

    public Task FreezeAsync() => SignalAsync("-STOP");

    public Task ThawAsync() => SignalAsync("-CONT");

    public void Dispose()
    {
        if (process is not null)
        {
            Kill();
        }
    }

    private async Task SignalAsync(string signal)
    {
        using Process kill = Process.Start("/bin/kill", [signal, $"{process!.Id}"]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }
}
