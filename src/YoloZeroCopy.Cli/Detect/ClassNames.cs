using System.Collections.Immutable;
using System.Globalization;

namespace YoloZeroCopy.Cli;

internal static class ClassNames
{
    /// <summary>A class's name; one that the model does not name, as end-to-end outputs may hold, is called by its number.</summary>
    public static string Of(ImmutableArray<string> names, int classId) =>
        (uint)classId < (uint)names.Length ? names[classId] : string.Create(CultureInfo.InvariantCulture, $"class{classId}");
}
