using System.Collections.Immutable;
using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary>How detections are drawn, and the options of <c>yzc detect</c> that say so.</summary>
/// <param name="LineWidth">Width of lines in pixels; 0 for what suits the frame.</param>
/// <param name="HideLabels">Boxes only.</param>
/// <param name="HideScores">No scores in labels.</param>
internal readonly record struct DrawingStyle(int LineWidth, bool HideLabels, bool HideScores)
{
    private const int MaxLineWidth = 1000;
    private const int MaxEcho = 40;

    private static readonly Option<int> LineWidthOption = Options.Integer(
        "--line-width", "Width in pixels of the lines that are drawn. Default: what suits the picture.", 1, MaxLineWidth);

    private static readonly Option<bool> HideLabelsOption = new("--hide-labels") { Description = "Draw boxes without labels." };
    private static readonly Option<bool> HideScoresOption = new("--hide-scores") { Description = "Draw labels without scores." };

    public static void AddOptions(Command command)
    {
        command.Options.Add(LineWidthOption);
        command.Options.Add(HideLabelsOption);
        command.Options.Add(HideScoresOption);
    }

    public static DrawingStyle Of(ParseResult arguments) =>
        new(arguments.GetValue(LineWidthOption), arguments.GetValue(HideLabelsOption), arguments.GetValue(HideScoresOption));

    /// <summary>The annotator of a frame.</summary>
    public Annotator For(Span<byte> pixels, FrameFormat format)
    {
        Annotator annotator = new(pixels, format) { HideLabels = HideLabels, HideScores = HideScores };
        return LineWidth == 0 ? annotator : annotator with { Thickness = LineWidth };
    }

    /// <summary>Says which characters of the names no font has; nothing where all have one, or nothing is labelled.</summary>
    public void WarnOfMissingCharacters(ImmutableArray<string> names)
    {
        if (!HideLabels && Annotator.MissingCharacters(string.Join(' ', names)) is { Length: > 0 } missing)
        {
            string echo = missing.Length <= MaxEcho ? missing : $"{string.Concat(missing.EnumerateRunes().Take(MaxEcho))}...";
            ErrorReport.Write(
                $"no font has '{echo}' of the class names; labels show empty boxes instead.",
                "Install a font that has it, for example Noto; on Linux its file in ~/.local/share/fonts is enough.");
        }
    }
}
