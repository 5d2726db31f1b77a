using System.Globalization;
using System.Text;
using Spectre.Console;

namespace YoloZeroCopy.Cli;

/// <summary>Names and what is said of each: lines in two columns, or on a terminal a table that keeps within its width.</summary>
internal sealed class NamedLines(int nameWidth)
{
    private readonly StringBuilder text = new();
    private readonly List<(string Name, string Value)> rows = [];

    public void Add(string name, string value)
    {
        rows.Add((name, value));
        text.AppendLine(CultureInfo.InvariantCulture, $"{name.PadRight(nameWidth)}{value}");
    }

    /// <summary>Adds a value of several lines, which stand below its name.</summary>
    public void AddBlock(string name, string value)
    {
        string[] lines = value.ReplaceLineEndings("\n").Split('\n');
        rows.Add((name, string.Join('\n', lines)));
        text.AppendLine(name);
        foreach (string line in lines)
        {
            text.Append("  ").AppendLine(line);
        }
    }

    /// <summary>Prints them.</summary>
    public void Write() => StandardOutput.Write(ToString(), ToTable);

    public override string ToString() => text.ToString();

    private Table ToTable()
    {
        Table table = new Table().RoundedBorder().HideHeaders().AddColumn(new TableColumn(string.Empty).NoWrap()).AddColumn(string.Empty);
        foreach ((string name, string value) in rows)
        {
            table.AddRow(new Text(name, new Style(Color.Green)), new Text(value));
        }

        return table;
    }
}
