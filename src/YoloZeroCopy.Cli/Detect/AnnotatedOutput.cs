using System.Collections.Immutable;

namespace YoloZeroCopy.Cli;

/// <summary>Pictures and videos with the detections drawn into them, one file for each input.</summary>
internal sealed class AnnotatedOutput : IFrameSink
{
    // What a writer takes, and what is said of a video that has no rate: its frames have times.
    private const double MaxRate = 1000;
    private const double StandardRate = 25;

    private readonly ImmutableArray<string> names;
    private readonly DrawingStyle style;
    private VideoWriter? video;
    private InputItem? videoItem;
    private TimeSpan firstTime;
    private TimeSpan nextTime;

    private AnnotatedOutput(ImmutableArray<string> names, DrawingStyle style) => (this.names, this.style) = (names, style);

    public bool WantsPixels => true;

    /// <summary>Makes the folder.</summary>
    public static AnnotatedOutput Create(string folder, ImmutableArray<string> names, DrawingStyle style)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw StandardOutput.Failed($"folder '{folder}'", error);
        }

        return new AnnotatedOutput(names, style);
    }

    /// <summary>Names the file that every input is drawn into: PNG stays PNG, other pictures are JPEG, videos MP4.</summary>
    public static List<InputItem> PlanFiles(string folder, IEnumerable<InputItem> items) =>
        [.. items.Select(item => item with { Output = Path.Combine(folder, item.Stem + ExtensionOf(item)) })];

    public async ValueTask WriteAsync(FrameWork work, DetectionResult result)
    {
        FrameFormat format = result.Format;
        byte[] pixels = work.Pixels ?? throw new InvalidOperationException("The frame's pixels were not kept.");
        style.For(pixels.AsSpan(0, format.ByteCount), format).Draw(result.Detections, names);
        string file = work.Item.Output ?? throw new InvalidOperationException($"No file was planned for '{work.Item.Path}'.");
        try
        {
            if (work.Item.Kind == InputKind.Video)
            {
                if (video is null)
                {
                    double rate = work.Item.FrameRate is > 0 and <= MaxRate ? work.Item.FrameRate : StandardRate;
                    video = await VideoWriter.OpenAsync(file, format, rate);
                    videoItem = work.Item;
                    firstTime = work.Time.GetValueOrDefault();
                    nextTime = TimeSpan.Zero;
                }

                // Each frame stays where it is; only where a damaged video's clock goes back, or several frames have one time, it goes on in steps.
                TimeSpan time = work.Time.GetValueOrDefault() - firstTime;
                time = time > nextTime ? time : nextTime;
                nextTime = time + new TimeSpan((TimeSpan.TicksPerSecond / video.Clock) + 1);
                await video.WriteFrameAsync(pixels.AsMemory(0, format.ByteCount), time);
            }
            else if (file.EndsWith(".png", StringComparison.OrdinalIgnoreCase))
            {
                PictureFile.WritePng(file, pixels.AsSpan(0, format.ByteCount), format);
            }
            else
            {
                PictureFile.WriteJpeg(file, pixels.AsSpan(0, format.ByteCount), format);
            }
        }
        catch (MediaException error)
        {
            throw new CliException(ExitCode.OutputFailed, error.Message, "Check the path, the free space and the permissions.", error);
        }
    }

    public ValueTask EndItemAsync(InputItem item) => ReferenceEquals(item, videoItem) ? CompleteAsync() : ValueTask.CompletedTask;

    public void Flush()
    {
    }

    /// <summary>Finishes the video that is being written; what a broken video gave until then is kept.</summary>
    public async ValueTask CompleteAsync()
    {
        if (video is null)
        {
            return;
        }

        try
        {
            await video.CompleteAsync();
        }
        catch (MediaException error)
        {
            throw new CliException(ExitCode.OutputFailed, error.Message, innerException: error);
        }

        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (video is not null)
        {
            await video.DisposeAsync();
            video = null;
            videoItem = null;
        }
    }

    private static string ExtensionOf(InputItem item) =>
        item.Kind == InputKind.Video ? ".mp4" : Path.GetExtension(item.Path).Equals(".png", StringComparison.OrdinalIgnoreCase) ? ".png" : ".jpg";
}
