using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace YoloZeroCopy;

/// <summary>
/// Healthy while the detector takes frames, degraded until it is open and when it has lost one of several devices, unhealthy when it failed or is
/// faulted.
/// </summary>
internal sealed class DetectorHealthCheck(DetectorService service) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        DetectorState state = service.State;
        string progress = service.Progress is OpeningProgress step ? $": {step}" : "";
        return Task.FromResult(state switch
        {
            DetectorState.NotOpened => HealthCheckResult.Degraded($"Detector '{service.Name}' is not opened yet."),
            DetectorState.Opening => HealthCheckResult.Degraded($"Detector '{service.Name}' is being opened{progress}."),
            DetectorState.Open when service.TryGet(out YoloDetector? detector) => Healthy(detector),
            DetectorState.Faulted => Unhealthy(context, $"Detector '{service.Name}' is faulted: {service.Error?.Message}"),
            DetectorState.Failed => Unhealthy(context, $"Detector '{service.Name}' could not be opened: {service.Error?.Message}"),
            _ => Unhealthy(context, $"Detector '{service.Name}' was disposed."),
        });
    }

    private static HealthCheckResult Healthy(YoloDetector detector)
    {
        DetectorStatistics statistics = detector.Statistics;
        Dictionary<string, object> data = new()
        {
            ["submitted"] = statistics.FramesSubmitted,
            ["completed"] = statistics.FramesCompleted,
            ["dropped"] = statistics.FramesDropped,
            ["failed"] = statistics.FramesFailed,
            ["slots_in_use"] = statistics.SlotsInUse,
            ["slots"] = statistics.SlotCount,
        };
        DeviceStatistics[] lost = [.. statistics.Devices.Where(static device => device.Fault is not null)];
        foreach (DeviceStatistics device in lost)
        {
            data[$"lost_on_{device.Device}"] = device.FramesLost;
        }

        return lost.Length == 0
            ? HealthCheckResult.Healthy($"Detector '{detector.Name}' is open on {detector.Device}.", data)
            : HealthCheckResult.Degraded(
                $"Detector '{detector.Name}' goes on without "
                    + $"{string.Join(", ", lost.Select(static device => $"{device.Device} ({device.Fault!.Message})"))}.",
                lost[0].Fault, data);
    }

    private HealthCheckResult Unhealthy(HealthCheckContext context, string description) =>
        new(context.Registration.FailureStatus, description, service.Error);
}
