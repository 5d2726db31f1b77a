using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Producers of shared frames in processes of their own.</summary>
internal static class SharedChildren
{
    /// <summary>
    /// Produces until the detector's process is gone, or for ever with a last word <c>again</c>: <c>shared,SOCKET,FORMAT,WIDTH,HEIGHT,WAY</c>, where
    /// WAY is what is written into each frame: <c>nothing</c>, <c>levels</c>, its number as a gray level, or one of <see cref="DeviceWriter"/>.
    /// </summary>
    public static async Task RunAsync(string name)
    {
        string[] words = name.Split(',');
        FrameFormat format = new(
            Enum.Parse<PixelFormat>(words[2]), int.Parse(words[3], CultureInfo.InvariantCulture), int.Parse(words[4], CultureInfo.InvariantCulture));
        bool isOnDevice = words[5].StartsWith("device", StringComparison.Ordinal);
        using DeviceWriter? writer = isOnDevice ? new DeviceWriter(format, words[5]) : null;
        bool goesOn = words is [.., "again"];
        do
        {
            try
            {
                using SharedProducer producer = await SharedProducer.ConnectAsync(words[1]);
                await (writer is null ? ProduceAsync(producer, format, words[5]) : ProduceAsync(producer, format, writer));
            }
            catch (SharedFrameException error) when (error.Refusal == SharedFrameRefusal.None)
            {
                if (!goesOn)
                {
                    Console.WriteLine(error.Message);
                }

                await Task.Delay(5);
            }
        }
        while (goesOn);
    }

    public static void Write(Span<byte> pixels, string way, int frame)
    {
        if (way == "levels")
        {
            pixels.Fill((byte)(frame * 7));
        }
    }

    private static async Task ProduceAsync(SharedProducer producer, FrameFormat format, string way)
    {
        for (int frame = 0; ; frame++)
        {
            using SharedSlot slot = await producer.RentAsync();
            Write(slot.Span[..format.ByteCount], way, frame);
            producer.Submit(slot, format, TimeSpan.FromMilliseconds(frame));
        }
    }

    private static async Task ProduceAsync(SharedProducer producer, FrameFormat format, DeviceWriter writer)
    {
        Assert.Equal(writer.Context.Device.Uuid, producer.DeviceUuid);
        using CudaIpcMemory memory = new(writer.Context, producer.DeviceHandle.Span);
        List<SharedSlot> taken = [];
        for (int frame = 0; ;)
        {
            SharedSlot slot = await producer.RentAsync();
            do
            {
                taken.Add(slot);
                writer.Queue(memory.Address.Offset((ulong)slot.DeviceOffset));
            }
            while (taken.Count < writer.AtOnce && producer.TryRent(out slot));

            writer.Finish();
            foreach (SharedSlot written in taken)
            {
                producer.Submit(written, format, TimeSpan.FromMilliseconds(frame++));
            }

            taken.Clear();
        }
    }
}
