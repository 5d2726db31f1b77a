using MultiCamera.Cameras;
using MultiCamera.Settings;

namespace MultiCamera.Web;

/// <summary>Begins the cameras, takes changes of the settings file while they run, and ends the program when the detector has failed for
/// good.</summary>
internal sealed partial class SiteService(SettingsFile first, Site site, IHostApplicationLifetime life, ILogger<SiteService> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private volatile string? problem;

    /// <summary>Why the file as it is now was not taken; null where it was.</summary>
    public string? Problem => problem;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await site.ApplyAsync(first.Site);
        string last = first.Text;
        using PeriodicTimer timer = new(Interval);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (site.Detector.Fault is Exception fault)
            {
                LogDetectorFailed(fault);
                life.StopApplication();
                return;
            }

            if (SettingsFile.TryReadText(first.Path) is string text && text != last)
            {
                last = text;
                await ReloadAsync();
            }
        }
    }

    private async Task ReloadAsync()
    {
        try
        {
            SettingsFile next = SettingsFile.Read(first.Path);
            next.ThrowIfUnfit(site.Detector.Model.Names, site.Detector.CudaOrdinal is not null);
            await site.ApplyAsync(next.Site);
            string fields = first.Site.NeedsRestart(next.Site);
            problem = fields.Length > 0 ? $"Changes of {fields} take effect when the program is started again." : null;
            LogReloaded(next.Site.Cameras.Count);
        }
        catch (SettingsException error)
        {
            problem = error.Message;
            LogRefused(error.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "The detector has failed and cannot go on in this process.")]
    private partial void LogDetectorFailed(Exception error);

    [LoggerMessage(Level = LogLevel.Information, Message = "The settings were read again: {Count} cameras.")]
    private partial void LogReloaded(int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "The settings were not taken, and those before go on:\n{Problem}")]
    private partial void LogRefused(string problem);
}
