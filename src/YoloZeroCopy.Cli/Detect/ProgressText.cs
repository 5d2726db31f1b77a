using System.Globalization;
using System.Text;
using Spectre.Console.Rendering;

namespace YoloZeroCopy.Cli;

/// <summary>How far a run is, as text.</summary>
/// <param name="Done">Frames that are done.</param>
/// <param name="Total">Frames in all, as far as is known; 0 where it is not.</param>
/// <param name="Objects">Objects in them.</param>
/// <param name="ByClass">The same by class, the most first.</param>
/// <param name="Elapsed">Time since the first.</param>
/// <param name="IsStopping">Whether the run was asked to end.</param>
internal readonly record struct ProgressText(long Done, long Total, long Objects, string ByClass, TimeSpan Elapsed, bool IsStopping = false)
{
    private const int LongestBar = 24;
    private const string Green = "\e[32m";
    private const string Gray = "\e[90m";
    private const string Plain = "\e[0m";

    private double Rate => Done / Math.Max(Elapsed.TotalSeconds, 1e-3);

    // Rounded up: nobody believes that nothing is left.
    private TimeSpan? Left => IsStopping || Done == 0 || Total <= Done ? null
        : TimeSpan.FromSeconds(Math.Ceiling(Math.Min((Total - Done) / Rate, TimeSpan.MaxValue.TotalSeconds / 2)));

    /// <summary>A line for a log: <c>120 of 500 frames, 60.0 frames/s, 0:00:07 left, 12 objects: 9 nut, 3 bolt</c>.</summary>
    public string ToLine()
    {
        string frames = Total == 0 ? $"{Done} frames" : $"{Done} of {Math.Max(Done, Total)} frames";
        string left = Left is TimeSpan time ? $", {Time(time)} left" : string.Empty;
        string classes = ByClass.Length == 0 ? string.Empty : $": {ByClass}";
        string stopping = IsStopping ? "stopping, " : string.Empty;
        return string.Create(CultureInfo.InvariantCulture, $"{stopping}{frames}, {Rate:F1} frames/s{left}, {Objects} objects{classes}");
    }

    /// <summary>A line for a terminal, at most so many columns wide: what matters less is left out where there is no room for it.</summary>
    public string ToStatus(int columns, TerminalAbilities terminal)
    {
        string frames = Total == 0 ? $"{Done} frames" : $"{Done}/{Math.Max(Done, Total)}";
        string left = IsStopping ? "stopping" : Left is TimeSpan time ? $"{Time(time)} left" : Time(Elapsed);
        string text = string.Create(CultureInfo.InvariantCulture, $"{frames}  {Rate:F1} frames/s  {left}");
        if (text.Length > columns)
        {
            string both = $"{frames}  {left}";
            return both.Length <= columns ? both : frames.Length <= columns ? frames : string.Empty;
        }

        string objects = string.Create(CultureInfo.InvariantCulture, $"{Objects} objects");
        int room = columns - text.Length - 2;
        int bar = Math.Min(LongestBar, columns / 6);
        StringBuilder line = new();
        if (Total > 0 && bar + 2 + objects.Length <= room)
        {
            AppendBar(line, bar, terminal);
            line.Append("  ");
            room -= bar + 2;
        }

        line.Append(text);
        string rest = ByClass.Length == 0 ? objects : $"{objects}: {ByClass}";
        string shown = Fit(rest, room, terminal);
        return shown.Length == 0 ? line.ToString() : line.Append("  ").Append(shown).ToString();
    }

    private void AppendBar(StringBuilder line, int width, TerminalAbilities terminal)
    {
        int full = (int)(width * Math.Min(Done, Total) / Math.Max(Done, Total));
        (char done, char open) = !terminal.Unicode ? ('#', '-') : terminal.Colors ? ('\u2501', '\u2501') : ('\u2501', '\u2500');
        string full1 = new(done, full);
        string open1 = new(open, width - full);
        line.Append(terminal.Colors ? $"{Green}{full1}{Gray}{open1}{Plain}" : full1 + open1);
    }

    // Some letters take two columns.
    private static string Fit(string text, int columns, TerminalAbilities terminal)
    {
        Segment segment = new(text);
        if (segment.CellCount() <= columns)
        {
            return text;
        }

        string ellipsis = terminal.Unicode ? "\u2026" : "...";
        int room = columns - ellipsis.Length;
        return room < 8 ? string.Empty : Segment.Truncate(segment, room)?.Text.TrimEnd(' ', ',') + ellipsis;
    }

    private static string Time(TimeSpan time) => time.TotalHours < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}");
}
