using System.Net;
using System.Net.Sockets;

namespace YoloZeroCopy.Tests;

/// <summary>Ports of this machine, for servers that cannot choose one themselves.</summary>
internal static class LocalPort
{
    /// <summary>A port that nobody listens on.</summary>
    public static int Free()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
