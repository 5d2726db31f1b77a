using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Producers of shared frames in processes of their own.</summary>
internal static class SharedChildren
{
    /// <summary>Produces until the detector's process is gone: <c>shared,SOCKET,FORMAT,WIDTH,HEIGHT,WAY</c>, where WAY is what is written into each
    /// frame: <c>nothing</c>, <c>all</c> of it, <c>levels</c>, its number as a gray level, or <c>device</c>, the same on the device.</summary>
    public static async Task RunAsync(string name)
    {
        string[] words = name.Split(',');
        FrameFormat format = new(
            Enum.Parse<PixelFormat>(words[2]), int.Parse(words[3], CultureInfo.InvariantCulture), int.Parse(words[4], CultureInfo.InvariantCulture));
        try
        {
            using SharedProducer producer = await SharedProducer.ConnectAsync(words[1]);
            if (words[5] == "device")
            {
                await RunOnDeviceAsync(producer, format);
            }

            for (int frame = 0; ; frame++)
            {
                using SharedSlot slot = await producer.RentAsync();
                Write(slot.Span[..format.ByteCount], words[5], frame);
                producer.Submit(slot, format, TimeSpan.FromMilliseconds(frame));
            }
        }
        catch (SharedFrameException error) when (error.Refusal == SharedFrameRefusal.None)
        {
            Console.WriteLine(error.Message);
        }
    }

    /// <summary>Writes a gray level on the device, and returns when it is there.</summary>
    public static void Write(CudaStream stream, CUdeviceptr place, int frame, in FrameFormat format)
    {
        // An await may have gone on elsewhere.
        stream.Context.MakeCurrent();
        stream.Fill(place, (byte)(frame * 7), (nuint)format.ByteCount);
        stream.Synchronize();
    }

    public static void Write(Span<byte> pixels, string way, int frame)
    {
        if (way != "nothing")
        {
            pixels.Fill((byte)(way == "levels" ? frame * 7 : frame));
        }
    }

    private static async Task RunOnDeviceAsync(SharedProducer producer, FrameFormat format)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        Assert.Equal(context.Device.Uuid, producer.DeviceUuid);
        using CudaStream stream = new(context);
        using CudaIpcMemory memory = new(context, producer.DeviceHandle.Span);
        for (int frame = 0; ; frame++)
        {
            using SharedSlot slot = await producer.RentAsync();
            Write(stream, memory.Address.Offset((ulong)slot.DeviceOffset), frame, format);
            producer.Submit(slot, format, TimeSpan.FromMilliseconds(frame));
        }
    }
}
