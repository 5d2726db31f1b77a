namespace YoloZeroCopy.Results;

/// <summary>Files of <c>yzc bench</c> beside each other: a column for each that there is, a row for each figure.</summary>
/// <param name="Name">The name in its marker.</param>
/// <param name="Columns">Headings and files.</param>
/// <param name="Rows">Titles, and what stands there; null where the file does not tell. A row that no file tells is left out.</param>
internal sealed record BenchTable(
    string Name, IReadOnlyList<(string Heading, string File)> Columns, IReadOnlyList<(string Title, Func<BenchResult, string?> Cell)> Rows)
    : Table(Name)
{
    public override string? Render(ResultFolder results)
    {
        (string Heading, ResultFile File)[] columns =
        [
            .. Columns.Select(column => (column.Heading, File: results.Find(column.File))).Where(static column => column.File is not null)
                .Select(static column => (column.Heading, column.File!)),
        ];
        if (columns.Length == 0)
        {
            return null;
        }

        IEnumerable<IReadOnlyList<string?>> rows = Rows
            .Select(row => (IReadOnlyList<string?>)[row.Title, .. columns.Select(column => row.Cell(new BenchResult(column.File)))])
            .Where(static row => row.Skip(1).Any(static cell => cell is not null));
        return Write([["", .. columns.Select(static column => column.Heading)], .. rows], [.. columns.Select(static column => column.File)]);
    }
}

/// <summary>What tables say of a file of <c>yzc bench</c>.</summary>
internal readonly record struct BenchResult(ResultFile File)
{
    /// <summary>A figure by its path; null where it is not there.</summary>
    public double? this[string path] => File.Figures.TryGetValue(path, out Figure? figure) ? figure.Value : null;

    /// <summary>Frames a second that the link could carry beside the engine's work.</summary>
    public double? LinkFps => this["link.upload_beside_engine_gb_s"] / this["link.upload_gb_s"] * this["link.link_fps"];

    /// <summary>The whole way over the smaller of engine and link.</summary>
    public double? OfTheSmaller =>
        this["end_to_end_fps"] / (LinkFps is double link && link < this["engine_only_fps"] ? link : this["engine_only_fps"]);

    public string? Short(string path) => this[path] is double value ? Numbers.Short(value) : null;

    public string? Microseconds(string path) => this[path] is double value ? Numbers.Time(value, "us") : null;

    public string? Ratio(string path) => this[path] is double value ? Numbers.Ratio(value) : null;

    public string? Percent(string path) => this[path] is double value ? Numbers.Percent(value) : null;

    /// <summary>The names of the items of a list, such as those of <c>profile.classes</c>.</summary>
    public IEnumerable<string> Items(string list)
    {
        string prefix = list + ".";
        return File.Figures.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(name => name[prefix.Length..name.LastIndexOf('.')]).Distinct();
    }
}
