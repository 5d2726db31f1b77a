using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace YoloZeroCopy.Tests.Live;

/// <summary>A real Redis or NATS on a port of its own, which can be killed and started again with what it kept on disk.</summary>
internal sealed class ServerProcess : IDisposable
{
    private const string RedisProgram = "/usr/bin/redis-server";
    private const string NatsProgram = "/usr/sbin/nats-server";

    private readonly string program;
    private readonly string[] arguments;
    private Process? process;

    private ServerProcess(string program, int port, params string[] arguments)
    {
        Assert.SkipUnless(File.Exists(program), $"{program} is not installed, which eng/fleet-test-packages.sh does");
        (this.program, Port, this.arguments) = (program, port, arguments);
    }

    public int Port { get; }

    public static ServerProcess Redis(string folder)
    {
        _ = Directory.CreateDirectory(folder);
        int port = LocalPort.Free();
        return new(RedisProgram, port, "--port", $"{port}", "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--save", "");
    }

    public static ServerProcess Nats(string folder)
    {
        int port = LocalPort.Free();
        return new(NatsProgram, port, "-js", "-sd", folder, "-a", "127.0.0.1", "-p", $"{port}");
    }

    public async Task StartAsync()
    {
        process = Child.Start(program, arguments, new Dictionary<string, string>(), static _ => { });
        await Until.TrueAsync(Answers, () => $"{program} on port {Port}; has exited: {process.HasExited}");
    }

    public TimeSpan ProcessorTime()
    {
        process!.Refresh();
        return process.TotalProcessorTime;
    }

    public void Kill()
    {
        process!.Kill();
        process.WaitForExit();
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

    private bool Answers()
    {
        try
        {
            using TcpClient client = new();
            client.Connect(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
