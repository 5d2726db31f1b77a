using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Uploads of whole frames from page-locked memory and nothing else: what the link gives.</summary>
internal sealed unsafe class LinkBenchmark : IDisposable
{
    // Enough copies queued that the link never waits for the host.
    private const int Buffers = 8;

    private readonly DeviceThread thread;
    private readonly int frameBytes;
    private readonly List<IDisposable> made = [];
    private readonly CudaPinnedMemory host;
    private readonly CudaDeviceMemory target;
    private readonly CudaStream stream;
    private readonly CudaEvent[] passed = new CudaEvent[Buffers];

    public LinkBenchmark(CudaContext context, int frameBytes)
    {
        this.frameBytes = frameBytes;

        // A thread of its own, so that it can run beside the engine.
        thread = new DeviceThread(context, "yzc bench link");
        try
        {
            host = Keep(CudaPinnedMemory.Allocate(context, (nuint)Buffers * (nuint)frameBytes));
            target = Keep(new CudaDeviceMemory(context, (nuint)Buffers * (nuint)frameBytes));
            stream = Keep(new CudaStream(context));
            for (int index = 0; index < Buffers; index++)
            {
                passed[index] = Keep(new CudaEvent(context, CudaEventOptions.BlockingSync));
            }

            Random random = new(3);
            for (int index = 0; index < Buffers; index++)
            {
                random.NextBytes(host.AsSpan((nuint)index * (nuint)frameBytes, frameBytes));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Uploads for a time; bytes a second.</summary>
    public double Run(TimeSpan duration, CancellationToken stop) => thread.Run(() =>
    {
        long start = Stopwatch.GetTimestamp();
        long copies = 0;
        do
        {
            int place = (int)(copies % Buffers);
            if (copies >= Buffers)
            {
                passed[place].Synchronize();
            }

            Queue(place);
            passed[place].Record(stream);
            copies++;
        }
        while (Stopwatch.GetElapsedTime(start) < duration && !stop.IsCancellationRequested);

        stream.Synchronize();
        return (double)copies * frameBytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
    });

    /// <summary>One upload at a time, each waited for: microseconds on the device and as the host sees them, medians.</summary>
    public SoloTime Solo(CudaContext context, WaitMode mode, int repeats, CancellationToken stop) => thread.Run(
        () => SoloTime.Measure(context, stream, mode, repeats, index => Queue(index % Buffers), stop));

    public void Dispose()
    {
        thread.Run(() =>
        {
            for (int index = made.Count - 1; index >= 0; index--)
            {
                made[index].Dispose();
            }

            made.Clear();
        });
        thread.Dispose();
    }

    private T Keep<T>(T part)
        where T : IDisposable
    {
        made.Add(part);
        return part;
    }

    private void Queue(int place)
    {
        nuint offset = (nuint)place * (nuint)frameBytes;
        stream.CopyToDevice(new CUdeviceptr(target.Address.Value + offset), (byte*)host.Pointer + offset, (nuint)frameBytes);
    }
}
