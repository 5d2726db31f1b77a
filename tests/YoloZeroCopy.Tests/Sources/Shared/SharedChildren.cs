using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>The other process of tests of shared frames.</summary>
internal static class SharedChildren
{
    /// <summary>Produces as many frames as each line of the input says, and answers each with what it allocated and what was found in the
    /// last.</summary>
    public static async Task<int> ProduceAsync(string socket)
    {
        float last = -1;
        int heard = 0;
        using SharedProducer producer = await SharedProducer.ConnectAsync(socket, result =>
        {
            heard++;
            last = result.Detections[0].X1;
        });
        int number = 0;
        while (Console.In.ReadLine() is string line && int.TryParse(line, out int count))
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int frame = 0; frame < count; frame++)
            {
                using SharedSlot slot = await producer.RentAsync();
                SharedBed.Draw(slot.Span, number % SharedBed.Places);
                producer.Submit(slot, SharedBed.Format, TimeSpan.FromMilliseconds(number++));
            }

            await producer.DrainAsync();
            Console.WriteLine($"{GC.GetTotalAllocatedBytes(precise: true) - before} {heard} {last}");
        }

        return 0;
    }

    /// <summary>A detector's process, until it is killed or its input ends, as it does with whoever started it.</summary>
    public static async Task<int> ServeAsync(string socket)
    {
        await using SharedBed bed = new();
        _ = bed.Hub.AddShared("camera", socket, static (_, _) => default);
        Console.WriteLine("listening");
        _ = await Console.In.ReadToEndAsync();
        return 0;
    }

    /// <summary>A process with a detector's and a producer's process of its own, whose numbers it prints.</summary>
    public static async Task<int> StartFamilyAsync(string program, string socket)
    {
        using Process detector = NativeProducer.Start(Environment.ProcessPath!, "--serve", socket);
        _ = await detector.StandardOutput.ReadLineAsync();
        using Process producer = NativeProducer.Start(program, socket);
        _ = await producer.StandardOutput.ReadLineAsync();
        Console.WriteLine($"{detector.Id} {producer.Id}");
        _ = await Console.In.ReadToEndAsync();
        return 0;
    }
}
