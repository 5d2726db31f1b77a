using Microsoft.Extensions.Hosting;

namespace YoloZeroCopy;

/// <summary>
/// Opens a detector before any service of the host starts, the listener of requests among them, unless it is to be opened beside them.
/// </summary>
internal sealed class DetectorHostedService(DetectorService service) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        Task<YoloDetector> opening = service.GetAsync(cancellationToken);
        if (service.OpensInBackground)
        {
            // Its failure is the service's to log, and the health check's to show.
            _ = ObserveAsync(opening);
            return;
        }

        try
        {
            _ = await opening.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await service.StopOpeningAsync().ConfigureAwait(false);
            throw;
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => service.StopOpeningAsync();

    // The detector stays open for services that stop later; the container disposes it.
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static async Task ObserveAsync(Task opening) => await opening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
