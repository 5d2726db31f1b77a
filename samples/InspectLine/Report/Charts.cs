using System.Text;

namespace InspectLine;

/// <summary>Draws the report's charts as SVG. Their texts and lines take the page's colours.</summary>
internal static class Charts
{
    private const int HistogramBars = 36;

    /// <summary>Class ids from the bottom of the stack up: sound parts, then defects on top, where their share can be seen.</summary>
    public static IEnumerable<int> StackOrder(IReadOnlyList<string> names) =>
        Enumerable.Range(0, names.Count).OrderBy(id => PartClasses.IsDefect(names[id]));

    /// <summary>How many parts of each class have crossed the line by each moment, stacked.</summary>
    public static string Counts(IReadOnlyList<Crossing> crossings, IReadOnlyList<string> names, double frameRate, double seconds)
    {
        ChartFrame frame = new(Math.Max(seconds, 0.1), Math.Max(1, crossings.Count), "time in the clip (s)", "parts counted");
        IReadOnlyList<string> colors = ClassColors.For(names);
        StringBuilder content = new(
            """
            <defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="2" height="6" fill="#000" fill-opacity=".28"/></pattern></defs>
            """);
        HashSet<int> below = [];
        foreach (int id in StackOrder(names).Where(id => crossings.Any(crossing => crossing.ClassId == id)))
        {
            HashSet<int> upTo = [.. below, id];
            string outline = Outline(frame, crossings, below, upTo, frameRate, seconds);
            string title = $"{names[id]}: {crossings.Count(crossing => crossing.ClassId == id)}";
            content.Append($"""<path d="{outline}" fill="{colors[id]}"><title>{Html.Text(title)}</title></path>""").Append('\n');
            if (PartClasses.IsDefect(names[id]))
            {
                content.Append($"""<path d="{outline}" fill="url(#hatch)"/>""").Append('\n');
            }

            below = upTo;
        }

        return frame.Draw($"{crossings.Count} parts counted in {seconds:F1} seconds, by class", content.ToString());
    }

    /// <summary>How many frames had which latency, with the median and the 99th percentile marked.</summary>
    public static string Latencies(LatencyFigures latency)
    {
        double max = Math.Max(1, latency.Milliseconds.DefaultIfEmpty(0).Max());
        int[] bars = new int[HistogramBars];
        foreach (double value in latency.Milliseconds)
        {
            bars[Math.Min(HistogramBars - 1, (int)(value / max * HistogramBars))]++;
        }

        ChartFrame frame = new(max, bars.Max(), "latency, submit to result (ms)", "frames");
        StringBuilder content = new();
        for (int index = 0; index < HistogramBars; index++)
        {
            double left = frame.X(max * index / HistogramBars);
            double right = frame.X(max * (index + 1) / HistogramBars);
            content.Append(
                $"""
                <rect class="bar" x="{Html.Number(left + 0.75)}" y="{Html.Number(frame.Y(bars[index]))}"
                    width="{Html.Number(right - left - 1.5)}" height="{Html.Number(frame.Y(0) - frame.Y(bars[index]))}"/>
                """);
        }

        content.Append(Mark(frame, "p50", latency.Percentile(0.5), level: 0)).Append(Mark(frame, "p99", latency.Percentile(0.99), level: 1));
        return frame.Draw($"Latency histogram of {latency.Milliseconds.Count} frames", content.ToString());
    }

    // A band between two step lines: along the upper one to the right, back along the lower one.
    private static string Outline(
        ChartFrame frame, IReadOnlyList<Crossing> crossings, HashSet<int> below, HashSet<int> upTo, double frameRate, double seconds)
    {
        List<(double X, double Y)> upper = Steps(frame, crossings.Where(crossing => upTo.Contains(crossing.ClassId)), frameRate, seconds);
        List<(double X, double Y)> lower = Steps(frame, crossings.Where(crossing => below.Contains(crossing.ClassId)), frameRate, seconds);
        return "M" + string.Join(
            'L', upper.Concat(lower.AsEnumerable().Reverse()).Select(static point => $"{Html.Number(point.X)} {Html.Number(point.Y)}")) + "Z";
    }

    private static List<(double X, double Y)> Steps(ChartFrame frame, IEnumerable<Crossing> crossings, double frameRate, double seconds)
    {
        List<(double, double)> points = [(frame.X(0), frame.Y(0))];
        int count = 0;
        foreach (Crossing crossing in crossings)
        {
            double x = frame.X(crossing.Frame / frameRate);
            points.Add((x, frame.Y(count)));
            points.Add((x, frame.Y(++count)));
        }

        points.Add((frame.X(seconds), frame.Y(count)));
        return points;
    }

    private static string Mark(ChartFrame frame, string name, double milliseconds, int level)
    {
        string x = Html.Number(frame.X(milliseconds));
        bool isRight = frame.X(milliseconds) > ChartFrame.Width * 0.8;
        return $"""
            <line class="mark" x1="{x}" x2="{x}" y1="{Html.Number(frame.Y(0))}" y2="{26 + (level * 18)}"/>
            <text class="mark" x="{Html.Number(frame.X(milliseconds) + (isRight ? -6 : 6))}" y="{36 + (level * 18)}"
                text-anchor="{(isRight ? "end" : "start")}">{name} {milliseconds:F1} ms</text>
            """;
    }
}
