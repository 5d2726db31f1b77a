using System.Collections.Immutable;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary>What classes are called.</summary>
internal static class ClassNames
{
    /// <summary>A class's name; one that the model does not name, as end-to-end outputs may hold, is called by its number.</summary>
    public static string Of(ImmutableArray<string> names, int classId) =>
        (uint)classId < (uint)names.Length ? names[classId] : string.Create(CultureInfo.InvariantCulture, $"class{classId}");

    /// <summary>The same to be shown on a terminal: what would steer it is left out.</summary>
    public static string Shown(ImmutableArray<string> names, int classId)
    {
        string name = Of(names, classId);
        return name.Any(char.IsControl) ? string.Concat(name.Where(static character => !char.IsControl(character))) : name;
    }
}
