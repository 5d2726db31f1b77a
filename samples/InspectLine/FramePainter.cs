using System.Drawing;
using YoloZeroCopy;

namespace InspectLine;

/// <summary>Draws on a frame what the inspection found in it: boxes, labels, the line and the counters.</summary>
internal sealed class FramePainter(InspectionLog log, IReadOnlyList<string> names, FrameFormat format, float lineX)
{
    private const int FlashFrames = 15;
    private const int Margin = 12;

    private static readonly Color Panel = Color.FromArgb(24, 28, 34);
    private static readonly Color PanelText = Color.FromArgb(240, 240, 240);
    private static readonly Color Alarm = Color.FromArgb(230, 40, 40);
    private static readonly Color Line = Color.FromArgb(250, 200, 40);

    public void Paint(Span<byte> pixels, InspectedFrame frame)
    {
        Annotator annotator = new(pixels, format);
        bool flashes = log.Alarms.Any(alarm => frame.Number >= alarm.Frame && frame.Number - alarm.Frame < FlashFrames);
        annotator.DrawLine(lineX, 0, lineX, format.Height, flashes ? Alarm : Line, flashes ? 8 : 3);
        foreach (Detection detection in frame.Detections)
        {
            string name = names[detection.ClassId];
            if (PartClasses.IsDefect(name))
            {
                annotator.DrawRectangle(detection.X1, detection.Y1, detection.X2, detection.Y2, Alarm, thickness: 5);
                annotator.DrawLabel((int)detection.X1, (int)detection.Y1, $"{name} {detection.Score:F2}", Alarm);
            }
            else
            {
                annotator.DrawDetection(detection, name);
            }
        }

        int parts = log.Crossings.Count(crossing => crossing.Frame <= frame.Number);
        int alarms = log.Alarms.Count(alarm => alarm.Frame <= frame.Number);
        string text = $"frame {frame.Number:0000}  parts {parts:00}  alarms {alarms:00}{(frame.IsDropped ? "  dropped" : "")}";
        int width = Annotator.TextWidth(text.Length, 2) + (2 * Margin);
        int height = Annotator.TextHeight(2) + (2 * Margin);
        annotator.FillRectangle(0, 0, width, height, Panel);
        annotator.DrawText(Margin, Margin, text, PanelText);
    }
}
