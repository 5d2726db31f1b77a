namespace InspectLine;

/// <summary>Collects latencies and tells percentiles of them.</summary>
internal sealed class LatencyFigures
{
    private readonly List<double> milliseconds = [];

    public IReadOnlyList<double> Milliseconds => milliseconds;

    public void Add(TimeSpan latency) => milliseconds.Add(latency.TotalMilliseconds);

    /// <summary>The latency that a share of frames did not exceed (nearest rank), in milliseconds; 0 when there is none yet.</summary>
    /// <param name="share">Share of the frames, above 0 to 1; 0.5 is the median.</param>
    /// <param name="latest">How many of the latest frames to look at; all by default.</param>
    public double Percentile(double share, int latest = int.MaxValue)
    {
        if (milliseconds.Count == 0)
        {
            return 0;
        }

        int count = Math.Min(latest, milliseconds.Count);
        double[] sorted = [.. milliseconds.TakeLast(count).Order()];
        return sorted[Math.Clamp((int)Math.Ceiling(share * count) - 1, 0, count - 1)];
    }
}
