using System.Globalization;
using System.Text;

namespace YoloZeroCopy.Tests;

/// <summary>Provokes every cause some times and writes down what was named, as a table for docs/doctor.md.</summary>
internal static class ConfusionMatrix
{
    public static async Task<string> MeasureAsync(IEnumerable<Provocation> provocations, int rounds, TimeSpan time)
    {
        StringBuilder table = new();
        table.AppendLine("| provoked | to be named | named | other causes named behind it |");
        table.AppendLine("| --- | --- | --- | --- |");
        int right = 0;
        int all = 0;
        foreach (Provocation provocation in provocations)
        {
            List<LatencyCause> named = [];
            HashSet<LatencyCause> behind = [];
            for (int round = 0; round < rounds; round++)
            {
                LatencyReport report = await provocation.RunAsync(time);
                named.Add(report.Verdict);
                behind.UnionWith(report.Findings.Skip(1).Select(static finding => finding.Cause));
                Console.Error.WriteLine($"{provocation.Name}\n{report}");
            }

            right += named.Count(one => one == provocation.Cause);
            all += rounds;
            string counts = string.Join(", ", named.GroupBy(static one => one).Select(static one => Text($"{one.Key} {one.Count()}")));
            table.AppendLine(CultureInfo.InvariantCulture, $"| {provocation.Name} | {provocation.Cause} | {counts} | {string.Join(", ", behind)} |");
        }

        return table.Append(CultureInfo.InvariantCulture, $"{Environment.NewLine}{right} of {all} named as provoked.").ToString();
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
