namespace YoloZeroCopy.Cli;

/// <summary>Learns the size of every input's frames before the detector is opened: slots are allocated once, for the largest.</summary>
internal static class InputProbe
{
    /// <summary>Adds the format to every item; one that cannot be read is told to <paramref name="failed"/> and left out.</summary>
    public static async Task<List<InputItem>> ReadAsync(IReadOnlyList<InputItem> items, Action<string> failed, CancellationToken stop)
    {
        List<InputItem> readable = new(items.Count);
        foreach (InputItem item in items)
        {
            stop.ThrowIfCancellationRequested();
            try
            {
                readable.Add(item.Kind == InputKind.Picture ? ReadPicture(item) : await ReadVideoAsync(item, stop));
            }
            catch (Exception error) when (error is MediaException or NativeLibraryException)
            {
                failed(error.Message);
            }
        }

        return readable;
    }

    private static InputItem ReadPicture(InputItem item)
    {
        PictureInfo info = PictureFile.ReadInfo(item.Path);
        if (info.Width > FrameFormat.MaxSize || info.Height > FrameFormat.MaxSize)
        {
            throw new MediaException(item.Path, $"the picture is {info.Width}x{info.Height}; {FrameFormat.MaxSize} pixels a side are the most.");
        }

        return item with { Format = new FrameFormat(PixelFormat.Bgr24, info.Width, info.Height), Frames = 1 };
    }

    private static async Task<InputItem> ReadVideoAsync(InputItem item, CancellationToken stop)
    {
        await using VideoReader reader = await VideoReader.OpenAsync(item.Path, cancellationToken: stop);
        double frames = reader.FrameRate * (reader.Duration?.TotalSeconds ?? 0);
        return item with { Format = reader.Format, FrameRate = reader.FrameRate, Frames = (long)Math.Round(frames) };
    }
}
