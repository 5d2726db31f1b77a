using System.Drawing;
using MultiCamera.Rules;
using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Cameras;

/// <summary>Makes JPEG pictures of frames, with zones, lines and boxes drawn. The frame stays as it is. One thread at a time.</summary>
internal sealed class FramePicture(CameraSettings camera, IReadOnlyList<string> classNames)
{
    private static readonly Color PlaceColor = Color.FromArgb(250, 200, 40);
    private static readonly Color AlarmColor = Color.FromArgb(230, 40, 40);

    private byte[] pixels = [];

    /// <summary>Draws a frame.</summary>
    /// <param name="frame">Its pixels, Nv12.</param>
    /// <param name="format">Its format.</param>
    /// <param name="maxWidth">Width that the picture has at most; it is smaller by a whole number.</param>
    /// <param name="objects">What is in it.</param>
    /// <param name="alarmed">Those of them that an alarm is about.</param>
    public byte[] Draw(
        ReadOnlySpan<byte> frame, in FrameFormat format, int maxWidth, IReadOnlyList<ObjectTrack> objects, IReadOnlyList<ObjectTrack> alarmed)
    {
        int step = Math.Max(1, (format.Width + maxWidth - 1) / maxWidth);
        // Four bytes a pixel are what the encoder takes as they lie: of others it makes a copy, in memory that every thread keeps.
        FrameFormat small = new(PixelFormat.Bgra32, Math.Max(1, format.Width / step), Math.Max(1, format.Height / step));
        if (pixels.Length < small.ByteCount)
        {
            pixels = new byte[small.ByteCount];
        }

        Nv12Picture.Convert(frame, format, step, pixels, small);
        Annotator annotator = new(pixels, small);
        DrawPlaces(annotator, small);
        foreach (ObjectTrack track in objects)
        {
            bool isAlarmed = alarmed.Contains(track);
            Color color = isAlarmed ? AlarmColor : Annotator.ClassColor(track.ClassId);
            Detection box = track.Box.Scale(1f / step, 1f / step);
            annotator.DrawRectangle(box.X1, box.Y1, box.X2, box.Y2, color, isAlarmed ? annotator.Thickness * 2 : annotator.Thickness);
            annotator.DrawLabel(box.X1, box.Y1, $"{classNames[track.ClassId]} {track.Id}", color);
        }

        return PictureFile.EncodeJpeg(pixels, small, quality: 80);
    }

    private void DrawPlaces(Annotator annotator, in FrameFormat format)
    {
        foreach (LineSettings line in camera.Lines)
        {
            DrawLine(annotator, format, line.From, line.To);
        }

        foreach (ZoneSettings zone in camera.Zones)
        {
            for (int i = 0; i < zone.Points.Count; i++)
            {
                DrawLine(annotator, format, zone.Points[i], zone.Points[(i + 1) % zone.Points.Count]);
            }
        }
    }

    private static void DrawLine(Annotator annotator, in FrameFormat format, Place from, Place to) =>
        annotator.DrawLine(from.X * format.Width, from.Y * format.Height, to.X * format.Width, to.Y * format.Height, PlaceColor);
}
