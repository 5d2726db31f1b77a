using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Tests;

/// <summary>Speaks the protocol of shared frames by hand, as native/frames/README.md has it, to break it.</summary>
internal sealed class SharedPeer : IDisposable
{
    private readonly Socket socket = new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
    private readonly byte[] buffer = new byte[4096];
    private SharedMemory? rings;
    private uint answersRead;

    public SharedPeer(string path)
    {
        socket.ReceiveTimeout = socket.SendTimeout = (int)SharedBed.Long.TotalMilliseconds;
        socket.Connect(new UnixDomainSocketEndPoint(path));
    }

    // Where the words of the rings lie.
    public const int FramesWritten = 0;
    public const int DetectorSleeps = 64;
    public const int AnswersWritten = 128;
    public const int ProducerSleeps = 192;

    /// <summary>Which memory it was welcomed with.</summary>
    public FileStatus Memory { get; private set; }

    /// <summary>What wakes the other side.</summary>
    public static byte[] Bell { get; } = [9, 0, 0, 0];

    public static byte[] Hello(uint version = SharedMessage.Version, uint flags = 0)
    {
        byte[] hello = new byte[SharedMessage.HelloBytes];
        _ = SharedMessage.Write(hello, SharedMessage.Hello, SharedMessage.Magic, version, flags);
        return hello;
    }

    public static byte[] Frame(uint slot, uint generation)
    {
        byte[] frame = new byte[SharedMessage.FrameBytes];
        SharedMessage.WriteFrame(frame, (int)slot, generation, SharedBed.Format, 0, 0);
        return frame;
    }

    /// <summary>A word of the rings' memory.</summary>
    public ref uint Word(int at) => ref MemoryMarshal.Cast<byte, uint>(rings!.Memory.Span)[at / 4];

    /// <summary>Submits a frame's message by the ring, or as a packet where it has another length; false where the other side is gone.</summary>
    public bool Submit(byte[] message)
    {
        if (message.Length != SharedMessage.FrameBytes)
        {
            return Send(message);
        }

        ref uint written = ref Word(FramesWritten);
        message.CopyTo(rings!.Memory.Span[(4096 + ((int)(written % 64) * 64))..]);
        Volatile.Write(ref written, written + 1);
        return Interlocked.Exchange(ref Word(DetectorSleeps), 0) == 0 || Send(Bell);
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

        Assert.True(socket.Poll(SharedBed.Long, SelectMode.SelectRead));
        Assert.Equal(SharedMessage.RingsBytes, SharedSystem.Receive(socket, buffer, out file));
        Assert.Equal(SharedMessage.Rings, SharedMessage.Word(buffer, 0));
        rings = SharedMemory.Open(file!, SharedMessage.Word(buffer, 3));
        return NextGrant();
    }

    public uint NextGrant()
    {
        while (true)
        {
            Volatile.Write(ref Word(ProducerSleeps), 1);
            Interlocked.MemoryBarrier();
            if (Volatile.Read(ref Word(AnswersWritten)) == answersRead)
            {
                Assert.Equal(Bell, Receive());
                continue;
            }

            Span<uint> answer = MemoryMarshal.Cast<byte, uint>(rings!.Memory.Span.Slice(8192 + ((int)(answersRead++ % 128) * 32), 32));
            if (answer[0] == SharedMessage.Slot && answer[1] == 0)
            {
                return answer[2];
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

    public void Dispose()
    {
        socket.Dispose();
        rings?.Close();
    }
}
