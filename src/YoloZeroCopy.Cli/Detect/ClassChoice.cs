using System.Collections.Immutable;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary>The classes that <c>--classes</c> names, by id or by name.</summary>
internal static class ClassChoice
{
    private const int MostNamed = 20;

    /// <summary>Finds the ids in a model's file, each once; null where none is named.</summary>
    public static IReadOnlyList<int>? Of(IReadOnlyList<string> given, string model) => given.Count == 0 ? null : Of(given, NamesIn(model));

    /// <summary>Finds the ids, each once; null where none is named.</summary>
    /// <param name="given">Ids and names, also several with commas between them.</param>
    /// <param name="names">The model's names; empty where it has none, so that only ids can be given.</param>
    /// <exception cref="CliException">One is no class of the model.</exception>
    public static IReadOnlyList<int>? Of(IReadOnlyList<string> given, ImmutableArray<string> names)
    {
        if (given.Count == 0)
        {
            return null;
        }

        SortedSet<int> ids = [];
        foreach (string text in given)
        {
            // A name may have a comma in it.
            string[] parts = names.Contains(text) ? [text] : text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            foreach (string part in parts)
            {
                ids.Add(IdOf(part, names));
            }
        }

        return ids.Count > 0 ? [.. ids] : throw new CliException(ExitCode.WrongArguments, "--classes: no class is named.");
    }

    /// <summary>The names in a model's file; empty where it has none, or is no model.</summary>
    public static ImmutableArray<string> NamesIn(string model)
    {
        try
        {
            ImmutableDictionary<string, string> metadata =
                ModelFile.IsTensorRt(model) ? TensorRtPlanFile.Read(model).Metadata : OnnxFile.Read(model).Metadata;
            return ModelMetadata.TryReadNames(metadata.GetValueOrDefault("names"), out ImmutableArray<string> names) ? names : [];
        }
        catch (ModelException)
        {
            // Opening it will say so.
            return [];
        }
    }

    private static int IdOf(string part, ImmutableArray<string> names)
    {
        bool isNumber = int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int id);
        if (isNumber && (names.IsEmpty || id < names.Length))
        {
            return id;
        }

        int index = names.IndexOf(part, 0, names.Length, StringComparer.OrdinalIgnoreCase);
        if (index >= 0)
        {
            return index;
        }

        string known = names.IsEmpty
            ? "the model names none, so that ids are wanted"
            : "there are " + string.Join(", ", names.Take(MostNamed).Select(static (name, id) => FormattableString.Invariant($"{id} {name}")))
                + (names.Length > MostNamed ? string.Create(CultureInfo.InvariantCulture, $" and {names.Length - MostNamed} more") : "");
        throw new CliException(ExitCode.WrongArguments, $"--classes: '{part}' is no class of the model; {known}.");
    }
}
