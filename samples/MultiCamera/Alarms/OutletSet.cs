namespace MultiCamera.Alarms;

/// <summary>All outlets of the program. None of them can delay another or throw into a camera.</summary>
internal sealed partial class OutletSet(IReadOnlyList<IAlarmOutlet> outlets, ILogger<OutletSet> log) : IAsyncDisposable
{
    /// <summary>How each outlet is.</summary>
    public IReadOnlyList<OutletStatus> Status => [.. outlets.Select(outlet => outlet.Status)];

    /// <summary>Gives an alarm to every outlet.</summary>
    /// <returns>Ends when every outlet has it safe or has failed to: true when all have it. Never fails.</returns>
    public async Task<bool> RaiseAsync(Alarm alarm)
    {
        // All are asked before any is waited for.
        Task<bool>[] raised = [.. outlets.Select(outlet => RaiseAsync(outlet, alarm))];
        bool isSafe = (await Task.WhenAll(raised)).All(isKept => isKept);
        if (isSafe && raised.Length > 0)
        {
            LogKept(alarm.Id, alarm.Camera, alarm.Text);
        }

        return isSafe;
    }

    public void Add(CameraDetections detections) => Each(outlet => outlet.Add(detections));

    public void Add(CameraPicture picture) => Each(outlet => outlet.Add(picture));

    public void Add(CameraStatus status) => Each(outlet => outlet.Add(status));

    /// <summary>Stops all outlets side by side.</summary>
    public async ValueTask DisposeAsync() => await Task.WhenAll(outlets.Select(DisposeAsync));

    private async Task<bool> RaiseAsync(IAlarmOutlet outlet, Alarm alarm)
    {
        try
        {
            await outlet.RaiseAsync(alarm);
            return true;
        }
        catch (Exception error)
        {
            LogLost(error, outlet.Status.Name, alarm.Id);
            return false;
        }
    }

    private void Each(Action<IAlarmOutlet> call)
    {
        foreach (IAlarmOutlet outlet in outlets)
        {
            try
            {
                call(outlet);
            }
            catch (Exception error)
            {
                LogFailed(error, outlet.Status.Name);
            }
        }
    }

    private async Task DisposeAsync(IAlarmOutlet outlet)
    {
        try
        {
            await outlet.DisposeAsync();
        }
        catch (Exception error)
        {
            LogFailed(error, outlet.Status.Name);
        }
    }

    // Who reads this line may count on it: the alarm outlives the program from here on.
    [LoggerMessage(Level = LogLevel.Information, Message = "Alarm {Id} of camera {Camera} is kept: {Text}.")]
    private partial void LogKept(string id, string camera, string text);

    [LoggerMessage(Level = LogLevel.Error, Message = "Outlet {Name} could not keep alarm {Id}.")]
    private partial void LogLost(Exception error, string name, string id);

    [LoggerMessage(Level = LogLevel.Error, Message = "Outlet {Name} failed.")]
    private partial void LogFailed(Exception error, string name);
}
