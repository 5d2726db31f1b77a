using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Tests;

/// <summary>Speaks the protocol of shared frames by hand, to break it.</summary>
internal sealed class SharedPeer : IDisposable
{
    private readonly Socket socket = new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
    private readonly byte[] buffer = new byte[SharedMessage.MaxResultBytes];

    public SharedPeer(string path)
    {
        socket.ReceiveTimeout = socket.SendTimeout = (int)SharedBed.Long.TotalMilliseconds;
        socket.Connect(new UnixDomainSocketEndPoint(path));
    }

    /// <summary>Which memory it was welcomed with.</summary>
    public FileStatus Memory { get; private set; }

    public static byte[] Hello(uint version = SharedMessage.Version, uint flags = 0)
    {
        byte[] hello = new byte[SharedMessage.HelloBytes];
        _ = SharedMessage.Write(hello, SharedMessage.Hello, SharedMessage.Magic, version, flags);
        return hello;
    }

    public static byte[] Frame(uint slot, uint generation)
    {
        byte[] frame = new byte[SharedMessage.FrameBytes];
        _ = SharedMessage.WriteFrame(frame, (int)slot, generation, SharedBed.Format, 0, 0);
        return frame;
    }

    /// <summary>Sends a packet; false where the other side is gone.</summary>
    public bool Send(ReadOnlySpan<byte> message)
    {
        _ = socket.Send(message, SocketFlags.None, out SocketError error);
        return error == SocketError.Success;
    }

    /// <summary>The next packet; empty at the end.</summary>
    public ReadOnlySpan<byte> Receive()
    {
        int length = socket.Receive(buffer, SocketFlags.None, out SocketError error);
        if (error == SocketError.ConnectionReset)
        {
            // Told once; what was sent before is still there.
            length = socket.Receive(buffer, SocketFlags.None, out error);
        }

        Assert.True(error is SocketError.Success, $"{error}");
        return buffer.AsSpan(0, length);
    }

    /// <summary>The generation that slot 0 is granted with.</summary>
    public uint FirstGrant()
    {
        Assert.True(socket.Poll(SharedBed.Long, SelectMode.SelectRead));
        Assert.Equal(SharedMessage.WelcomeBytes, SharedSystem.Receive(socket, buffer, out SafeFileHandle? file));
        using (file)
        {
            Assert.Equal(SharedMessage.Welcome, SharedMessage.Word(buffer, 0));
            Assert.True(FileStatus.TryRead($"/proc/self/fd/{file!.DangerousGetHandle()}", out FileStatus memory));
            Memory = memory;
        }

        return NextGrant();
    }

    public uint NextGrant()
    {
        while (true)
        {
            ReadOnlySpan<byte> message = Receive();
            Assert.Equal(SharedMessage.Slot, SharedMessage.Word(message, 0));
            if (SharedMessage.Word(message, 1) == 0)
            {
                return SharedMessage.Word(message, 2);
            }
        }
    }

    /// <summary>Why it was cut off.</summary>
    public SharedFrameRefusal Refusal()
    {
        while (true)
        {
            ReadOnlySpan<byte> message = Receive();
            if (message.IsEmpty)
            {
                return SharedFrameRefusal.None;
            }

            if (SharedMessage.Word(message, 0) == SharedMessage.Refused)
            {
                Assert.Equal(SharedMessage.RefusedBytes, message.Length);
                return (SharedFrameRefusal)SharedMessage.Word(message, 3);
            }
        }
    }

    public void Dispose() => socket.Dispose();
}
