using System.Runtime.CompilerServices;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace YoloZeroCopy;

/// <summary>Reads the alarms of a fleet, each once and in order. For programs that are no node; any number of them.</summary>
public sealed class FleetAlarms : IAsyncDisposable
{
    private readonly FleetStreams streams;

    /// <param name="nats">Where NATS is, as <see cref="FleetOptions.Nats"/>.</param>
    /// <param name="cluster">The fleet, as <see cref="FleetOptions.Cluster"/>.</param>
    /// <exception cref="ArgumentException">The name is none.</exception>
    public FleetAlarms(string nats, string cluster)
    {
        ArgumentException.ThrowIfNullOrEmpty(nats);
        FleetNames.ThrowIfNone(cluster, nameof(cluster));
        streams = new FleetStreams(nats, cluster, "reader", new FleetOptions().AlarmRetention);
    }

    /// <summary>Reads alarms until it is cancelled, also over times when NATS is away.</summary>
    /// <param name="after">The <see cref="FleetAlarm.Sequence"/> to go on after; 0 from the oldest that is kept.</param>
    /// <param name="stop">Ends it.</param>
    /// <returns>Alarms, in the order in which NATS took them. An alarm of an owner that another one has followed cannot be among them: NATS does not
    /// take it.</returns>
    public async IAsyncEnumerable<FleetAlarm> ReadAsync(ulong after, [EnumeratorCancellation] CancellationToken stop)
    {
        ulong last = after;
        Dictionary<string, long> epochs = new(StringComparer.Ordinal);
        INatsJSConsumer? consumer = null;
        while (!stop.IsCancellationRequested)
        {
            List<NatsJSMsg<byte[]>> messages = [];
            try
            {
                consumer ??= await streams.Context.CreateOrderedConsumerAsync(
                    streams.AlarmStream,
                    new NatsJSOrderedConsumerOpts
                    {
                        DeliverPolicy = ConsumerConfigDeliverPolicy.ByStartSequence,
                        OptStartSeq = last + 1,
                    },
                    stop).ConfigureAwait(false);
                await foreach (NatsJSMsg<byte[]> message in consumer.FetchAsync<byte[]>(
                    new NatsJSFetchOpts { MaxMsgs = 500, Expires = TimeSpan.FromSeconds(1) }, cancellationToken: stop).ConfigureAwait(false))
                {
                    messages.Add(message);
                }
            }
            catch (Exception error) when (FleetStreams.IsAway(error, stop))
            {
                // Begun anew after the last one that was read.
                consumer = null;
                await Task.Delay(500, stop).ConfigureAwait(false);
            }

            foreach (NatsJSMsg<byte[]> message in messages)
            {
                if (message.Metadata is not { } position || position.Sequence.Stream <= last || message.Data is not { } body)
                {
                    continue;
                }

                last = position.Sequence.Stream;
                FleetMessage read = FleetStreams.Read(body);
                if (read.Epoch < epochs.GetValueOrDefault(read.Camera))
                {
                    // Cannot be, as NATS orders them; a stream that was filled by other means is not trusted.
                    continue;
                }

                epochs[read.Camera] = read.Epoch;
                if (read.Kind == FleetMessage.AlarmKind)
                {
                    yield return new FleetAlarm(
                        last, read.Camera, read.Epoch, read.Number, read.Node, read.At, read.Key ?? "", read.Text ?? "", position.Timestamp);
                }
            }
        }
    }

    /// <summary>Closes the connection.</summary>
    public ValueTask DisposeAsync() => streams.DisposeAsync();
}
