namespace InspectLine;

/// <summary>The axes of an SVG chart: scales, grid lines, tick labels and titles.</summary>
/// <param name="MaxX">Right end of the horizontal axis, which begins at 0.</param>
/// <param name="MaxY">Least upper end of the vertical axis, which begins at 0; rounded up to a tick.</param>
/// <param name="TitleX">What the horizontal axis shows, and its unit.</param>
/// <param name="TitleY">What the vertical axis shows.</param>
internal sealed record ChartFrame(double MaxX, double MaxY, string TitleX, string TitleY)
{
    public const double Width = 720;
    public const double Height = 300;
    private const double Left = 56;
    private const double Right = 16;
    private const double Top = 30;
    private const double Bottom = 50;

    private double StepY => Step(MaxY, 5, isWhole: true);

    private double EndY => Math.Max(1, Math.Ceiling(MaxY / StepY)) * StepY;

    public double X(double value) => Left + (value / MaxX * (Width - Left - Right));

    public double Y(double value) => Height - Bottom - (value / EndY * (Height - Top - Bottom));

    /// <summary>A whole chart: what is drawn, on these axes.</summary>
    public string Draw(string description, string content)
    {
        double stepX = Step(MaxX, 10, isWhole: false);
        string verticals = Html.Join(
            Ticks(stepX, MaxX),
            x => $"""<text x="{Html.Number(X(x))}" y="{Html.Number(Height - Bottom + 18)}" text-anchor="middle">{Html.Number(x)}</text>""");
        string horizontals = Html.Join(
            Ticks(StepY, EndY),
            y => $"""
                <line class="grid" x1="{Left}" x2="{Width - Right}" y1="{Html.Number(Y(y))}" y2="{Html.Number(Y(y))}"/>
                <text x="{Left - 8}" y="{Html.Number(Y(y) + 4)}" text-anchor="end">{Html.Number(y)}</text>
                """);
        return $"""
            <svg viewBox="0 0 {Width} {Height}" role="img" aria-label="{Html.Text(description)}" xmlns="http://www.w3.org/2000/svg">
            {horizontals}
            {content}
            <line class="axis" x1="{Left}" x2="{Width - Right}" y1="{Html.Number(Y(0))}" y2="{Html.Number(Y(0))}"/>
            {verticals}
            <text class="title" x="{Html.Number(Left + ((Width - Left - Right) / 2))}" y="{Height - 8}"
                text-anchor="middle">{Html.Text(TitleX)}</text>
            <text class="title" x="{Left}" y="14" text-anchor="start">{Html.Text(TitleY)}</text>
            </svg>
            """;
    }

    private static IEnumerable<double> Ticks(double step, double end)
    {
        for (int index = 0; index * step <= end * 1.0001; index++)
        {
            yield return index * step;
        }
    }

    /// <summary>1, 2 or 5 times a power of ten, so that there are at most as many steps as wanted.</summary>
    private static double Step(double end, int mostSteps, bool isWhole)
    {
        double rough = Math.Max(end, 1e-9) / mostSteps;
        double power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double ratio = rough / power * 0.9999;
        double step = power * (ratio <= 1 ? 1 : ratio <= 2 ? 2 : ratio <= 5 ? 5 : 10);
        return isWhole ? Math.Max(1, step) : step;
    }
}
