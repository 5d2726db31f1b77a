namespace YoloZeroCopy.Results;

/// <summary>A list in files of <c>yzc bench</c>, such as the kinds of kernels: a row for each item, a column for each file that there is.</summary>
/// <param name="Name">The name in its marker.</param>
/// <param name="Heading">What the items are.</param>
/// <param name="List">The list's path.</param>
/// <param name="Columns">Headings and files.</param>
/// <param name="Cell">What stands there of an item, by its path; null for nothing.</param>
internal sealed record ListTable(
    string Name, string Heading, string List, IReadOnlyList<(string Heading, string File)> Columns, Func<BenchResult, string, string?> Cell)
    : Table(Name)
{
    public override string? Render(ResultFolder results)
    {
        (string Heading, BenchResult Result)[] columns =
        [
            .. Columns.Select(column => (column.Heading, File: results.Find(column.File))).Where(static column => column.File is not null)
                .Select(static column => (column.Heading, new BenchResult(column.File!))),
        ];
        string[] items = [.. columns.SelectMany(column => column.Result.Items(List)).Distinct()];
        return items.Length == 0
            ? null
            : Write(
                [
                    [Heading, .. columns.Select(static column => column.Heading)],
                    .. items.Select(item => (IReadOnlyList<string?>)[item, .. columns.Select(column => Cell(column.Result, $"{List}.{item}"))]),
                ],
                [.. columns.Select(static column => column.Result.File)]);
    }
}
