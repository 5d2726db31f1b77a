using System.Net;
using System.Net.Sockets;

namespace YoloZeroCopy.Video.Tests;

/// <summary>Stands between a client and a server, and can spoil what the server says.</summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly List<Task> connections = [];
    private readonly int target;
    private readonly Task accepting;
    private volatile Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>?>? spoil;

    public TcpProxy(int target)
    {
        this.target = target;
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>What becomes of bytes of the server; null ends the connection. Null for bytes as they are.</summary>
    public Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>?>? Spoil
    {
        set => spoil = value;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await accepting;
        await Task.WhenAll(connections);
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                connections.Add(ServeAsync(await listener.AcceptTcpClientAsync(stop.Token)));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using TcpClient server = new();
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        using (client)
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, target, end.Token);
                Task asking = CopyAsync(client.GetStream(), server.GetStream(), isAnswer: false, end.Token);
                Task answering = CopyAsync(server.GetStream(), client.GetStream(), isAnswer: true, end.Token);
                _ = await Task.WhenAny(asking, answering);
                await end.CancelAsync();
                await Task.WhenAll(asking, answering);
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException)
            {
            }
        }
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to, bool isAnswer, CancellationToken end)
    {
        byte[] buffer = new byte[4096];
        try
        {
            int read;
            while ((read = await from.ReadAsync(buffer, end)) > 0)
            {
                ReadOnlyMemory<byte>? bytes = isAnswer && spoil is { } change ? change(buffer.AsMemory(0, read)) : buffer.AsMemory(0, read);
                if (bytes is null)
                {
                    return;
                }

                await to.WriteAsync(bytes.Value, end);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
        }
    }
}
