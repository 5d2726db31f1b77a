namespace YoloZeroCopy.Cuda.Tests;

/// <summary>Copies and fills compared byte by byte with a plain reference; on the stand-in and on a real device.</summary>
internal static unsafe class CopyChecks
{
    public static void Run(CudaContext context)
    {
        const int Bytes = 1 << 20;
        using CudaStream stream = new(context);
        using CudaPinnedMemory from = CudaPinnedMemory.Allocate(context, Bytes);
        using CudaPinnedMemory to = CudaPinnedMemory.Allocate(context, Bytes);
        using CudaDeviceMemory first = new(context, Bytes);
        using CudaDeviceMemory second = new(context, Bytes);
        Random random = new(7);
        random.NextBytes(from.AsSpan(0, Bytes));

        stream.CopyToDevice(first.Address, from.Pointer, Bytes);
        stream.CopyOnDevice(second.Address, first.Address, Bytes);
        stream.CopyToHost(to.Pointer, second.Address, Bytes);
        stream.Synchronize();
        Assert.True(from.AsSpan(0, Bytes).SequenceEqual(to.AsSpan(0, Bytes)), "A copy to the device, on it and back changed bytes.");

        // Pageable memory gives the same bytes.
        byte[] pageable = new byte[Bytes];
        fixed (byte* pointer = pageable)
        {
            stream.Fill(second.Address, 0, Bytes);
            stream.CopyToDevice(second.Address, from.Pointer, Bytes);
            stream.CopyToHost(pointer, second.Address, Bytes);
            stream.Synchronize();
            Assert.True(from.AsSpan(0, Bytes).SequenceEqual(pageable), "A copy to pageable memory changed bytes.");
            stream.CopyToDevice(first.Address, pointer, Bytes);
            stream.CopyToHost(to.Pointer, first.Address, Bytes);
            stream.Synchronize();
            Assert.True(to.AsSpan(0, Bytes).SequenceEqual(pageable), "A copy from pageable memory changed bytes.");
        }

        stream.Fill(first.Address, 0xA5, 1000);
        stream.CopyToHost(to.Pointer, first.Address, 1000);
        stream.Synchronize();
        Assert.True(to.AsSpan(0, 1000).IndexOfAnyExcept((byte)0xA5) < 0, "A fill left other bytes.");
    }
}
