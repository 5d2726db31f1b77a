using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Protocol;

namespace MultiCamera.Tests.Outlets;

/// <summary>Another system that receives alarms: the broker keeps them for it while it is away.</summary>
internal sealed class Collector(int port, string? user = null, string? password = null, string topic = "site") : IAsyncDisposable
{
    private readonly IMqttClient client = new MqttClientFactory().CreateMqttClient();
    private readonly CancellationTokenSource stop = new();
    private Task running = Task.CompletedTask;

    public ConcurrentQueue<Message> Messages { get; } = [];

    /// <summary>Ids of the alarms in the order they came, those that came twice too.</summary>
    public IReadOnlyList<string> AlarmIds =>
        [.. Messages.Where(message => message.Topic.StartsWith($"{topic}/alarms/", StringComparison.Ordinal)).Select(message => message.Id)];

    public async Task StartAsync()
    {
        client.ApplicationMessageReceivedAsync += received =>
        {
            MqttApplicationMessage message = received.ApplicationMessage;
            string payload = Encoding.UTF8.GetString(message.Payload.ToArray());
            Messages.Enqueue(new Message(message.Topic, payload, message.Retain, message.QualityOfServiceLevel));
            return Task.CompletedTask;
        };
        await ConnectAsync();
        running = Task.Run(StayAsync);
    }

    /// <summary>The newest message of a topic, or null.</summary>
    public Message? Last(string topic) => Messages.LastOrDefault(message => message.Topic == topic);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        client.Dispose();
        stop.Dispose();
    }

    private async Task ConnectAsync()
    {
        MqttClientOptionsBuilder options = new MqttClientOptionsBuilder()
            .WithTcpServer("127.0.0.1", port)
            .WithProtocolVersion(MQTTnet.Formatter.MqttProtocolVersion.V500)
            .WithClientId("collector")
            .WithCleanStart(false)
            .WithSessionExpiryInterval(3600)
            .WithReceiveMaximum(1000);
        if (user is not null)
        {
            options = options.WithCredentials(user, password);
        }

        _ = await client.ConnectAsync(options.Build(), stop.Token);
        _ = await client.SubscribeAsync($"{topic}/#", MqttQualityOfServiceLevel.AtLeastOnce, stop.Token);
    }

    private async Task StayAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (!client.IsConnected)
                {
                    await ConnectAsync();
                }
            }
            catch (Exception error) when (error is MqttCommunicationException or OperationCanceledException or InvalidOperationException)
            {
                // The broker is away: it is tried again.
            }

            await Task.Delay(50, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    internal sealed record Message(string Topic, string Payload, bool IsRetained, MqttQualityOfServiceLevel Quality)
    {
        public string Id => JsonDocument.Parse(Payload).RootElement.GetProperty("id").GetString()!;

        public string? State => Payload.Length == 0 ? null : JsonDocument.Parse(Payload).RootElement.GetProperty("state").GetString();
    }
}
