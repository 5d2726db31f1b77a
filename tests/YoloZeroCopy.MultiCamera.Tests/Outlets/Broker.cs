using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace MultiCamera.Tests.Outlets;

/// <summary>A real mosquitto, which can be killed, stopped and started again. What it keeps for clients that are away outlives it.</summary>
internal sealed class Broker : IDisposable
{
    private const string Program = "/usr/sbin/mosquitto";

    private readonly string folder;
    private readonly string settings;
    private Process? process;

    /// <param name="folder">For its files.</param>
    /// <param name="settings">More lines for mosquitto.conf; null: anybody may come, unencrypted.</param>
    public Broker(string folder, string? settings = null)
    {
        Assert.SkipUnless(File.Exists(Program), $"{Program} is not installed, which eng/site-test-packages.sh does");
        this.folder = folder;
        this.settings = settings ?? "allow_anonymous true";
        Port = LocalPort.Free();
    }

    public int Port { get; }

    /// <summary>Whether somebody listens on a port of this machine.</summary>
    public static bool Answers(int port)
    {
        try
        {
            using TcpClient client = new();
            client.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public async Task StartAsync()
    {
        string file = Path.Combine(folder, "mosquitto.conf");
        await File.WriteAllTextAsync(file, $"""
            listener {Port} 127.0.0.1
            persistence true
            persistence_location {folder}/
            autosave_on_changes true
            autosave_interval 1
            max_queued_messages 0
            user {Environment.UserName}
            {settings}

            """);
        process = Process.Start(new ProcessStartInfo(Program, ["-c", file]) { RedirectStandardError = true })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        await Until.TrueAsync(() => Answers(Port), () => $"mosquitto on port {Port}; has exited: {process.HasExited}");
    }

    public void Kill()
    {
        process!.Kill();
        process.WaitForExit();
        process.Dispose();
        process = null;
    }

    /// <summary>In good order: it writes down what it keeps for whom.</summary>
    public async Task StopAsync()
    {
        using (Process kill = Process.Start("/bin/kill", ["-TERM", $"{process!.Id}"]))
        {
            await kill.WaitForExitAsync();
            Assert.Equal(0, kill.ExitCode);
        }

        await process.WaitForExitAsync();
        process.Dispose();
        process = null;
    }

    public void Dispose()
    {
        if (process is not null)
        {
            Kill();
        }
    }
}
