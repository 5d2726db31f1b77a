using System.Text.Json;
using Microsoft.Extensions.Options;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace YoloZeroCopy;

/// <summary>The two streams of a fleet in JetStream: alarms, which are kept for long, and results, of which each camera's newest are.</summary>
internal sealed class FleetStreams : IAsyncDisposable
{
    // An answer later than this counts as none; the message may have been taken all the same, which the next attempt finds out.
    public static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(3);

    private const int ResultsKept = 60;
    private const int NoMessage = 10037;
    private const int WrongLastSequence = 10071;
    private const int StreamNotFound = 10059;

    // A producer that is not answered sends again; within this time NATS knows the message again by its id.
    private static readonly TimeSpan DuplicateWindow = TimeSpan.FromMinutes(2);

    private readonly string cluster;
    private readonly TimeSpan retention;
    private readonly NatsConnection connection;
    private readonly NatsJSContext context;
    private readonly SemaphoreSlim making = new(1, 1);
    private volatile bool areMade;

    public FleetStreams(IOptions<FleetOptions> options)
        : this(options.Value.Nats, options.Value.Cluster, options.Value.Node, options.Value.AlarmRetention)
    {
    }

    public FleetStreams(string url, string cluster, string name, TimeSpan retention)
    {
        (this.cluster, this.retention) = (cluster, retention);
        connection = new NatsConnection(NatsOpts.Default with
        {
            Url = url,
            Name = $"YoloZeroCopy fleet {cluster}, {name}",
            MaxReconnectRetry = -1,
            RetryOnInitialConnect = true,
            ReconnectWaitMin = TimeSpan.FromMilliseconds(100),
            ReconnectWaitMax = TimeSpan.FromSeconds(1),
            ReconnectJitter = TimeSpan.FromMilliseconds(50),
            ConnectTimeout = AnswerLimit,
            CommandTimeout = AnswerLimit,
            RequestTimeout = AnswerLimit,
        });
        context = new NatsJSContext(connection);
    }

    public bool IsConnected => connection.ConnectionState == NatsConnectionState.Open;

    public NatsJSContext Context => context;

    public string AlarmStream => $"{cluster}-alarms";

    public string ResultStream => $"{cluster}-results";

    public string AlarmSubject(string camera) => $"{cluster}.alarm.{camera}";

    public string ResultSubject(string camera) => $"{cluster}.result.{camera}";

    public Task ConnectAsync() => connection.ConnectAsync().AsTask();

    /// <summary>Makes the streams where they are not there yet.</summary>
    public async Task MakeAsync(CancellationToken stop)
    {
        if (areMade)
        {
            return;
        }

        await making.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (areMade)
            {
                return;
            }

            _ = await context.CreateOrUpdateStreamAsync(
                new StreamConfig(AlarmStream, [AlarmSubject("*")])
                {
                    Storage = StreamConfigStorage.File,
                    MaxAge = retention,
                    DuplicateWindow = DuplicateWindow < retention ? DuplicateWindow : retention,
                },
                stop).ConfigureAwait(false);
            _ = await context.CreateOrUpdateStreamAsync(
                new StreamConfig(ResultStream, [ResultSubject("*")])
                {
                    Storage = StreamConfigStorage.File,
                    MaxMsgsPerSubject = ResultsKept,
                    DuplicateWindow = DuplicateWindow,
                },
                stop).ConfigureAwait(false);
            areMade = true;
        }
        finally
        {
            _ = making.Release();
        }
    }

    /// <summary>The newest message of a subject, and its number; null where there is none.</summary>
    public async Task<(FleetMessage Message, ulong Sequence)?> LastAsync(string stream, string subject, CancellationToken stop)
    {
        await MakeAsync(stop).ConfigureAwait(false);
        try
        {
            INatsJSStream found = await context.GetStreamAsync(stream, cancellationToken: stop).ConfigureAwait(false);
            StreamMsgGetResponse last = await found.GetAsync(new StreamMsgGetRequest { LastBySubj = subject }, stop).ConfigureAwait(false);
            return (Read(last.Message.Data.Span), last.Message.Seq);
        }
        catch (NatsJSApiException error) when (error.Error.ErrCode == NoMessage)
        {
            return null;
        }
    }

    /// <summary>Sends a message, which NATS takes only where the subject's newest one is that which the sender knows of.</summary>
    /// <returns>Its number, or null where another message is the newest.</returns>
    /// <exception cref="NatsException">NATS cannot take it now.</exception>
    public async Task<ulong?> SendAsync(string subject, FleetMessage message, ulong expectedLast, CancellationToken stop)
    {
        await MakeAsync(stop).ConfigureAwait(false);
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(message, FleetJson.Default.FleetMessage);
        PubAckResponse answer = await context.PublishAsync(
            subject, body, NatsRawSerializer<byte[]>.Default,
            new NatsJSPubOpts { MsgId = message.Id, ExpectedLastSubjectSequence = expectedLast }, cancellationToken: stop).ConfigureAwait(false);
        if (answer.Error is not { } error)
        {
            return answer.Seq;
        }

        if (error.ErrCode == StreamNotFound)
        {
            areMade = false;
        }

        return error.ErrCode == WrongLastSequence ? null : throw new NatsJSApiException(error);
    }

    public static FleetMessage Read(ReadOnlySpan<byte> body) =>
        JsonSerializer.Deserialize(body, FleetJson.Default.FleetMessage) ?? throw new JsonException("The message of a camera is null.");

    /// <summary>Whether an error means that NATS, or the way to it, is away for now.</summary>
    public static bool IsAway(Exception error, CancellationToken stop) =>
        error is NatsException or TimeoutException or IOException or System.Net.Sockets.SocketException or ObjectDisposedException
        || (error is OperationCanceledException && !stop.IsCancellationRequested);

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync().ConfigureAwait(false);
        making.Dispose();
    }
}
