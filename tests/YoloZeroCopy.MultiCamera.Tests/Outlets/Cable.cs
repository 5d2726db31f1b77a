using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace MultiCamera.Tests.Outlets;

/// <summary>A connection between an outlet and its broker that can be cut, or go silent, while broker and receivers stay.</summary>
internal sealed class Cable : IAsyncDisposable
{
    private readonly int target;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, bool> ends = [];
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;
    private volatile bool isSilent;
    private int connections;

    public Cable(int target)
    {
        this.target = target;
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        running = Task.Run(AcceptAsync);
    }

    public int Port { get; }

    public int Connections => Volatile.Read(ref connections);

    /// <summary>True: what the broker says does not reach the outlet, and nothing tells it so.</summary>
    public bool IsSilent
    {
        get => isSilent;
        set => isSilent = value;
    }

    public void Cut()
    {
        foreach (TcpClient end in ends.Keys)
        {
            end.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        Cut();
        await running;
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> copies = [];
        try
        {
            while (true)
            {
                TcpClient near = await listener.AcceptTcpClientAsync(stop.Token);
                TcpClient far = new();
                _ = ends.TryAdd(near, true);
                _ = ends.TryAdd(far, true);
                _ = Interlocked.Increment(ref connections);
                copies.Add(JoinAsync(near, far));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }

        Cut();
        await Task.WhenAll(copies);
    }

    private async Task JoinAsync(TcpClient near, TcpClient far)
    {
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, target);
            await Task.WhenAny(CopyAsync(near, far, isBack: false), CopyAsync(far, near, isBack: true));
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The broker is away, or the cable was cut.
        }

        near.Dispose();
        far.Dispose();
        _ = ends.TryRemove(near, out _);
        _ = ends.TryRemove(far, out _);
    }

    private async Task CopyAsync(TcpClient from, TcpClient to, bool isBack)
    {
        byte[] buffer = new byte[16 * 1024];
        try
        {
            int read;
            while ((read = await from.GetStream().ReadAsync(buffer, stop.Token)) > 0)
            {
                if (!(isBack && isSilent))
                {
                    await to.GetStream().WriteAsync(buffer.AsMemory(0, read), stop.Token);
                }
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            // Cut.
        }
    }
}
