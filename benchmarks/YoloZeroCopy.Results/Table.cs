using System.Globalization;
using System.Text;

namespace YoloZeroCopy.Results;

/// <summary>A table of a document.</summary>
/// <param name="Name">The name in its marker.</param>
internal abstract record Table(string Name)
{
    private const string Empty = "";

    /// <summary>The table with a line of where it comes from, ending in a newline; null where there is no file of it.</summary>
    /// <exception cref="ResultException">Its files are of different machines.</exception>
    public abstract string? Render(ResultFolder results);

    /// <summary>Rows of cells, the first of them the heading; null cells stay empty.</summary>
    protected static string Write(IEnumerable<IReadOnlyList<string?>> rows, IReadOnlyList<ResultFile> files)
    {
        StringBuilder text = new();
        bool isHeading = true;
        foreach (IReadOnlyList<string?> row in rows)
        {
            _ = text.Append('|');
            foreach (string? cell in row)
            {
                _ = text.Append(CultureInfo.InvariantCulture, $" {cell ?? Empty}{(string.IsNullOrEmpty(cell) ? "" : " ")}|");
            }

            _ = text.Append('\n');
            if (isHeading)
            {
                _ = text.Append("| ---").Insert(text.Length, " | ---:", row.Count - 1).Append(" |\n");
                isHeading = false;
            }
        }

        return text.Append('\n').Append(Origin(files)).Append('\n').ToString();
    }

    // The machine is one; days, versions and loads may be several.
    private static string Origin(IReadOnlyList<ResultFile> files)
    {
        Machine first = files[0].Machine;
        ResultFile? other = files.FirstOrDefault(file => file.Machine.Hardware != first.Hardware);
        if (other is not null)
        {
            throw new ResultException(
                $"{files[0].Name} and {other.Name} are of one table and of different machines: {first.Hardware} and {other.Machine.Hardware}.");
        }

        string driver = Several(files.Select(static file => file.Machine.Driver is string one ? $"driver {one}" : ""));
        string loads = string.Join(
            " to ",
            files.Select(static file => file.Machine.Load).OfType<double>().Order().Select(
                static load => load.ToString("0.0", CultureInfo.InvariantCulture)).ToArray() is { Length: > 0 } all
                ? new[] { all[0], all[^1] }.Distinct()
                : []);
        string[] parts =
        [
            Several(files.Select(static file => file.Machine.Day)), first.Hardware, driver,
            Several(files.Select(static file => file.Machine.DotNet)), loads.Length > 0 ? $"load average before {loads}" : "",
            Several(files.Select(static file => VersionOf(file.Machine.Version)).Where(static version => version != "unknown")),
        ];
        return string.Join("; ", parts.Where(static part => part.Length > 0)) + ".";
    }

    private static string Several(IEnumerable<string> texts) => string.Join(", ", texts.Distinct().Order(StringComparer.Ordinal));

    // The version, and as much of the commit behind it as git shows.
    private static string VersionOf(string version)
    {
        const int Shown = 7;
        int plus = version.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 ? version : $"{version[..plus]} at {version[(plus + 1)..Math.Min(version.Length, plus + 1 + Shown)]}";
    }
}
