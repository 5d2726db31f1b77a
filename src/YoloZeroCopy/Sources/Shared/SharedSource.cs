using System.Net.Sockets;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>The producer of a hub's source that stands for one in another process: it listens, and each connection is a call.</summary>
internal sealed class SharedSource : IDisposable
{
    private const int Backlog = 16;

    // A producer says hello as it connects.
    private static readonly TimeSpan HelloLimit = TimeSpan.FromSeconds(1);

    // Those who are refused cannot keep a processor busy.
    private static readonly TimeSpan RefusalPause = TimeSpan.FromMilliseconds(5);

    private readonly string path;
    private readonly int slotBytes;
    private readonly bool onDevice;
    private readonly uint[] users;
    private readonly FrameHandler handler;
    private readonly Socket listener;
    private volatile SharedConnection? connection;

    public SharedSource(string path, SharedSourceOptions options, int mostBytes, FrameHandler handler)
    {
        SharedSystem.ThrowIfElsewhere();
        this.path = path;
        slotBytes = options.SlotBytes == 0 ? mostBytes : options.SlotBytes;
        onDevice = options.OnDevice;
        users = options.Users is null ? [SharedSystem.User] : [.. options.Users];
        this.handler = handler;
        listener = Listen(path, options.SocketMode);
    }

    /// <summary>Takes the next producer, and its frames until it is gone.</summary>
    public async Task ProduceAsync(SourceFeed feed, CancellationToken stop)
    {
        if (feed.Run > 0)
        {
            feed.Tell(SourceState.Stalled, $"No producer is connected to '{path}'.");
        }

        SharedConnection taken = await WelcomeAsync(feed, stop).ConfigureAwait(false);
        connection = taken;
        try
        {
            await taken.ServeAsync(stop).ConfigureAwait(false);
        }
        finally
        {
            connection = null;
            taken.Dispose();
        }
    }

    /// <summary>Lets the producer have a result, and then the handler, at whose end the slot is free.</summary>
    public ValueTask HandleAsync(SourceFrame frame, DetectionResult result)
    {
        connection?.SendResult((int)frame.Token, result);
        return handler(frame, result);
    }

    /// <summary>Listens no more, and takes the socket's file away.</summary>
    public void Dispose() => listener.Dispose();

    private static Socket Listen(string path, UnixFileMode mode)
    {
        if (path[0] == '\0')
        {
            throw new ArgumentException("An abstract socket has no rights of its own; name a file.", nameof(path));
        }

        UnixDomainSocketEndPoint place = new(path);
        Socket listener = new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        try
        {
            RemoveLeft(path, place);
            listener.Bind(place);

            // Nobody can connect until it listens.
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, mode);
            }

            listener.Listen(Backlog);
            return listener;
        }
        catch (SocketException error)
        {
            listener.Dispose();
            throw new IOException($"No producer can be listened for at '{path}': {error.Message}", error);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    // A socket outlives the process that made it. Whether somebody listens there only a connection tells.
    private static void RemoveLeft(string path, UnixDomainSocketEndPoint place)
    {
        if (!FileStatus.TryRead(path, out FileStatus left))
        {
            return;
        }

        if (!left.IsSocket)
        {
            throw new IOException($"'{path}' is there, and no socket.");
        }

        using Socket probe = new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        try
        {
            probe.Blocking = false;
            probe.Connect(place);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException error)
        {
            throw new IOException($"'{path}' is there, and cannot be replaced: {error.Message}", error);
        }

        throw new IOException($"Another process, or another source of this one, listens at '{path}' already.");
    }

    private async Task<SharedConnection> WelcomeAsync(SourceFeed feed, CancellationToken stop)
    {
        while (true)
        {
            Socket socket = await listener.AcceptAsync(stop).ConfigureAwait(false);
            SharedConnection? welcome = null;
            try
            {
                welcome = await TryWelcomeAsync(socket, feed, stop).ConfigureAwait(false);
            }
            catch (SocketException)
            {
                // It is gone already.
            }
            finally
            {
                if (welcome is null)
                {
                    socket.Dispose();
                }
            }

            if (welcome is not null)
            {
                return welcome;
            }

            await Task.Delay(RefusalPause, stop).ConfigureAwait(false);
        }
    }

    private async Task<SharedConnection?> TryWelcomeAsync(Socket socket, SourceFeed feed, CancellationToken stop)
    {
        socket.Blocking = false;
        uint user = SharedSystem.UserOf(socket);
        byte[] hello = new byte[SharedMessage.HelloBytes + 1];
        int length;
        using (CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(stop))
        {
            limit.CancelAfter(HelloLimit);
            try
            {
                length = await socket.ReceiveAsync(hello.AsMemory(), SocketFlags.None, limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                length = 0;
            }
        }

        bool isHello = length == SharedMessage.HelloBytes && SharedMessage.Word(hello, 0) == SharedMessage.Hello
            && SharedMessage.Word(hello, 1) == SharedMessage.Magic;
        SharedFrameRefusal refusal = !users.Contains(user) ? SharedFrameRefusal.User
            : !isHello ? SharedFrameRefusal.Message
            : SharedMessage.Word(hello, 2) != SharedMessage.Version ? SharedFrameRefusal.Version
            : SharedFrameRefusal.None;
        if (refusal != SharedFrameRefusal.None)
        {
            SharedConnection.Refuse(socket, refusal);
            return null;
        }

        SlotRing slots = feed.Source.Share(feed, slotBytes, user, onDevice);
        SharedConnection made = new(socket, feed, slots, slotBytes, (SharedMessage.Word(hello, 3) & SharedMessage.WantsResults) != 0);
        bool isWelcome = false;
        try
        {
            isWelcome = made.TryWelcome();
            return isWelcome ? made : null;
        }
        finally
        {
            if (!isWelcome)
            {
                made.Dispose();
            }
        }
    }
}
