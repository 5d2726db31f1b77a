namespace InspectLine;

/// <summary>Which of a model's classes are defects. A line of your own has its own table.</summary>
internal static class PartClasses
{
    // Words in the names of the conveyor model's defect classes, and of those that such models commonly have.
    private static readonly string[] DefectWords = ["cracked", "missing", "bent", "broken", "scratched", "defect"];

    public static bool IsDefect(string className) => DefectWords.Any(word => className.Contains(word, StringComparison.OrdinalIgnoreCase));
}
