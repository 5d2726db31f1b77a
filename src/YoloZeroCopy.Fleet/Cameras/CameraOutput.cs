namespace YoloZeroCopy;

/// <summary>Takes what a camera's <see cref="ICameraRunner"/> sees. Any thread.</summary>
public sealed class CameraOutput
{
    private const int MaxDetections = 100;

    private readonly CameraRun run;
    private readonly Lock gate = new();
    private readonly Detection[] newest = new Detection[MaxDetections];
    private int newestCount;
    private long frames;
    private TimeSpan age;
    private TimeSpan maxAge;
    private long newestAt;

    internal CameraOutput(CameraRun run) => this.run = run;

    /// <summary>Keys of the camera's newest alarms, oldest first, at most 32, whichever node raised them: what the one before this has
    /// seen.</summary>
    public IReadOnlyList<string> RecentKeys => run.RecentKeys;

    /// <summary>Reports a frame that was detected in. Allocates nothing; what is sent is the newest at the time.</summary>
    /// <param name="age">Time from its capture until now.</param>
    /// <param name="detections">What it shows; copied, the first 100.</param>
    public void Report(TimeSpan age, ReadOnlySpan<Detection> detections)
    {
        lock (gate)
        {
            newestCount = Math.Min(detections.Length, MaxDetections);
            detections[..newestCount].CopyTo(newest);
            frames++;
            this.age = age;
            maxAge = age > maxAge ? age : maxAge;
            newestAt = Environment.TickCount64;
        }
    }

    /// <summary>Raises an alarm: written to the node's disk, sent to NATS, and there for readers once.</summary>
    /// <param name="key">
    /// What it is about, such as a rule and the beginning of what it saw, 1 to 200 characters. A key that the camera's owners have raised before,
    /// among the newest 32, is not raised again: so what lasts while a camera moves is one alarm.
    /// </param>
    /// <param name="text">What it says, at most 64 KiB.</param>
    /// <returns>False where its key was raised before, or the camera is no longer this node's.</returns>
    /// <exception cref="ArgumentException">The key is empty, or the key or the text too long.</exception>
    public bool Raise(string key, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(text);
        if (key.Length > CameraRun.MaxKeyLength || text.Length > CameraRun.MaxTextLength)
        {
            throw new ArgumentException(
                $"The key has {key.Length} and the text {text.Length} characters; "
                    + $"at most {CameraRun.MaxKeyLength} and {CameraRun.MaxTextLength} are taken.");
        }

        return run.Raise(key, text, DateTimeOffset.UtcNow);
    }

    /// <summary>Frames so far, the age of the newest, and milliseconds since it.</summary>
    internal (long Frames, double? AgeMs, double? SinceMs) Now
    {
        get
        {
            lock (gate)
            {
                return frames == 0 ? (0, null, null) : (frames, age.TotalMilliseconds, Environment.TickCount64 - newestAt);
            }
        }
    }

    /// <summary>What was reported since the last call; null where nothing was.</summary>
    internal FleetResult? Take(long framesBefore, TimeSpan since)
    {
        lock (gate)
        {
            if (frames == framesBefore)
            {
                return null;
            }

            FleetResult result = new(
                frames, Math.Round((frames - framesBefore) / Math.Max(0.001, since.TotalSeconds), 2), Math.Round(age.TotalMilliseconds, 2),
                Math.Round(maxAge.TotalMilliseconds, 2),
                [.. newest[..newestCount].Select(static one => (float[])[one.ClassId, one.Score, one.X1, one.Y1, one.X2, one.Y2])]);
            maxAge = default;
            return result;
        }
    }
}
