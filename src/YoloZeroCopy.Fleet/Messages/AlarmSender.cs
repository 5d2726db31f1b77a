using Microsoft.Extensions.Hosting;

namespace YoloZeroCopy;

/// <summary>Sends a node's alarms: from before its first camera starts until after its last one has stopped.</summary>
internal sealed class AlarmSender(FleetNode node) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => node.SendAlarmsAsync(stoppingToken);
}
