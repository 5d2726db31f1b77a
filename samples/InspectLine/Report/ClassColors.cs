namespace InspectLine;

/// <summary>Colours of the classes in charts: cool for sound parts, warm and hatched for defects, so that the difference does not hang on colour
/// alone.</summary>
internal static class ClassColors
{
    // From Paul Tol's schemes for colour-blind readers; each has a contrast of 3 or more to the page in light and in dark.
    private static readonly string[] Sound = ["#3f7fbf", "#2f9e8f", "#8a6fc4", "#4d9b45", "#8c8c78", "#2b93b8"];
    private static readonly string[] Defect = ["#e05a3c", "#d98200", "#d0407a"];

    public static IReadOnlyList<string> For(IReadOnlyList<string> names)
    {
        int sound = 0;
        int defects = 0;
        return [.. names.Select(name => PartClasses.IsDefect(name) ? Defect[defects++ % Defect.Length] : Sound[sound++ % Sound.Length])];
    }
}
