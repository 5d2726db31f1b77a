using System.Text;

namespace YoloZeroCopy.Results;

/// <summary>Writes tables between their markers in a document. All else stays as it is, and so does a table of which there is no file.</summary>
internal static class TableDocument
{
    private const string Begin = "<!-- table: ";
    private const string BeginEnd = " -->";
    private const string End = "<!-- end of table -->";

    /// <summary>The document with its tables as they are in the files.</summary>
    /// <exception cref="ResultException">A marker names no table or does not end, or a table is in it twice.</exception>
    public static string Rewrite(string document, IReadOnlyList<Table> tables, ResultFolder results)
    {
        StringBuilder text = new(document.Length);
        HashSet<string> seen = new(StringComparer.Ordinal);
        int at = 0;
        while (true)
        {
            int begin = document.IndexOf(Begin, at, StringComparison.Ordinal);
            if (begin < 0)
            {
                ThrowIfEndsAlone(document[at..]);
                return text.Append(document, at, document.Length - at).ToString();
            }

            ThrowIfEndsAlone(document[at..begin]);
            int nameEnd = document.IndexOf(BeginEnd, begin, StringComparison.Ordinal);
            string name = nameEnd < 0 ? "" : document[(begin + Begin.Length)..nameEnd];
            Table table = tables.FirstOrDefault(table => table.Name == name)
                ?? throw new ResultException(
                    $"There is no table '{name}'. There are: {string.Join(", ", tables.Select(static table => table.Name))}.");
            if (!seen.Add(name))
            {
                throw new ResultException($"The table '{name}' is there twice.");
            }

            int inside = nameEnd + BeginEnd.Length;
            int end = document.IndexOf(End, inside, StringComparison.Ordinal);
            int next = document.IndexOf(Begin, inside, StringComparison.Ordinal);
            if (end < 0 || (next >= 0 && next < end))
            {
                throw new ResultException($"The table '{name}' has no end, '{End}'.");
            }

            _ = text.Append(document, at, inside - at);
            _ = table.Render(results) is string rendered ? text.Append('\n').Append(rendered) : text.Append(document, inside, end - inside);
            _ = text.Append(End);
            at = end + End.Length;
        }
    }

    private static void ThrowIfEndsAlone(string between)
    {
        if (between.Contains(End, StringComparison.Ordinal))
        {
            throw new ResultException($"'{End}' ends no table.");
        }
    }
}
