namespace YoloZeroCopy.Cli;

/// <summary>The pictures that a model learns its ranges from. One that cannot be read is told and left out.</summary>
internal sealed class CalibrationPictures
{
    private CalibrationPictures(IReadOnlyList<string> paths) => Paths = paths;

    /// <summary>The files.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>Files that could not be read, so far.</summary>
    public int Failures { get; private set; }

    /// <summary>Finds the pictures of a folder, at most so many, evenly from all.</summary>
    /// <exception cref="CliException">There is none.</exception>
    public static CalibrationPictures Find(string folder, int most)
    {
        List<string> failures = [];
        string[] found = InputList.IsPath(folder)
            ? [.. InputList.Expand([folder], recursive: true, failures.Add).Items
                .Where(static item => item is { Kind: InputKind.Picture, Origin: InputOrigin.File, Failure: null }).Select(static item => item.Path)]
            : [];
        if (found.Length == 0)
        {
            string why = failures.Count > 0 ? failures[0] : $"'{folder}' holds no pictures ({FileKind.Pictures}).";
            throw new CliException(ExitCode.InputFailed, why, "--calibration takes a folder with pictures as the model will get them.");
        }

        int count = Math.Min(most, found.Length);
        return new CalibrationPictures([.. Enumerable.Range(0, count).Select(index => found[(int)((long)index * found.Length / count)])]);
    }

    /// <summary>Reads them, one after the other into one buffer.</summary>
    public IEnumerable<(FrameFormat Format, ReadOnlyMemory<byte> Pixels)> Read()
    {
        byte[] pixels = [];
        foreach (string path in Paths)
        {
            FrameFormat format;
            try
            {
                byte[] file = File.ReadAllBytes(path);
                PictureInfo info = PictureFile.ReadInfo(file, path);
                format = new FrameFormat(PixelFormat.Bgr24, info.Width, info.Height);
                if (pixels.Length < format.ByteCount)
                {
                    pixels = new byte[format.ByteCount];
                }

                PictureFile.Decode(file, pixels, format, path);
            }
            catch (Exception error) when (error is MediaException or IOException or UnauthorizedAccessException)
            {
                Failures++;
                ErrorReport.Write($"'{path}' cannot be read: {error.Message}");
                continue;
            }

            yield return (format, pixels.AsMemory(0, format.ByteCount));
        }
    }
}
