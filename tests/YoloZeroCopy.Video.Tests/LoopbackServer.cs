using System.Net;
using System.Net.Sockets;
using System.Text;

namespace YoloZeroCopy.Video.Tests;

/// <summary>A server of requests that are lines of text, as those of HTTP and RTSP are, on this machine.</summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Func<Stream, List<string>, CancellationToken, Task<bool>> answer;
    private readonly Task accepting;
    private readonly List<Task> connections = [];

    /// <param name="answer">Answers one request, given its lines; false ends the connection.</param>
    public LoopbackServer(Func<Stream, List<string>, CancellationToken, Task<bool>> answer)
    {
        this.answer = answer;
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Ended as soon as a client has gone while it was sent something.</summary>
    public TaskCompletionSource ClientGone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Writes the head of an answer.</summary>
    public static Task SendHeadAsync(Stream stream, params string[] lines) =>
        stream.WriteAsync(Encoding.UTF8.GetBytes(string.Join("\r\n", lines) + "\r\n\r\n")).AsTask();

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
                TcpClient client = await listener.AcceptTcpClientAsync(stop.Token);
                connections.Add(ServeAsync(client));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                Stream stream = client.GetStream();
                while (await ReadRequestAsync(stream) is List<string> request && await answer(stream, request, stop.Token))
                {
                }
            }
            catch (OperationCanceledException)
            {
            }
            catch (IOException)
            {
                ClientGone.TrySetResult();
            }
        }
    }

    private async Task<List<string>?> ReadRequestAsync(Stream stream)
    {
        StringBuilder text = new();
        byte[] one = new byte[1];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, stop.Token) == 0)
            {
                return null;
            }

            text.Append((char)one[0]);
        }

        return [.. text.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries)];
    }
}
