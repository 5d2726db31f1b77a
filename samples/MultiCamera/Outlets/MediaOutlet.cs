using System.Threading.Channels;
using MultiCamera.Alarms;
using YoloZeroCopy;

namespace MultiCamera.Outlets;

/// <summary>Pictures of alarms and clips around them to a folder, with a quota.</summary>
/// <remarks>
/// An alarm is safe when its picture is on the disk. Its clip follows when the pictures after the alarm are there: clips are encoded one after the
/// other, so that they take one core at most. Where there are more than <see cref="ClipLimit"/> to encode, further alarms have none, which is
/// counted. A picture or a clip that cannot be written is counted and not tried again. Files lie in a folder for each day and camera:
/// <see cref="Alarm.Picture"/>, <see cref="Alarm.Clip"/>.
/// </remarks>
internal sealed partial class MediaOutlet : IAlarmOutlet
{
    public const string Name = "media";

    /// <summary>Alarms whose picture waits to be written, at most.</summary>
    public const int PictureLimit = 100;

    /// <summary>Clips that wait for pictures or to be encoded, at most.</summary>
    public const int ClipLimit = 50;

    private readonly MediaOptions options;
    private readonly ILogger log;
    private readonly OutletHealth health;
    private readonly MediaFolder folder;
    private readonly Channel<PendingPicture> pictures = Channel.CreateBounded<PendingPicture>(PictureLimit);
    private readonly Channel<PendingClip> clips = Channel.CreateBounded<PendingClip>(ClipLimit);
    private readonly CancellationTokenSource stop = new();
    private readonly Task writing;
    private readonly Task encoding;

    private readonly Lock gate = new();
    private readonly Dictionary<string, ClipPictures> cameras = new(StringComparer.Ordinal);
    private Task? disposal;

    // Of the loop that encodes.
    private byte[] frame = [];

    private long clipsWritten;
    private long clipsDropped;

    /// <summary>Begins to write.</summary>
    /// <exception cref="ArgumentException">The options are not valid: see <see cref="MediaOptions.Check"/>.</exception>
    public MediaOutlet(MediaOptions options, ILogger<MediaOutlet> log)
    {
        foreach ((string field, string problem) in options.Check())
        {
            throw new ArgumentException($"{field} {problem}.", nameof(options));
        }

        this.options = options;
        this.log = log;
        health = new OutletHealth(Name, log, TimeProvider.System);
        folder = new MediaFolder(options.Folder, options.MaxMegabytes * 1_000_000L);
        writing = Task.Run(WriteAsync);
        encoding = Task.Run(EncodeAsync);
    }

    public OutletStatus Status => health.Status(pictures.Reader.Count);

    /// <summary>Clips written since the program started.</summary>
    public long ClipsWritten => Interlocked.Read(ref clipsWritten);

    /// <summary>Alarms since the program started that should have a clip and have none.</summary>
    public long ClipsDropped => Interlocked.Read(ref clipsDropped);

    public Task RaiseAsync(Alarm alarm)
    {
        PlanClip(alarm);
        if (alarm.Jpeg.IsEmpty)
        {
            return Task.CompletedTask;
        }

        PendingPicture picture = new(alarm);
        if (!pictures.Writer.TryWrite(picture))
        {
            bool isStopped = stop.IsCancellationRequested;
            if (!isStopped)
            {
                health.Dropped(1, "too many pictures wait to be written");
            }

            return Task.FromException(new OutletException(isStopped ? "The outlet was stopped." : "Too many pictures wait to be written."));
        }

        return picture.Safe.Task;
    }

    public void Add(CameraPicture picture)
    {
        if (options.ClipSeconds > 0)
        {
            Of(picture.Camera).Add(picture);
        }
    }

    public void Add(CameraStatus status)
    {
        if (status.State == CameraStatus.Removed)
        {
            lock (gate)
            {
                _ = cameras.Remove(status.Camera);
            }
        }
    }

    /// <summary>The file of a picture or a clip, to be shown.</summary>
    /// <param name="name"><see cref="Alarm.Picture"/> or <see cref="Alarm.Clip"/>.</param>
    /// <returns>Its path, or null where there is none: not yet, no longer, or not one of this folder.</returns>
    public string? Find(string name) => folder.Find(name);

    /// <summary>Writes the pictures that wait. A clip that is not yet encoded is given up.</summary>
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
        pictures.Writer.Complete();
        clips.Writer.Complete();
        await Task.WhenAll(writing, encoding);
        health.Stopped();
        stop.Dispose();
    }

    private ClipPictures Of(string camera)
    {
        lock (gate)
        {
            if (!cameras.TryGetValue(camera, out ClipPictures? found))
            {
                found = new ClipPictures(options);
                cameras.Add(camera, found);
            }

            return found;
        }
    }

    private void PlanClip(Alarm alarm)
    {
        if (options.ClipSeconds > 0 && !clips.Writer.TryWrite(new PendingClip(alarm, Of(alarm.Camera).Begin(alarm.Time))))
        {
            DropClip(alarm, "too many wait to be encoded");
        }
    }

    private async Task WriteAsync()
    {
        // What an earlier run has left is counted, before anything is added.
        if (Try(folder.Open, out _))
        {
            health.Works();
        }

        await foreach (PendingPicture picture in pictures.Reader.ReadAllAsync())
        {
            Write(picture);
        }
    }

    private void Write(PendingPicture picture)
    {
        if (Try(() => folder.Write(picture.Alarm.Picture, picture.Alarm.Jpeg.Span), out Exception? error))
        {
            health.Works();
            health.Delivered(1);
            _ = picture.Safe.TrySetResult();
        }
        else
        {
            health.Dropped(1, error!.Message);
            _ = picture.Safe.TrySetException(new OutletException($"The picture cannot be written: {error.Message}", error));
        }
    }

    // True where it could be done; what fails is told.
    private bool Try(Action action, out Exception? error)
    {
        error = null;
        try
        {
            action();
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            error = failure;
            health.Fails($"{options.Folder} cannot be written: {failure.Message}");
            return false;
        }
    }

    private async Task EncodeAsync()
    {
        await foreach (PendingClip clip in clips.Reader.ReadAllAsync())
        {
            try
            {
                IReadOnlyList<CameraPicture> shown = await clip.Pictures.TakeAsync(stop.Token);
                if (shown.Count < 2)
                {
                    DropClip(clip.Alarm, $"only {shown.Count} pictures of the camera are known");
                    continue;
                }

                await EncodeAsync(clip.Alarm, shown);
                _ = Interlocked.Increment(ref clipsWritten);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                DropClip(clip.Alarm, "the program ends");
            }
            catch (Exception error)
            {
                // A full disk is told by the pictures as well; a picture that is none, or no ffmpeg, only here.
                DropClip(clip.Alarm, error.Message);
            }
        }
    }

    private async Task EncodeAsync(Alarm alarm, IReadOnlyList<CameraPicture> shown)
    {
        // 4:2:0 has even sizes; the writer of videos takes care of odd ones.
        PictureInfo info = PictureFile.ReadInfo(shown[0].Jpeg.Span);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        if (frame.Length < format.ByteCount)
        {
            frame = GC.AllocateUninitializedArray<byte>(format.ByteCount);
        }

        Memory<byte> pixels = frame.AsMemory(0, format.ByteCount);
        string path = folder.Prepare(alarm.Clip);
        VideoWriterOptions writing = new() { FfmpegPath = options.Ffmpeg };
        await using (VideoWriter video = await VideoWriter.OpenAsync(path, format, options.ClipRate, writing, stop.Token))
        {
            foreach (CameraPicture picture in shown)
            {
                PictureInfo size = PictureFile.ReadInfo(picture.Jpeg.Span);
                if ((size.Width, size.Height) == (info.Width, info.Height))
                {
                    PictureFile.Decode(picture.Jpeg.Span, pixels.Span, format);
                    await video.WriteFrameAsync(pixels, picture.Time - shown[0].Time, stop.Token);
                }
            }

            await video.CompleteAsync(stop.Token);
        }

        folder.Add(alarm.Clip);
    }

    private void DropClip(Alarm alarm, string reason)
    {
        _ = Interlocked.Increment(ref clipsDropped);
        LogNoClip(alarm.Id, alarm.Camera, reason);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Alarm {Id} of {Camera} has no clip: {Reason}")]
    private partial void LogNoClip(string id, string camera, string reason);

    private sealed class PendingPicture(Alarm alarm)
    {
        public Alarm Alarm { get; } = alarm;

        public TaskCompletionSource Safe { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private readonly record struct PendingClip(Alarm Alarm, ClipRange Pictures);
}
