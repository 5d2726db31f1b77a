using System.Collections.Immutable;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary>
/// A picture of every object in its class's folder: <c>crops/person/bus.jpg</c>, <c>bus2.jpg</c> ..., with the margin that Ultralytics leaves around
/// it. One that is there is never replaced: the next number is taken.
/// </summary>
internal sealed class CropFiles : IFrameSink
{
    // A box grows by a fiftieth and ten pixels.
    private const float Gain = 1.02f;
    private const float Margin = 10;
    private const int Quality = 95;

    private readonly string folder;
    private readonly ImmutableArray<string> names;

    private CropFiles(string folder, ImmutableArray<string> names)
    {
        this.folder = folder;
        this.names = names;
    }

    public bool WantsPixels => true;

    /// <summary>Makes the folder.</summary>
    public static CropFiles Create(string folder, ImmutableArray<string> names) =>
        new(ResultFolder.Named(Path.Combine(folder, ResultFolder.CropFolder)).Make(), names);

    public ValueTask WriteAsync(FrameWork work, DetectionResult result)
    {
        FrameFormat format = result.Format;
        byte[] pixels = work.Pixels ?? throw new InvalidOperationException("The frame's pixels were not kept.");
        foreach (ref readonly Detection detection in result.Detections)
        {
            (int x, int y, int width, int height) = Area(detection, format.Width, format.Height);
            if (width > 0 && height > 0)
            {
                FrameFormat crop = new(format.PixelFormat, width, height, format.Stride);
                int start = (y * format.Stride) + (x * (format.RowBytes / format.Width));
                Write(work, detection.ClassId, pixels.AsSpan(start, crop.ByteCount), crop);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>What is cut out for an object, in whole pixels within the frame.</summary>
    public static (int X, int Y, int Width, int Height) Area(in Detection detection, int width, int height)
    {
        float centreX = (detection.X1 + detection.X2) / 2;
        float centreY = (detection.Y1 + detection.Y2) / 2;
        float halfWidth = ((detection.Width * Gain) + Margin) / 2;
        float halfHeight = ((detection.Height * Gain) + Margin) / 2;
        int left = Math.Clamp((int)(centreX - halfWidth), 0, width);
        int top = Math.Clamp((int)(centreY - halfHeight), 0, height);
        return (left, top, Math.Clamp((int)(centreX + halfWidth), 0, width) - left, Math.Clamp((int)(centreY + halfHeight), 0, height) - top);
    }

    public void Flush()
    {
    }

    public ValueTask CompleteAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Write(FrameWork work, int classId, ReadOnlySpan<byte> pixels, FrameFormat format)
    {
        // A class's name is text of the model's file, and may be anything.
        string path = Path.Combine(folder, OutputNames.Safe(ClassNames.Of(names, classId)));
        string stem = OutputNames.OfFrame(work);
        try
        {
            Directory.CreateDirectory(path);
            string file = Path.Combine(path, stem + ".jpg");
            for (int number = 2; Path.Exists(file); number++)
            {
                file = Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"{stem}{number}.jpg"));
            }

            PictureFile.WriteJpeg(file, pixels, format, Quality);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw StandardOutput.Failed($"folder '{path}'", error);
        }
        catch (MediaException error)
        {
            throw new CliException(ExitCode.OutputFailed, error.Message, "Check the path, the free space and the permissions.", error);
        }
    }
}
