using System.Net.Sockets;
using System.Text;

namespace YoloZeroCopy;

/// <summary>
/// Asks whether anybody answers where a lost camera was. That costs next to nothing, and to start a program that finds it out for itself costs more
/// than many frames of the other cameras.
/// </summary>
/// <remarks>
/// A camera that hangs still takes connections, so it is asked for its OPTIONS (RFC 7826, 13.1), which needs no password. Whatever it answers will
/// do, also that it closes the connection; behind TLS the connection alone has to.
/// </remarks>
internal static class CameraPort
{
    private const int RtspPort = 554;
    private const int RtspsPort = 322;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <param name="name">The URL without user and password.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="MediaException">Nobody listens there.</exception>
    /// <exception cref="TimeoutException">Somebody does, and says nothing.</exception>
    public static async Task ThrowIfSilentAsync(string name, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(name, UriKind.Absolute, out Uri? url) || url.Host.Length == 0)
        {
            // ffmpeg may know what is meant.
            return;
        }

        int port = url.Port > 0 ? url.Port : url.Scheme == "rtsps" ? RtspsPort : RtspPort;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        bool isConnected = false;
        try
        {
            using TcpClient client = new();
            await client.ConnectAsync(url.DnsSafeHost, port, limit.Token).ConfigureAwait(false);
            isConnected = true;
            if (url.Scheme == "rtsp")
            {
                string bare = url.GetComponents(UriComponents.SchemeAndServer | UriComponents.PathAndQuery, UriFormat.UriEscaped);
                byte[] question = Encoding.ASCII.GetBytes($"OPTIONS {bare} RTSP/1.0\r\nCSeq: 1\r\n\r\n");
                _ = await client.Client.SendAsync(question, limit.Token).ConfigureAwait(false);
                _ = await client.Client.ReceiveAsync(new byte[1], limit.Token).ConfigureAwait(false);
            }
        }
        catch (SocketException error) when (error.SocketErrorCode != SocketError.ConnectionReset)
        {
            throw new MediaException(name, $"nobody answers at port {port}: {error.Message}", error);
        }
        catch (SocketException)
        {
            // Somebody does not like the question.
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            string silence = $"nobody answers at port {port} for {Limit.TotalSeconds:0} s";
            throw isConnected ? new TimeoutException(silence) : new MediaException(name, silence, error);
        }
    }
}
