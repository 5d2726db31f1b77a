using System.Globalization;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>The other process of the sharing test: maps memory and an event, waits for the event on a stream, and prints the first word.</summary>
internal static unsafe class SharedMemoryReader
{
    public static int Run(byte[] handle, byte[] eventHandle)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        context.MakeCurrent();
        using CudaStream stream = new(context);
        using CudaEvent written = CudaEvent.Open(context, eventHandle);
        using CudaIpcMemory memory = new(context, handle);
        using CudaPinnedMemory host = CudaPinnedMemory.Allocate(context, 4);
        stream.WaitFor(written);
        stream.CopyToHost(host.Pointer, memory.Address, 4);
        stream.Synchronize();
        Console.WriteLine((*(uint*)host.Pointer).ToString(CultureInfo.InvariantCulture));
        return 0;
    }
}
