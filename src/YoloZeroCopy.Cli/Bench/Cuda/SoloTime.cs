using System.Diagnostics;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>How long a piece of work takes when nothing else runs.</summary>
/// <param name="Device">Microseconds between events around it.</param>
/// <param name="Host">Microseconds from the call that queues it until the host knows that it is done.</param>
internal readonly record struct SoloTime(double Device, double Host)
{
    /// <summary>Medians of a number of repeats, each waited for before the next.</summary>
    public static SoloTime Measure(CudaContext context, CudaStream stream, WaitMode mode, int repeats, Action<int> queue, CancellationToken stop)
    {
        // Two loops: events that take the time would be part of what the host waits for.
        using CudaEvent begin = new(context, CudaEventOptions.Timing);
        using CudaEvent end = new(context, CudaEventOptions.Timing);
        using CudaEvent done = new(context, EventWaiter.OptionsFor(mode));
        List<double> device = new(repeats);
        List<double> host = new(repeats);
        for (int index = 0; index < repeats && !stop.IsCancellationRequested; index++)
        {
            long start = Stopwatch.GetTimestamp();
            queue(index);
            done.Record(stream);
            EventWaiter.WaitFor(done, mode);
            host.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        for (int index = 0; index < repeats && !stop.IsCancellationRequested; index++)
        {
            begin.Record(stream);
            queue(index);
            end.Record(stream);
            end.Synchronize();
            device.Add(end.ElapsedSince(begin) * 1000.0);
        }

        return new SoloTime(Statistics.Median(device), Statistics.Median(host));
    }
}
