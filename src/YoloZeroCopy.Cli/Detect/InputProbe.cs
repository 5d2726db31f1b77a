namespace YoloZeroCopy.Cli;

/// <summary>Learns the size of every input's frames before the detector is opened: slots are allocated once, for the largest.</summary>
internal static class InputProbe
{
    /// <summary>Adds the format to every item; to one that cannot be read, why.</summary>
    public static async Task<List<InputItem>> ReadAsync(IReadOnlyList<InputItem> items, FrameSelection selection, CancellationToken stop)
    {
        List<InputItem> probed = new(items.Count);
        foreach (InputItem item in items)
        {
            stop.ThrowIfCancellationRequested();
            try
            {
                probed.Add(
                    item.Failure is not null ? item
                    : item.Kind == InputKind.Picture ? await ReadPictureAsync(item, stop)
                    : await ReadVideoAsync(item, selection, stop));
            }
            catch (Exception error) when (error is MediaException or NativeLibraryException)
            {
                probed.Add(item with { Failure = error, Frames = 1 });
            }
        }

        return probed;
    }

    private static async Task<InputItem> ReadPictureAsync(InputItem item, CancellationToken stop)
    {
        if (item.Origin != InputOrigin.File)
        {
            ReadOnlyMemory<byte> content = await PictureBytes.ReadAsync(item, stop);
            return Describe(item, PictureFile.ReadInfo(content.Span, item.Source)) with { Content = content };
        }

        return Describe(item, PictureFile.ReadInfo(item.Path));
    }

    private static InputItem Describe(InputItem picture, PictureInfo info) =>
        picture with { Format = new FrameFormat(PixelFormat.Bgr24, info.Width, info.Height), Frames = 1 };

    private static async Task<InputItem> ReadVideoAsync(InputItem item, FrameSelection selection, CancellationToken stop)
    {
        await using VideoReader reader = await OpenVideoAsync(item, stop);
        double frames = reader.FrameRate * (reader.Duration?.TotalSeconds ?? 0);
        return item with
        {
            Format = reader.Format,
            FrameRate = reader.FrameRate,
            Frames = selection.CountOf((long)Math.Round(frames)),
        };
    }

    /// <summary>Opens a video's reader.</summary>
    public static Task<VideoReader> OpenVideoAsync(InputItem item, CancellationToken stop) =>
        VideoReader.OpenAsync(item.Path, new VideoReaderOptions { AllowUrl = item.Origin == InputOrigin.Url }, stop);
}
