namespace YoloZeroCopy.Cli;

/// <summary>Learns the size of every input's frames before the detector is opened: slots are allocated once, for the largest.</summary>
internal static class InputProbe
{
    /// <summary>Adds the format to every item; to one that cannot be read, why.</summary>
    /// <param name="items">The items.</param>
    /// <param name="selection">Which frames of a video are handled.</param>
    /// <param name="probed">Takes the items. The caller disposes their readers, also after an exception.</param>
    /// <param name="stop">Asks to end.</param>
    public static async Task ReadAsync(IReadOnlyList<InputItem> items, FrameSelection selection, List<InputItem> probed, CancellationToken stop)
    {
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
    }

    /// <summary>Opens a video.</summary>
    /// <exception cref="MediaException">It cannot be read.</exception>
    public static Task<VideoReader> OpenVideoAsync(InputItem item, CancellationToken stop)
    {
        bool isUrl = item.Origin == InputOrigin.Url;

        // A camera loses packets, and goes on.
        VideoReaderOptions options = new() { AllowUrl = isUrl, Reconnects = false };
        bool isLossy = item.Origin != InputOrigin.File && !FfmpegInput.EndsByItself(item.Path, options);
        return VideoReader.OpenAsync(item.Path, options with { IgnoreDecodeErrors = isLossy }, stop);
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
        VideoReader reader = await OpenVideoAsync(item, stop);
        if (!reader.IsLive)
        {
            await reader.DisposeAsync();
        }

        double frames = reader.FrameRate * (reader.Duration?.TotalSeconds ?? 0);
        return item with
        {
            Format = reader.Format,
            FrameRate = reader.FrameRate,
            Frames = selection.CountOf((long)Math.Round(frames)),
            Live = reader.IsLive ? reader : null,
        };
    }
}
