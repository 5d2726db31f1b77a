using System.Globalization;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Producers of shared frames in processes of their own.</summary>
internal static class SharedChildren
{
    /// <summary>Produces until the detector's process is gone: <c>shared,SOCKET,FORMAT,WIDTH,HEIGHT,WAY</c>, where WAY is what is written into each
    /// frame: <c>nothing</c>, <c>all</c> of it, or <c>levels</c>, its number as a gray level.</summary>
    public static async Task RunAsync(string name)
    {
        string[] words = name.Split(',');
        FrameFormat format = new(
            Enum.Parse<PixelFormat>(words[2]), int.Parse(words[3], CultureInfo.InvariantCulture), int.Parse(words[4], CultureInfo.InvariantCulture));
        try
        {
            using SharedProducer producer = await SharedProducer.ConnectAsync(words[1]);
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

    public static void Write(Span<byte> pixels, string way, int frame)
    {
        if (way != "nothing")
        {
            pixels.Fill((byte)(way == "levels" ? frame * 7 : frame));
        }
    }
}
