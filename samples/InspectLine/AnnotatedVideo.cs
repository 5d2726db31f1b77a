using YoloZeroCopy;

namespace InspectLine;

/// <summary>Makes the video and the pictures of the alarms.</summary>
/// <remarks>
/// It reads the clip a second time. By the time a frame's detections are known, its slot holds a later frame: that is what keeps detection free of
/// copies. Keeping a copy of every frame would cost what the pipeline avoids; the file is still there, so decoding it again is the simplest way, and
/// it shows nothing that the detector did not see. A live camera cannot be read twice: there, copy only the frames you want to keep, before you
/// submit them.
/// </remarks>
internal sealed class AnnotatedVideo(InspectOptions options, InspectionLog log, FramePainter painter, ProgressDisplay progress)
{
    // Shows the part and what is around it.
    private const int PictureWidth = 400;
    private const int PictureHeight = 300;

    private readonly List<AlarmPicture> pictures = [];

    public IReadOnlyList<AlarmPicture> Pictures => pictures;

    /// <summary>Number of frames in the finished video.</summary>
    public int FrameCount { get; private set; }

    /// <exception cref="MediaException">The clip cannot be read any more, or the video cannot be written.</exception>
    /// <exception cref="IOException">A picture cannot be written.</exception>
    public async Task WriteAsync(OutputFiles output, CancellationToken stop)
    {
        await using VideoReader clip = await VideoReader.OpenAsync(options.Source, options.Reading, CancellationToken.None);
        await using VideoWriter video =
            await VideoWriter.OpenAsync(output.Video, clip.Format, LineInspection.RateOf(clip), cancellationToken: CancellationToken.None);
        byte[] pixels = new byte[clip.Format.ByteCount];
        foreach (InspectedFrame frame in log.Frames)
        {
            if (!await clip.ReadFrameAsync(pixels, CancellationToken.None))
            {
                break;
            }

            foreach (Crossing alarm in log.Alarms.Where(alarm => alarm.Frame == frame.Number))
            {
                painter.PaintAlarm(pixels, alarm);
                KeepPicture(pixels, clip.Format, alarm, output);
            }

            painter.Paint(pixels, frame);
            await video.WriteFrameAsync(pixels, CancellationToken.None);
            FrameCount++;
            progress.Update(() => $"{FrameCount}/{log.Frames.Count} frames drawn");

            // Leaves a shorter video that plays, not a broken one.
            if (stop.IsCancellationRequested)
            {
                break;
            }
        }

        await video.CompleteAsync(CancellationToken.None);
    }

    private void KeepPicture(ReadOnlySpan<byte> pixels, FrameFormat format, Crossing alarm, OutputFiles output)
    {
        int width = Math.Min(PictureWidth, format.Width);
        int height = Math.Min(PictureHeight, format.Height);
        int left = Math.Clamp((int)alarm.Box.CenterX - (width / 2), 0, format.Width - width);
        int top = Math.Clamp((int)alarm.Box.CenterY - (height / 2), 0, format.Height - height);

        // A cut-out needs no copy: it is the same rows, seen from a later start.
        ReadOnlySpan<byte> cut = pixels[((top * format.Stride) + (left * 3))..];
        byte[] jpeg = PictureFile.EncodeJpeg(cut, new FrameFormat(format.PixelFormat, width, height, format.Stride));
        File.WriteAllBytes(output.AlarmPicture(alarm.AlarmNumber), jpeg);
        pictures.Add(new AlarmPicture(alarm, jpeg, width, height));
    }
}

/// <summary>The picture of an alarm: the frame around the part, as a JPEG file.</summary>
internal sealed record AlarmPicture(Crossing Alarm, byte[] Jpeg, int Width, int Height);
