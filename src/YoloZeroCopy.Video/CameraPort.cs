using System.Net.Sockets;

namespace YoloZeroCopy;

/// <summary>Asks whether anybody listens where a lost camera was. That costs next to nothing, and to start a program that finds it out for itself costs
/// more than many frames of the other cameras.</summary>
internal static class CameraPort
{
    private const int RtspPort = 554;
    private const int RtspsPort = 322;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <param name="name">The URL without user and password.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="MediaException">Nobody listens there.</exception>
    public static async Task ThrowIfClosedAsync(string name, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(name, UriKind.Absolute, out Uri? url) || url.Host.Length == 0)
        {
            // ffmpeg may know what is meant.
            return;
        }

        int port = url.Port > 0 ? url.Port : url.Scheme == "rtsps" ? RtspsPort : RtspPort;
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            using TcpClient client = new();
            await client.ConnectAsync(url.DnsSafeHost, port, limit.Token).ConfigureAwait(false);
        }
        catch (SocketException error)
        {
            throw new MediaException(name, $"nobody answers at port {port}: {error.Message}", error);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new MediaException(name, $"nobody answers at port {port} for {Limit.TotalSeconds:0} s", error);
        }
    }
}
