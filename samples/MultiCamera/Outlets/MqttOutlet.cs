using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Protocol;
using MultiCamera.Alarms;

namespace MultiCamera.Outlets;

/// <summary>Alarms and status to an MQTT 5 broker.</summary>
/// <remarks>
/// An alarm is on disk before it is sent, and leaves the disk when the broker has acknowledged it (QoS 1): while the broker is away or the program is
/// killed nothing is lost, and only what was on its way then is sent again. Alarms keep their order. When more wait than
/// <see cref="MqttOptions.QueueLimit"/> the oldest are dropped and counted. While the disk is full alarms are sent from memory. Status is retained by
/// the broker: only the newest of a camera counts, so that it waits in memory.
/// </remarks>
internal sealed partial class MqttOutlet : IAlarmOutlet
{
    public const string Name = "mqtt";

    // On their way at once. Brokers allow 20 or more before the first is acknowledged, unless they say so.
    private const int Window = 16;

    // What a packet has beside topic and payload, at most: header, lengths and number.
    private const int PacketOverhead = 16;

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(0.25);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SaveRetry = TimeSpan.FromSeconds(1);
    // After the stop: how long more is sent, and how long answers are waited for.
    private static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(4);

    private readonly MqttOptions options;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly OutletHealth health;
    private readonly DiskQueue queue;
    private readonly Signal toSave = new();
    private readonly Signal toSend = new();
    private readonly CancellationTokenSource stop = new();
    private readonly Task saving;
    private readonly Task sending;

    private readonly Lock gate = new();
    // The newest of each camera, and those of them that the broker does not have.
    private readonly Dictionary<string, CameraStatus> cameras = new(StringComparer.Ordinal);
    private readonly HashSet<string> changed = new(StringComparer.Ordinal);
    private Task? disposal;

    private volatile string? diskProblem;

    /// <summary>Begins to connect.</summary>
    /// <exception cref="ArgumentException">The options are not valid: see <see cref="MqttOptions.Check"/>.</exception>
    public MqttOutlet(MqttOptions options, ILogger<MqttOutlet> log, TimeProvider? clock = null)
    {
        foreach ((string field, string problem) in options.Check())
        {
            throw new ArgumentException($"{field} {problem}.", nameof(options));
        }

        this.options = options;
        this.log = log;
        this.clock = clock ?? TimeProvider.System;
        health = new OutletHealth(Name, log, this.clock);
        queue = new DiskQueue(options.QueueFile, options.QueueLimit, log);
        // What an earlier run has left is there to be sent first.
        toSave.Set();
        saving = Task.Run(SaveAsync);
        sending = Task.Run(SendAsync);
    }

    public OutletStatus Status => health.Status(queue.Count);

    public Task RaiseAsync(Alarm alarm)
    {
        byte[] payload = JsonSerializer.SerializeToUtf8Bytes(alarm, OutletJson.Default.Alarm);
        Task safe = queue.Add($"{options.Topic}/alarms/{alarm.Camera}", payload, out int dropped);
        health.Dropped(dropped, "they could not be saved, and too many wait");
        toSave.Set();
        return safe;
    }

    public void Add(CameraStatus status)
    {
        lock (gate)
        {
            cameras[status.Camera] = status;
            _ = changed.Add(status.Camera);
        }

        toSend.Set();
    }

    /// <summary>Saves all, sends what it can within two seconds, and says that the program is offline.</summary>
    public async ValueTask DisposeAsync()
    {
        Task task;
        lock (gate)
        {
            task = disposal ??= Task.Run(StopAsync);
        }

        await task;
    }

    private async Task StopAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(saving, sending);
        health.Dropped(queue.Close(), "they could not be saved before the program ended");
        health.Stopped();
        stop.Dispose();
    }

    private async Task SaveAsync()
    {
        bool isLast = false;
        while (!isLast)
        {
            isLast = stop.IsCancellationRequested;
            bool isSaved = TrySave();
            toSend.Set();
            if (!isLast)
            {
                // What fails is tried again at its own pace, however many alarms come meanwhile.
                Task wait = isSaved ? toSave.WaitAsync(stop.Token) : Task.Delay(SaveRetry, clock, stop.Token);
                await wait.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private bool TrySave()
    {
        try
        {
            health.Dropped(queue.Save(), "more than the queue holds waited for the broker");
            diskProblem = null;
            return true;
        }
        catch (Exception error) when (error is SqliteException or IOException or UnauthorizedAccessException or InvalidDataException)
        {
            if (diskProblem != error.Message)
            {
                diskProblem = error.Message;
                LogDiskFails(options.QueueFile, error.Message);
            }

            return false;
        }
    }

    private async Task SendAsync()
    {
        TimeSpan retry = FirstRetry;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using IMqttClient client = new MqttClientFactory().CreateMqttClient();
                (int window, long maxPacket) = await ConnectAsync(client);
                retry = FirstRetry;
                await SendAsync(client, window, maxPacket);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
            }
            catch (Exception error)
            {
                string disk = diskProblem is string problem ? $" {CannotBeWritten(problem)}" : "";
                health.Fails($"{options.Host}: {error.Message}{disk}");
            }

            if (!stop.IsCancellationRequested)
            {
                // Programs that lost the same broker do not come back all at once.
                TimeSpan wait = retry * (0.5 + Random.Shared.NextDouble() / 2);
                await Task.Delay(wait, clock, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, LastRetry.Ticks));
            }
        }
    }

    /// <returns>How many messages may be on their way, and how many bytes one may have.</returns>
    private async Task<(int Window, long MaxPacket)> ConnectAsync(IMqttClient client)
    {
        using CancellationTokenSource limit = Limit(stop.Token);
        MqttClientConnectResult result;
        try
        {
            result = await client.ConnectAsync(await ClientOptionsAsync(limit.Token), limit.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new MqttCommunicationTimedOutException();
        }

        if (result.ResultCode != MqttClientConnectResultCode.Success)
        {
            throw new MqttCommunicationException($"The broker refused the connection: {result.ResultCode} {result.ReasonString}");
        }

        lock (gate)
        {
            // The broker may have lost what it retained.
            changed.UnionWith(cameras.Keys);
        }

        await PublishStatusAsync(client, "status", new StatusMessage("online", clock.GetUtcNow(), null), limit.Token);
        // MQTTnet gives 0 where the broker has no limit.
        int window = result.ReceiveMaximum > 0 ? Math.Min((int)result.ReceiveMaximum, Window) : Window;
        return (window, result.MaximumPacketSize > 0 ? (long)result.MaximumPacketSize : long.MaxValue);
    }

    // Until the connection breaks, which throws, or the outlet stops.
    private async Task SendAsync(IMqttClient client, int window, long maxPacket)
    {
        client.DisconnectedAsync += _ =>
        {
            toSend.Set();
            return Task.CompletedTask;
        };
        // What is on its way when the outlet stops is not torn off. What was raised last is saved and, for a while, sent.
        using CancellationTokenSource end = new();
        using CancellationTokenRegistration stopping = stop.Token.Register(() => end.CancelAfter(StopLimit));
        while (!stop.IsCancellationRequested)
        {
            if (!await SendWaitingAsync(client, window, maxPacket, end.Token))
            {
                await toSend.WaitAsync(stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        long stopped = clock.GetTimestamp();
        await saving;
        while (clock.GetElapsedTime(stopped) < SendLimit && await SendWaitingAsync(client, window, maxPacket, end.Token))
        {
        }

        await PublishStatusAsync(client, "status", new StatusMessage("offline", clock.GetUtcNow(), null), end.Token);
        await client.DisconnectAsync(cancellationToken: end.Token);
    }

    /// <returns>False when nothing waits.</returns>
    private async Task<bool> SendWaitingAsync(IMqttClient client, int window, long maxPacket, CancellationToken cancellationToken)
    {
        if (!client.IsConnected)
        {
            throw new MqttCommunicationException("The connection broke.");
        }

        await PublishCamerasAsync(client, cancellationToken);
        string? problem = diskProblem;
        IReadOnlyList<QueuedMessage> messages = queue.Read(window, includeUnsaved: problem is not null);
        if (messages.Count == 0)
        {
            TellWhetherItWorks(problem);
            return false;
        }

        List<long> done = [];
        try
        {
            messages = [.. messages.Where(message => Fits(message, maxPacket, done))];
            // In order: each is written before the next one is begun, and all wait for the broker's answers together.
            using CancellationTokenSource limit = Limit(cancellationToken);
            Task<MqttClientPublishResult>[] sent =
                [.. messages.Select(message => PublishAsync(client, message.Topic, message.Payload, isRetained: false, limit.Token))];
            await ((Task)Task.WhenAll(sent)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            for (int i = 0; i < sent.Length; i++)
            {
                if (sent[i].IsCompletedSuccessfully)
                {
                    Take(messages[i], await sent[i], done);
                }
            }

            foreach (Task<MqttClientPublishResult> task in sent)
            {
                CheckTaken(await AnswerAsync(task, cancellationToken), "an alarm");
            }
        }
        finally
        {
            if (!queue.Remove(done))
            {
                toSave.Set();
            }
        }

        TellWhetherItWorks(problem);
        return true;
    }

    // Sent to a broker that takes none of its size it would be refused again and again, and those behind it would wait for ever.
    private bool Fits(in QueuedMessage message, long maxPacket, List<long> done)
    {
        long size = message.Payload.Length + Encoding.UTF8.GetByteCount(message.Topic) + PacketOverhead;
        if (size <= maxPacket)
        {
            return true;
        }

        done.Add(message.Sequence);
        health.Dropped(1, $"one of {message.Topic} has about {size} bytes, and the broker takes {maxPacket}");
        return false;
    }

    private void Take(in QueuedMessage message, MqttClientPublishResult result, List<long> done)
    {
        if (result.IsSuccess)
        {
            done.Add(message.Sequence);
            health.Delivered(1);
        }
        else if (IsRefused(result))
        {
            done.Add(message.Sequence);
            health.Dropped(1, $"the broker refused one of {message.Topic}: {result.ReasonCode}");
        }
    }

    // The message itself is wrong, so that it would be refused again.
    private static bool IsRefused(MqttClientPublishResult result) =>
        result.ReasonCode is MqttClientPublishReasonCode.PayloadFormatInvalid or MqttClientPublishReasonCode.TopicNameInvalid;

    // Anything else, such as a missing right, may be mended at the broker: it is tried again.
    private static void CheckTaken(MqttClientPublishResult result, string what)
    {
        if (!result.IsSuccess && !IsRefused(result))
        {
            throw new MqttCommunicationException($"The broker did not take {what}: {result.ReasonCode} {result.ReasonString}");
        }
    }

    private async Task PublishCamerasAsync(IMqttClient client, CancellationToken cancellationToken)
    {
        CameraStatus[] news;
        lock (gate)
        {
            news = [.. changed.Select(camera => cameras[camera])];
            changed.Clear();
        }

        for (int i = 0; i < news.Length; i++)
        {
            try
            {
                CameraStatus status = news[i];
                bool isRemoved = status.State == CameraStatus.Removed;
                // An empty message makes the broker forget what it retained.
                StatusMessage? message = isRemoved ? null : new StatusMessage(status.State, status.Time, status.Problem);
                await PublishStatusAsync(client, $"cameras/{status.Camera}", message, cancellationToken);
                if (isRemoved)
                {
                    Forget(status);
                }
            }
            catch
            {
                lock (gate)
                {
                    changed.UnionWith(news.Skip(i).Select(status => status.Camera));
                }

                throw;
            }
        }
    }

    private void Forget(CameraStatus status)
    {
        lock (gate)
        {
            // Unless it came back meanwhile.
            if (ReferenceEquals(cameras.GetValueOrDefault(status.Camera), status))
            {
                _ = cameras.Remove(status.Camera);
                _ = changed.Remove(status.Camera);
            }
        }
    }

    private async Task PublishStatusAsync(IMqttClient client, string topic, StatusMessage? status, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = Limit(cancellationToken);
        Task<MqttClientPublishResult> task = PublishAsync(client, $"{options.Topic}/{topic}", Payload(status), true, limit.Token);
        CheckTaken(await AnswerAsync(task, cancellationToken), $"the message of {options.Topic}/{topic}");
    }

    // An answer that does not come in time is a broken connection; MQTTnet would call it cancelled.
    private static async Task<MqttClientPublishResult> AnswerAsync(Task<MqttClientPublishResult> task, CancellationToken cancellationToken)
    {
        try
        {
            return await task;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new MqttCommunicationTimedOutException();
        }
    }

    private static Task<MqttClientPublishResult> PublishAsync(
        IMqttClient client, string topic, byte[] payload, bool isRetained, CancellationToken cancellationToken) => client.PublishAsync(
        new MqttApplicationMessageBuilder()
            .WithTopic(topic)
            .WithPayload(payload)
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithRetainFlag(isRetained)
            .Build(),
        cancellationToken);

    private static byte[] Payload(StatusMessage? status) =>
        status is null ? [] : JsonSerializer.SerializeToUtf8Bytes(status, OutletJson.Default.StatusMessage);

    private async Task<MqttClientOptions> ClientOptionsAsync(CancellationToken cancellationToken)
    {
        int port = options.Port > 0 ? options.Port : options.Tls ? 8883 : 1883;
        MqttClientOptionsBuilder builder = new MqttClientOptionsBuilder()
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTcpServer(options.Host, port)
            .WithClientId(options.ClientId)
            .WithCleanStart()
            .WithKeepAlivePeriod(KeepAlive)
            .WithTimeout(AnswerLimit)
            .WithWillTopic($"{options.Topic}/status")
            .WithWillPayload(Payload(new StatusMessage("offline", null, "The connection to the program broke.")))
            .WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .WithWillRetain();
        if (options.User is not null)
        {
            // Read each time, so that a new password needs no restart.
            string password = options.PasswordFile is null ? "" : await File.ReadAllTextAsync(options.PasswordFile, cancellationToken);
            builder = builder.WithCredentials(options.User, password.TrimEnd('\r', '\n'));
        }

        return options.Tls ? builder.WithTlsOptions(Trust).Build() : builder.Build();
    }

    private void Trust(MqttClientTlsOptionsBuilder tls)
    {
        tls = tls.UseTls().WithTargetHost(options.Host);
        if (options.CertificateAuthority is string file)
        {
            X509Certificate2Collection authorities = [];
            authorities.ImportFromPemFile(file);
            _ = tls.WithTrustChain(authorities);
        }
    }

    private void TellWhetherItWorks(string? problem)
    {
        if (problem is null)
        {
            health.Works();
        }
        else
        {
            health.Fails(CannotBeWritten(problem));
        }
    }

    private string CannotBeWritten(string problem) => $"{options.QueueFile} cannot be written, alarms are kept in memory only: {problem}";

    private static CancellationTokenSource Limit(CancellationToken cancellationToken)
    {
        CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(AnswerLimit);
        return limit;
    }

    [LoggerMessage(
        Level = LogLevel.Error, Message = "{File} cannot be written: {Problem} Alarms wait in memory meanwhile, and are lost when the program ends.")]
    private partial void LogDiskFails(string file, string problem);
}
