using System.Collections.Concurrent;
using System.Globalization;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace YoloZeroCopy.Tests.Live;

/// <summary>Reads what NATS has taken: alarms as an application does, and both streams raw, to see who owned which camera when.</summary>
internal sealed class Watcher : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly FleetAlarms reader;
    private readonly FleetStreams streams;
    private readonly Task[] tasks;
    private readonly ConcurrentDictionary<string, CameraLog> cameras = new(StringComparer.Ordinal);

    public Watcher(string nats, string cluster)
    {
        reader = new FleetAlarms(nats, cluster);
        streams = new FleetStreams(nats, cluster, "watcher", TimeSpan.FromDays(7));
        tasks = [ReadAlarmsAsync(), ReadRawAsync(streams.AlarmStream), ReadRawAsync(streams.ResultStream)];
    }

    /// <summary>Alarms as the reader gives them.</summary>
    public ConcurrentQueue<FleetAlarm> Alarms { get; } = new();

    /// <summary>Messages that NATS took of an owner that another one had followed. None may be.</summary>
    public ConcurrentQueue<string> Violations { get; } = new();

    public CameraLog Of(string camera) => cameras.GetOrAdd(camera, static _ => new CameraLog());

    /// <summary>Times without a message of any owner, longest first.</summary>
    public IReadOnlyList<(string Camera, double Seconds, DateTimeOffset At)> Gaps(DateTimeOffset from) =>
        [.. cameras.Select(camera => (camera.Key, Gap: camera.Value.LongestGap(from)))
            .Select(static entry => (entry.Key, entry.Gap.Seconds, entry.Gap.At))
            .OrderByDescending(static entry => entry.Seconds)];

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(tasks);
        await reader.DisposeAsync();
        await streams.DisposeAsync();
        stop.Dispose();
    }

    private async Task ReadAlarmsAsync()
    {
        try
        {
            await foreach (FleetAlarm alarm in reader.ReadAsync(0, stop.Token))
            {
                Alarms.Enqueue(alarm);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task ReadRawAsync(string stream)
    {
        ulong last = 0;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await streams.MakeAsync(stop.Token);
                INatsJSConsumer consumer = await streams.Context.CreateOrderedConsumerAsync(
                    stream, new NatsJSOrderedConsumerOpts { DeliverPolicy = ConsumerConfigDeliverPolicy.ByStartSequence, OptStartSeq = last + 1 },
                    stop.Token);
                await foreach (NatsJSMsg<byte[]> message in consumer.ConsumeAsync<byte[]>(cancellationToken: stop.Token))
                {
                    if (message.Metadata is { } position && position.Sequence.Stream > last)
                    {
                        last = position.Sequence.Stream;
                        FleetMessage read = FleetStreams.Read(message.Data);
                        if (Of(read.Camera).Add(stream, read, position.Timestamp) is { } violation)
                        {
                            Violations.Enqueue(violation);
                        }
                    }
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (FleetStreams.IsAway(error, stop.Token))
            {
                await Task.Delay(200);
            }
        }
    }
}

/// <summary>Who owned a camera when, by NATS's clock.</summary>
internal sealed class CameraLog
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, long> epochs = new(StringComparer.Ordinal);
    private readonly List<(DateTimeOffset From, double Seconds)> gaps = [];
    private DateTimeOffset last;

    public string? Owner { get; private set; }

    public long Epoch { get; private set; }

    /// <summary>When the owner's first frame was known.</summary>
    public DateTimeOffset FirstFrameAt { get; private set; }

    /// <summary>When the owner took it over.</summary>
    public DateTimeOffset TakenAt { get; private set; }

    public string? Add(string stream, FleetMessage message, DateTimeOffset at)
    {
        lock (gate)
        {
            long before = epochs.GetValueOrDefault(stream);
            if (message.Epoch < before)
            {
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"{stream}: {message.Kind} {message.Id} of {message.Node} at {at:O}, after epoch {before} of {Owner}");
            }

            epochs[stream] = message.Epoch;
            if (message.Kind == FleetMessage.OwnerKind && stream.EndsWith("-alarms", StringComparison.Ordinal))
            {
                TakenAt = at;
            }

            if (message.Kind != FleetMessage.ResultKind)
            {
                return null;
            }

            if (message.Epoch > Epoch)
            {
                (Owner, Epoch, FirstFrameAt) = (message.Node, message.Epoch, at);
            }

            if (last != default)
            {
                gaps.Add((last, (at - last).TotalSeconds));
                if (gaps.Count > 20_000)
                {
                    gaps.RemoveRange(0, 10_000);
                }
            }

            last = at;
            return null;
        }
    }

    public DateTimeOffset LastAt
    {
        get
        {
            lock (gate)
            {
                return last;
            }
        }
    }

    public (double Seconds, DateTimeOffset At) LongestGap(DateTimeOffset from)
    {
        lock (gate)
        {
            return gaps.Where(gap => gap.From >= from).Select(static gap => (gap.Seconds, gap.From)).DefaultIfEmpty()
                .MaxBy(static gap => gap.Seconds);
        }
    }
}
