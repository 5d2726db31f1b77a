using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace YoloZeroCopy.Server;

/// <summary>What the server counts of requests, as instruments of System.Diagnostics.Metrics beside those of its detectors.</summary>
internal sealed class ServerMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "YoloZeroCopy.Server";

    private readonly ILogger logger;
    private readonly Counter<long> requests;
    private readonly Histogram<double> duration;
    private int open;

    public ServerMetrics(ILogger logger, ModelRepository models)
    {
        this.logger = logger;
        requests = Meter.CreateCounter<long>("yzc.server.requests", "{request}", "Requests to infer, by how they ended");
        InstrumentAdvice<double> advice = new() { HistogramBucketBoundaries = [.. PrometheusText.Bounds] };
        duration = Meter.CreateHistogram("yzc.server.request.duration", "s", "Time from a request to its answer", tags: null, advice);
        _ = Meter.CreateObservableGauge("yzc.server.requests.open", () => Volatile.Read(ref open), "{request}", "Requests and streams that are open");
        _ = Meter.CreateObservableGauge(
            "yzc.server.queue.wait",
            () => models.Models.Select(static model => new Measurement<double>(model.QueueWait.TotalSeconds, Tag("model", model.Name))),
            "s",
            "How long a frame that came now would wait");
        _ = Meter.CreateObservableGauge(
            "yzc.server.model.ready",
            () => models.Models.Select(static model => new Measurement<int>(model.IsReady ? 1 : 0, Tag("model", model.Name))),
            null,
            "1 for a model that takes requests, else 0");
    }

    public Meter Meter { get; } = new(Name);

    /// <summary>Requests and streams that are open.</summary>
    public int Open => Volatile.Read(ref open);

    /// <summary>Lets one in, unless there are as many as may be.</summary>
    public bool TryOpen(int most)
    {
        if (Interlocked.Increment(ref open) <= most)
        {
            return true;
        }

        Closed();
        return false;
    }

    public void Closed() => Interlocked.Decrement(ref open);

    /// <summary>A request has its answer.</summary>
    /// <param name="model">Its model; null where there is none of the name that it gave, which is no tag: clients would make as many as they
    /// like.</param>
    /// <param name="protocol">How it came.</param>
    /// <param name="outcome">How it ended.</param>
    /// <param name="arrivedAt"><see cref="Stopwatch"/> time at which it was there.</param>
    public void Answered(string? model, string protocol, string outcome, long arrivedAt)
    {
        TagList tags = new() { Tag("model", model ?? ""), Tag("protocol", protocol), Tag("outcome", outcome) };
        requests.Add(1, tags);
        duration.Record(Stopwatch.GetElapsedTime(arrivedAt).TotalSeconds, tags);
    }

    public void LogUnexpected(Exception error) => ServerLog.Unexpected(logger, error);

    public void Dispose() => Meter.Dispose();

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
