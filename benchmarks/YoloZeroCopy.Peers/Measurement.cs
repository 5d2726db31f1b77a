using System.Diagnostics;

namespace YoloZeroCopy.Peers;

/// <summary>What a way took, slice by slice.</summary>
internal sealed class Measurement(Way way)
{
    private readonly List<double> rates = [];
    private readonly List<double> milliseconds = [];
    private readonly List<double> processor = [];
    private readonly List<double> bytes = [];

    public Way Way => way;

    public IReadOnlyList<double> Rates => rates;

    public IReadOnlyList<double> Processor => processor;

    /// <summary>Managed bytes a frame, in the median slice.</summary>
    public double Bytes => Quantile(bytes, 0.5);

    public double Rate => Quantile(rates, 0.5);

    public double ProcessorMilliseconds => Quantile(processor, 0.5);

    /// <summary>From before a frame is given until its detections are there, as a quantile of all frames.</summary>
    public double Latency(double quantile) => Quantile(milliseconds, quantile);

    /// <summary>Runs it for a while, over the frames in turn.</summary>
    public async Task RunAsync(IReadOnlyList<Frame> frames, TimeSpan time)
    {
        Queue<Task> ahead = new();
        long bytesBefore = GC.GetTotalAllocatedBytes(precise: true);
        TimeSpan processorBefore = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        int count = 0;
        while (Stopwatch.GetElapsedTime(start) < time || ahead.Count > 0)
        {
            if (ahead.Count < way.Ahead && Stopwatch.GetElapsedTime(start) < time)
            {
                ahead.Enqueue(DetectAsync(frames[count++ % frames.Count]));
            }
            else
            {
                await ahead.Dequeue();
            }
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        rates.Add(count / elapsed.TotalSeconds);
        processor.Add((Environment.CpuUsage.TotalTime - processorBefore).TotalMilliseconds / count);
        bytes.Add((GC.GetTotalAllocatedBytes(precise: true) - bytesBefore) / (double)count);
    }

    private static double Quantile(List<double> values, double quantile)
    {
        values.Sort();
        return values.Count == 0 ? 0 : values[(int)(quantile * (values.Count - 1))];
    }

    private async Task DetectAsync(Frame frame)
    {
        long start = Stopwatch.GetTimestamp();
        _ = await way.DetectAsync(frame);
        double taken = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        lock (milliseconds)
        {
            milliseconds.Add(taken);
        }
    }
}
