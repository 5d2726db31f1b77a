using MultiCamera.Alarms;

namespace MultiCamera.Outlets;

/// <summary>The newest pictures of a camera, for the clip of the next alarm. Any thread; nothing waits.</summary>
internal sealed class ClipPictures(MediaOptions options)
{
    private readonly TimeSpan half = TimeSpan.FromSeconds(options.ClipSeconds / 2);
    private readonly long byteLimit = options.MegabytesPerCamera * 1_000_000L;
    private readonly Lock gate = new();
    private readonly Queue<CameraPicture> before = [];
    private readonly List<ClipRange> begun = [];
    private long bytes;
    private DateTimeOffset latest;

    public void Add(CameraPicture picture)
    {
        lock (gate)
        {
            // A little sooner than due counts as due: cameras are never quite even. A clock that was set back begins anew.
            TimeSpan since = picture.Time - latest;
            if (since < TimeSpan.Zero)
            {
                before.Clear();
                bytes = 0;
            }
            else if (since.TotalSeconds * options.ClipRate < 0.9)
            {
                return;
            }

            latest = picture.Time;
            before.Enqueue(picture);
            bytes += picture.Jpeg.Length;
            while (before.TryPeek(out CameraPicture? first) && (bytes > byteLimit || picture.Time - first.Time > half))
            {
                bytes -= before.Dequeue().Jpeg.Length;
            }

            _ = begun.RemoveAll(range => !range.Add(picture));
        }
    }

    /// <summary>Begins a clip around a time, with the pictures before it. Those after it are added as they come.</summary>
    public ClipRange Begin(DateTimeOffset time)
    {
        lock (gate)
        {
            // As much again after the alarm.
            ClipRange range = new(time + half, half, byteLimit * 2);
            bool goesOn = true;
            foreach (CameraPicture picture in before)
            {
                goesOn = goesOn && (picture.Time < time - half || range.Add(picture));
            }

            if (goesOn)
            {
                begun.Add(range);
            }

            return range;
        }
    }
}
