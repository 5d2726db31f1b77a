namespace YoloZeroCopy.Results;

/// <summary>
/// A list in one file of <c>yzc bench</c>, such as the ways in which frames come up: a row for each item, a column for each figure.
/// </summary>
/// <param name="Name">The name in its marker.</param>
/// <param name="Heading">What the items are.</param>
/// <param name="File">The file.</param>
/// <param name="List">The list's path.</param>
/// <param name="Columns">Headings, and what stands there of an item, by its path; null for nothing.</param>
internal sealed record ItemTable(
    string Name, string Heading, string File, string List, IReadOnlyList<(string Heading, Func<BenchResult, string, string?> Cell)> Columns)
    : Table(Name)
{
    public override string? Render(ResultFolder results)
    {
        if (results.Find(File) is not ResultFile file)
        {
            return null;
        }

        BenchResult result = new(file);
        return Write(
            [
                [Heading, .. Columns.Select(static column => column.Heading)],
                .. result.Items(List).Select(
                    item => (IReadOnlyList<string?>)[item, .. Columns.Select(column => column.Cell(result, $"{List}.{item}"))]),
            ],
            [file]);
    }
}
