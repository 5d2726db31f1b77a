using System.Text;

namespace YoloZeroCopy.Cli;

/// <summary>Draws batches on the device as a Gantt chart: the copy stream above, a row for each lane below.</summary>
internal static class TimelineSvg
{
    private const double Width = 1120;
    private const double Left = 108;
    private const double Right = 16;
    private const double Top = 56;
    private const double RowHeight = 34;
    private const double BarHeight = 24;
    private const double Foot = 44;
    private const int Colours = 6;

    // Readable on white and on black; the page's scheme decides, also inside an img element.
    private const string Style =
        """
        <style>
        :root { color-scheme: light dark; }
        .page { fill: #ffffff; } text { fill: #1f2328; font: 13px system-ui, sans-serif; }
        .title { font-size: 15px; font-weight: 600; } .note, .tick { fill: #59636e; font-size: 12px; } .bar { fill: #ffffff; font-size: 11px; }
        .grid { stroke: #d1d9e0; } .row { stroke: #818b98; }
        .c0 { fill: #0b69c7; } .c1 { fill: #b3541e; } .c2 { fill: #2a7d46; } .c3 { fill: #8250df; } .c4 { fill: #bf3989; } .c5 { fill: #6b6300; }
        @media (prefers-color-scheme: dark) {
        .page { fill: #0d1117; } text { fill: #f0f6fc; } .note, .tick { fill: #9198a1; } .bar { fill: #0d1117; }
        .grid { stroke: #30363d; } .row { stroke: #656c76; }
        .c0 { fill: #58a6ff; } .c1 { fill: #f0883e; } .c2 { fill: #56d364; } .c3 { fill: #bc8cff; } .c4 { fill: #ff7bbd; } .c5 { fill: #d2c057; }
        }
        </style>

        """;

    /// <summary>The picture, with the first span's upload at 0.</summary>
    public static string Draw(IReadOnlyList<TimelineSpan> spans, string title)
    {
        double start = spans.Count == 0 ? 0 : spans.Min(static span => span.UploadStart);
        double end = Math.Max(start + 1e-3, spans.Count == 0 ? 0 : spans.Max(static span => Math.Max(span.UploadEnd, span.ComputeEnd)));
        double scale = (Width - Left - Right) / (end - start);
        int lanes = spans.Count == 0 ? 0 : spans.Max(static span => span.Lane) + 1;
        double bottom = Top + ((lanes + 1) * RowHeight);
        double height = bottom + Foot;
        StringBuilder svg = new();
        Add($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width:F0} {height:F0}\" role=\"img\" aria-label=\"{Escape(title)}\">\n");
        svg.Append(Style);
        Add($"<rect class=\"page\" width=\"{Width:F0}\" height=\"{height:F0}\"/>\n");
        Add($"<text class=\"title\" x=\"12\" y=\"22\">{Escape(title)}</text>\n");
        Add($"<text class=\"note\" x=\"12\" y=\"42\">Event times on the device. A number is a batch, a colour is its lane: while a batch computes, ");
        Add($"the next ones upload.</text>\n");
        double step = TickStep(end - start);
        for (int tick = 0; tick * step <= end - start; tick++)
        {
            double x = Left + (tick * step * scale);
            Add($"<line class=\"grid\" x1=\"{x:F1}\" y1=\"{Top:F1}\" x2=\"{x:F1}\" y2=\"{bottom:F1}\"/>");
            Add($"<text class=\"tick\" x=\"{x:F1}\" y=\"{bottom + 18:F1}\" text-anchor=\"middle\">{tick * step:0.###}</text>\n");
        }

        Add($"<text class=\"tick\" x=\"{Width - Right:F1}\" y=\"{bottom + 34:F1}\" text-anchor=\"end\">milliseconds</text>\n");
        for (int row = 0; row <= lanes; row++)
        {
            string name = row == 0 ? "copy stream" : FormattableString.Invariant($"lane {row}");
            double y = Top + (row * RowHeight);
            Add($"<text x=\"12\" y=\"{y + 22:F1}\">{name}</text>");
            Add($"<line class=\"row\" x1=\"{Left:F1}\" y1=\"{y + RowHeight:F1}\" x2=\"{Width - Right:F1}\" y2=\"{y + RowHeight:F1}\"/>\n");
        }

        for (int index = 0; index < spans.Count; index++)
        {
            TimelineSpan span = spans[index];
            Bar(0, span.UploadStart, span.UploadEnd, index, span, "upload");
            Bar(span.Lane + 1, span.ComputeStart, span.ComputeEnd, index, span, "compute");
        }

        svg.Append("</svg>\n");
        return svg.ToString();

        void Add(FormattableString text) => svg.Append(FormattableString.Invariant(text));

        void Bar(int row, double from, double to, int number, TimelineSpan span, string what)
        {
            double x = Left + ((from - start) * scale);
            double width = Math.Max(0.5, (to - from) * scale);
            double y = Top + (row * RowHeight) + ((RowHeight - BarHeight) / 2);
            Add($"<g><title>batch {number + 1}, {span.Frames} frames, {what} {to - from:F3} ms</title>");
            Add($"<rect class=\"c{span.Lane % Colours}\" x=\"{x:F2}\" y=\"{y:F1}\" width=\"{width:F2}\" height=\"{BarHeight:F0}\" rx=\"2\"/>");
            if (width >= 18)
            {
                Add($"<text class=\"bar\" x=\"{x + (width / 2):F2}\" y=\"{y + 16:F1}\" text-anchor=\"middle\">{number + 1}</text>");
            }

            svg.Append("</g>\n");
        }
    }

    /// <summary>Part of the upload time during which some batch computed.</summary>
    public static double Overlap(IReadOnlyList<TimelineSpan> spans)
    {
        double total = 0;
        double covered = 0;
        List<(double From, double To)> computing = [.. spans.Select(static span => (span.ComputeStart, span.ComputeEnd)).Order()];
        foreach (TimelineSpan span in spans)
        {
            total += span.UploadEnd - span.UploadStart;
            double reached = span.UploadStart;
            foreach ((double from, double to) in computing)
            {
                double begin = Math.Max(from, reached);
                double finish = Math.Min(to, span.UploadEnd);
                if (finish > begin)
                {
                    covered += finish - begin;
                    reached = finish;
                }
            }
        }

        return Statistics.Ratio(covered, total);
    }

    // About eight ticks, at 1, 2 or 5 times a power of ten.
    private static double TickStep(double range)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(range / 8)));
        double rest = range / 8 / power;
        return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
    }

    private static string Escape(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace(">", "&gt;", StringComparison.Ordinal)
        .Replace("\"", "&quot;", StringComparison.Ordinal);
}
