using MultiCamera.Alarms;
using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Cameras;

/// <summary>All cameras on one detector. Cameras come and go while it runs.</summary>
internal sealed partial class Site(YoloDetector detector, OutletSet outlets, ILogger<Site> log) : IAsyncDisposable
{
    private readonly SemaphoreSlim changing = new(1, 1);
    private readonly SourceHub hub = new(detector);
    private readonly Lock gate = new();
    private readonly Dictionary<string, Camera> cameras = new(StringComparer.OrdinalIgnoreCase);
    private PictureSettings pictures = new();

    public YoloDetector Detector => detector;

    public AlarmLog Alarms { get; } = new();

    public IReadOnlyList<OutletStatus> Outlets => outlets.Status;

    /// <summary>The cameras, by their names.</summary>
    public IReadOnlyList<Camera> Cameras
    {
        get
        {
            lock (gate)
            {
                return [.. cameras.Values.OrderBy(camera => camera.Settings.Name, StringComparer.OrdinalIgnoreCase)];
            }
        }
    }

    public Camera? Find(string name)
    {
        lock (gate)
        {
            return cameras.GetValueOrDefault(name);
        }
    }

    /// <summary>Takes new settings. Cameras that they do not change run on as if nothing had been.</summary>
    public async Task ApplyAsync(SiteSettings site)
    {
        await changing.WaitAsync();
        try
        {
            bool drawsAnew = !SettingsFile.AreSame(pictures, site.Pictures);
            pictures = site.Pictures;
            Camera[] changed = [.. Cameras.Where(camera =>
                drawsAnew || !site.Cameras.Any(settings => SettingsFile.AreSame(settings, camera.Settings)))];
            await Task.WhenAll(changed.Select(RemoveAsync));
            foreach (Camera gone in changed.Where(camera => !site.Cameras.Any(settings => settings.Name == camera.Settings.Name)))
            {
                outlets.Add(new CameraStatus(gone.Settings.Name, DateTimeOffset.UtcNow, CameraStatus.Removed, null));
                LogRemoved(gone.Settings.Name);
            }

            foreach (CameraSettings settings in site.Cameras.Where(settings => Find(settings.Name) is null))
            {
                Add(settings);
            }
        }
        catch (DetectorFaultedException)
        {
            // The program ends with its detector.
        }
        finally
        {
            _ = changing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await changing.WaitAsync();
        await hub.DisposeAsync();
        await detector.DisposeAsync();
        changing.Dispose();
    }

    private void Add(CameraSettings settings)
    {
        CameraWatch watch = new(settings, pictures, detector.Model.Names, outlets, Alarms);
        Camera camera = new(settings, hub, watch, outlets, log);
        lock (gate)
        {
            cameras.Add(settings.Name, camera);
        }
    }

    private async Task RemoveAsync(Camera camera)
    {
        await camera.RemoveAsync();
        lock (gate)
        {
            _ = cameras.Remove(camera.Settings.Name);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Camera {Name} is no longer in the settings.")]
    private partial void LogRemoved(string name);
}
