using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>Alone in its collection: it measures what the whole process allocates.</summary>
[CollectionDefinition(nameof(SharedAllocationTests), DisableParallelization = true)]
[Collection(nameof(SharedAllocationTests))]
public sealed class SharedAllocationTests
{
    private const int Frames = 5_000;

    // Bytes a frame of the whole process, for the waits of this method, what it prints and timers.
    private const double MostOfProcess = 0.5;

    [Fact]
    public async Task A_frame_of_another_process_allocates_nothing_in_either()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Shared frames are for Linux.");
        using TempFolder folder = new();
        await using SharedBed bed = new();
        long handled = 0;
        _ = bed.Hub.AddShared(
            "camera",
            folder.File("s"),
            (_, _) =>
            {
                handled++;
                return default;
            },
            options: SharedBed.Patient);
        using Process producer = NativeProducer.Start(Environment.ProcessPath!, "--produce", folder.File("s"));
        _ = await RunAsync();
        _ = await RunAsync();
        double leastThere = double.MaxValue;
        double least = await AllocationSlices.LeastAsync(async () =>
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            long there = await RunAsync();
            double here = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Frames;
            leastThere = Math.Min(leastThere, there / (double)Frames);
            return Math.Max(here, leastThere) <= MostOfProcess ? 0 : here;
        });
        producer.StandardInput.Close();
        await producer.WaitForExitAsync().WaitAsync(SharedBed.Long);
        Assert.Equal(0, producer.ExitCode);
        Assert.Equal(0, least);
        Assert.InRange(leastThere, 0, MostOfProcess);
        Assert.True(bed.ReadSharedMemoryOnly());
        Assert.Equal(0, bed.Detector.Statistics.HostCopies);

        async Task<long> RunAsync()
        {
            long before = Volatile.Read(ref handled);
            producer.StandardInput.WriteLine($"{Frames}");
            producer.StandardInput.Flush();
            string line = await producer.StandardOutput.ReadLineAsync().WaitAsync(SharedBed.Long) ?? await producer.StandardError.ReadToEndAsync();

            // The producer hears of a frame before the handler does.
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref handled) >= before + Frames, SharedBed.Long), line);
            Assert.Equal(before + Frames, Volatile.Read(ref handled));
            string[] words = line.Split(' ');
            Assert.Equal($"{before + Frames}", words[1]);
            Assert.Equal($"{(before + Frames - 1) % SharedBed.Places * 8}", words[2]);
            return long.Parse(words[0], System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
