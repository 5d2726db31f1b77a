using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Fills slots on the device with rising gray levels, in a process of its own or on a thread of this one: one byte tells that a slot is
/// free, one that its frame is queued.</summary>
internal sealed class IpcProducer : IDisposable
{
    private readonly Process? process;
    private readonly Thread? thread;

    private IpcProducer(Process process)
    {
        this.process = process;
        Free = process.StandardInput.BaseStream;
        Queued = process.StandardOutput.BaseStream;
    }

    private IpcProducer(CudaContext context, IpcRing ring, int bytes)
    {
        AnonymousPipeServerStream free = new(PipeDirection.Out);
        AnonymousPipeServerStream queued = new(PipeDirection.In);
        Free = free;
        Queued = queued;
        Stream freeThere = new AnonymousPipeClientStream(PipeDirection.In, free.ClientSafePipeHandle);
        Stream queuedThere = new AnonymousPipeClientStream(PipeDirection.Out, queued.ClientSafePipeHandle);
        thread = new Thread(() =>
        {
            Produce(context, ring.Address, ring.Written, ring.Step, bytes, freeThere, queuedThere);
            queuedThere.Dispose();
        });
        thread.Start();
    }

    /// <summary>Takes the numbers of free slots.</summary>
    public Stream Free { get; }

    /// <summary>Gives the numbers of slots whose frames are queued on the device.</summary>
    public Stream Queued { get; }

    public static IpcProducer Start(CudaContext context, IpcRing ring, int bytes, bool elsewhere)
    {
        if (!elsewhere)
        {
            return new IpcProducer(context, ring, bytes);
        }

        Process process =
            Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["--child", $"ipc,produce,{ring.Step},{bytes},{ring.Handles()}"])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            })!;
        return new IpcProducer(process);
    }

    /// <summary>The other process.</summary>
    public static void Run(string[] words)
    {
        string[] handles = words[4].Split(' ');
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaIpcMemory memory = new(context, Convert.FromHexString(handles[0]));
        CudaEvent[] written = [.. handles.Skip(1).Select(handle => CudaEvent.Open(context, Convert.FromHexString(handle)))];
        Produce(
            context, memory.Address, written, int.Parse(words[2], CultureInfo.InvariantCulture), int.Parse(words[3], CultureInfo.InvariantCulture),
                Console.OpenStandardInput(), Console.OpenStandardOutput());
        foreach (CudaEvent one in written)
        {
            one.Dispose();
        }
    }

    /// <summary>Ends it: it closes what it has open.</summary>
    public void Dispose()
    {
        Free.Dispose();
        thread?.Join();
        if (process is not null)
        {
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
            process.Dispose();
        }

        Queued.Dispose();
    }

    private static void Produce(
        CudaContext context, CUdeviceptr memory, CudaEvent[] written, int step, int bytes, Stream free, Stream queued)
    {
        context.MakeCurrent();
        using CudaStream stream = new(context);
        for (int frame = 0; free.ReadByte() is int slot and >= 0; frame++)
        {
            stream.Fill(memory.Offset((nuint)(slot * (long)step)), (byte)(frame * 7), (nuint)bytes);
            written[slot].Record(stream);
            queued.WriteByte((byte)slot);
            queued.Flush();
        }

        stream.Synchronize();
    }
}
