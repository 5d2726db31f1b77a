using Spectre.Console;
using Spectre.Console.Rendering;

namespace YoloZeroCopy.Cli;

/// <summary>What <c>yzc doctor</c> prints.</summary>
internal sealed record DoctorReport(EnvironmentReport Environment)
{
    public string ToText() => Environment.ToString();

    public string ToJson() => JsonText.Write(json =>
    {
        json.WriteStartArray("environment"u8);
        foreach (Finding finding in Environment.Findings)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, finding.Name);
            json.WriteString("verdict"u8, finding.Verdict.ToString().ToLowerInvariant());
            json.WriteString("found"u8, finding.Found);
            json.WriteString("remedy"u8, finding.Remedy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    public IRenderable ToTable()
    {
        Table table = new Table().RoundedBorder().AddColumns(
            new TableColumn("verdict").NoWrap(), new TableColumn("what").NoWrap(), new TableColumn("found"), new TableColumn("remedy"));
        foreach (Finding finding in Environment.Findings)
        {
            Color color = finding.Verdict switch
            {
                FindingVerdict.Good => Color.Green,
                FindingVerdict.Bad => Color.Red,
                _ => Color.Yellow,
            };
            string verdict = finding.Verdict.ToString().ToLowerInvariant();
            table.AddRow(new Text(verdict, new Style(color)), new Text(finding.Name), new Text(finding.Found), new Text(finding.Remedy ?? ""));
        }

        return table;
    }
}
