namespace YoloZeroCopy.Results;

/// <summary>A suite's whole file: figures called <c>row: column</c>, each in its place.</summary>
/// <param name="Name">The name in its marker.</param>
/// <param name="File">The file.</param>
/// <param name="Heading">What the rows are.</param>
internal sealed record GridTable(string Name, string File, string Heading) : Table(Name)
{
    private const string Separator = ": ";

    public override string? Render(ResultFolder results)
    {
        if (results.Find(File) is not ResultFile file)
        {
            return null;
        }

        OrderedDictionary<string, Dictionary<string, Figure>> rows = new(StringComparer.Ordinal);
        List<string> columns = [];
        foreach ((string name, Figure figure) in file.Figures)
        {
            int at = name.LastIndexOf(Separator, StringComparison.Ordinal);
            if (at < 0)
            {
                throw new ResultException($"{File}: the figure '{name}' is not called ROW{Separator}COLUMN.");
            }

            string row = name[..at];
            string column = name[(at + Separator.Length)..];
            if (!rows.TryGetValue(row, out Dictionary<string, Figure>? cells))
            {
                rows[row] = cells = new(StringComparer.Ordinal);
            }

            cells[column] = figure;
            if (!columns.Contains(column, StringComparer.Ordinal))
            {
                columns.Add(column);
            }
        }

        return Write(
            [
                [Heading, .. columns],
                .. rows.Select(row => (IReadOnlyList<string?>)
                    [row.Key, .. columns.Select(column => row.Value.TryGetValue(column, out Figure? figure) ? Numbers.Text(figure) : null)]),
            ],
            [file]);
    }
}
