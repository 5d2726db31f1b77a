using System.Drawing;
using YoloZeroCopy;

namespace InspectLine;

/// <summary>Draws on a frame what the inspection found in it: boxes, labels, the line and the counters.</summary>
internal sealed class FramePainter(InspectionLog log, IReadOnlyList<string> names, FrameFormat format, float lineX)
{
    private const int FlashFrames = 15;

    // What matters on a line is sound or not, so that is what the colour says; the class stands in the label.
    private static readonly Color Sound = Color.FromArgb(70, 190, 170);
    private static readonly Color Defect = Color.FromArgb(230, 40, 40);
    private static readonly Color Line = Color.FromArgb(250, 200, 40);
    private static readonly Color Panel = Color.FromArgb(24, 28, 34);

    /// <summary>Draws everything that was found in a frame.</summary>
    public void Paint(Span<byte> pixels, InspectedFrame frame)
    {
        Annotator annotator = new(pixels, format);
        bool flashes = log.Alarms.Any(alarm => frame.Number >= alarm.Frame && frame.Number - alarm.Frame < FlashFrames);
        DrawLine(annotator, flashes);

        // Defects last, so that no other label covers them.
        foreach (Detection detection in frame.Detections.OrderBy(detection => PartClasses.IsDefect(names[detection.ClassId])))
        {
            DrawPart(annotator, detection);
        }

        DrawCounters(annotator, frame);
    }

    /// <summary>Draws only the part that an alarm is about, and the line.</summary>
    public void PaintAlarm(Span<byte> pixels, Crossing alarm)
    {
        Annotator annotator = new(pixels, format);
        DrawLine(annotator, flashes: false);
        annotator.DrawRectangle(alarm.Box.X1, alarm.Box.Y1, alarm.Box.X2, alarm.Box.Y2, Defect, thickness: 4);
    }

    private void DrawLine(Annotator annotator, bool flashes) =>
        annotator.DrawLine(lineX, 0, lineX, format.Height, flashes ? Defect : Line, flashes ? 7 : 3);

    private void DrawPart(Annotator annotator, in Detection detection)
    {
        string name = names[detection.ClassId];
        bool isDefect = PartClasses.IsDefect(name);
        Color color = isDefect ? Defect : Sound;
        annotator.DrawRectangle(detection.X1, detection.Y1, detection.X2, detection.Y2, color, thickness: isDefect ? 4 : 2);
        int textSize = isDefect ? annotator.TextSize * 4 / 3 : annotator.TextSize;
        annotator.DrawLabel(detection.X1, detection.Y1, $"{name} {detection.Score:F2}", color, textSize);
    }

    private void DrawCounters(Annotator annotator, InspectedFrame frame)
    {
        int parts = log.Crossings.Count(crossing => crossing.Frame <= frame.Number);
        int alarms = log.Alarms.Count(alarm => alarm.Frame <= frame.Number);
        string text = $"frame {frame.Number:0000}  parts {parts:00}  alarms {alarms:00}{(frame.IsDropped ? "  dropped" : "")}";
        annotator.DrawLabel(0, 0, text, Panel, annotator.TextSize * 3 / 2);
    }
}
