using System.Runtime.InteropServices;

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

        Rows(stream, from, to, first, second);

        stream.Fill(first.Address, 0xA5, 1000);
        stream.FillWords(first.Address.Offset(1000), 0x01020304, 100);
        stream.CopyToHost(to.Pointer, first.Address, 1400);
        stream.Synchronize();
        Assert.True(to.AsSpan(0, 1000).IndexOfAnyExcept((byte)0xA5) < 0, "A fill left other bytes.");
        Assert.True(MemoryMarshal.Cast<byte, uint>(to.AsSpan(1000, 400)).IndexOfAnyExcept(0x01020304u) < 0, "A fill of words left other words.");
    }

    private static void Rows(CudaStream stream, CudaPinnedMemory from, CudaPinnedMemory to, CudaDeviceMemory first, CudaDeviceMemory second)
    {
        const int Width = 333;
        const int Rows = 77;
        const int HostStride = 400;
        const int DeviceStride = 512;
        const int PackedStride = Width;
        to.AsSpan(0, HostStride * Rows).Fill(1);
        stream.Fill(first.Address, 0, DeviceStride * Rows);
        stream.CopyRowsToDevice(first.Address, DeviceStride, from.Pointer, HostStride, Width, Rows);
        stream.CopyRowsOnDevice(second.Address, PackedStride, first.Address, DeviceStride, Width, Rows);
        stream.CopyRowsToHost(to.Pointer, HostStride, second.Address, PackedStride, Width, Rows);
        stream.Synchronize();
        for (int y = 0; y < Rows; y++)
        {
            ReadOnlySpan<byte> given = from.AsSpan((nuint)(y * HostStride), Width);
            Assert.True(given.SequenceEqual(to.AsSpan((nuint)(y * HostStride), Width)), $"Row {y} changed on its way.");
            ReadOnlySpan<byte> behind = to.AsSpan((nuint)((y * HostStride) + Width), HostStride - Width);
            Assert.True(behind.IndexOfAnyExcept((byte)1) < 0, $"Bytes behind row {y} were written.");
        }
    }
}
