using System.Text.Json;
using System.Text.RegularExpressions;

namespace MultiCamera.Tests.Web;

/// <summary>The dashboard asks for what there is: every metric and label of its queries is among those that the running program gives.</summary>
public sealed partial class DashboardTests : IDisposable
{
    // Everything else in a query that looks like a name of a metric: what PromQL has, as far as the dashboard uses it.
    private static readonly string[] Words = ["sum", "max", "rate", "histogram_quantile", "label_values"];

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Every_query_names_metrics_and_labels_that_there_are()
    {
        string settings = TestSettings.With(""" "history": { "file": "history.db" }""", TestSettings.Belt("belt", repeat: true));
        await using SiteProcess site = await SiteProcess.StartAsync(folder, settings);
        _ = await site.WaitForAsync("/api/status", static status => TestSettings.CameraOf(status, "belt").GetProperty("detected").GetInt64() > 0);
        Dictionary<string, HashSet<string>> metrics = Parse(await site.Client.GetStringAsync(new Uri(site.Address, "/metrics")));
        Query[] queries = [.. Queries()];
        Assert.NotEmpty(queries);
        Assert.All(queries, query => Check(query, metrics));

        // And the other way round: what the program tells is shown.
        HashSet<string> shown =
            [.. queries.SelectMany(static query => NamesIn(query.Expression)).Select(static name => HistogramPart().Replace(name, ""))];
        Assert.All(metrics.Keys, name => Assert.Contains(HistogramPart().Replace(name, ""), shown));
    }

    [Theory]
    [InlineData("yzc_frames_lost_total", "", "yzc_frames_lost_total")]
    [InlineData("""rate(yzc_batches_total{camera="a"}[5m])""", "", "camera")]
    [InlineData("sum by (cause) (rate(yzc_batches_total[5m]))", "", "cause")]
    [InlineData("yzc_batches_total", "{{cause}}", "cause")]
    public void A_query_for_what_there_is_not_is_noticed(string expression, string legend, string wanted)
    {
        Dictionary<string, HashSet<string>> metrics =
            Parse("yzc_batches_total{detector=\"0\"} 1\nyzc_frames_dropped_total{detector=\"0\",cause=\"age\"} 1\n");
        Check(new Query("sum by (detector, cause) (yzc_frames_dropped_total{cause=~\"$x\"})", "{{cause}} {{detector}}"), metrics);
        Assert.Contains(wanted, Assert.ThrowsAny<Exception>(() => Check(new Query(expression, legend), metrics)).Message, StringComparison.Ordinal);
    }

    private static void Check(Query query, Dictionary<string, HashSet<string>> metrics)
    {
        string[] names = [.. NamesIn(query.Expression)];
        Assert.True(names.Length > 0, $"no metric in: {query.Expression}");
        HashSet<string> labels = [];
        foreach (string name in names)
        {
            Assert.True(metrics.TryGetValue(name, out HashSet<string>? has), $"there is no metric {name}: {query.Expression}");
            foreach (Match selector in Regex.Matches(query.Expression, $@"\b{name}\{{([^}}]*)\}}"))
            {
                foreach (Match label in LabelOfSelector().Matches(selector.Groups[1].Value))
                {
                    Assert.True(has.Contains(label.Groups[1].Value), $"{name} has no label {label.Groups[1].Value}: {query.Expression}");
                }
            }

            labels.UnionWith(has);
        }

        IEnumerable<string> others = [.. Grouping().Matches(query.Expression).SelectMany(static group => Label().Matches(group.Groups[1].Value))
            .Concat(Label().Matches(query.Label)).Concat(LegendLabel().Matches(query.Legend)).Select(static label => label.Groups[1].Value)];
        Assert.All(others, label => Assert.True(labels.Contains(label), $"no metric has the label {label}: {query.Expression} {query.Legend}"));
    }

    private static IEnumerable<string> NamesIn(string expression)
    {
        string bare = Grouping().Replace(Selector().Replace(Text().Replace(expression, ""), ""), "");
        return Name().Matches(bare).Select(static match => match.Value).Where(static name => !Words.Contains(name));
    }

    private static IEnumerable<Query> Queries()
    {
        using JsonDocument board = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "dashboard.json")));
        JsonElement root = board.RootElement;
        foreach (JsonElement variable in root.GetProperty("templating").GetProperty("list").EnumerateArray())
        {
            if (variable.TryGetProperty("definition", out JsonElement definition))
            {
                Match values = LabelValues().Match(definition.GetString()!);
                Assert.True(values.Success, $"not label_values(METRIC, LABEL): {definition}");
                yield return new Query(values.Groups[1].Value, "") { Label = values.Groups[2].Value };
            }
        }

        foreach (JsonElement panel in root.GetProperty("panels").EnumerateArray())
        {
            if (panel.TryGetProperty("targets", out JsonElement targets))
            {
                foreach (JsonElement target in targets.EnumerateArray())
                {
                    yield return new Query(target.GetProperty("expr").GetString()!, target.GetProperty("legendFormat").GetString()!);
                }
            }
        }
    }

    /// <summary>Metrics and their labels in what Prometheus would read.</summary>
    private static Dictionary<string, HashSet<string>> Parse(string text)
    {
        Dictionary<string, HashSet<string>> metrics = [];
        foreach (string line in text.Split('\n').Where(static line => line.Length > 0 && line[0] != '#'))
        {
            Match sample = Sample().Match(line);
            Assert.True(sample.Success, $"not a sample: {line}");
            string name = sample.Groups[1].Value;
            HashSet<string> labels = metrics.TryGetValue(name, out HashSet<string>? known) ? known : metrics[name] = [];
            labels.UnionWith(LabelOfSelector().Matches(sample.Groups[2].Value).Select(static label => label.Groups[1].Value));
        }

        return metrics;
    }

    [GeneratedRegex(@"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*""(?:[^""\\]|\\.)*""")]
    private static partial Regex LabelOfSelector();

    [GeneratedRegex(@"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"([a-zA-Z_]\w*)")]
    private static partial Regex Label();

    [GeneratedRegex(@"\{\{\s*(\w+)\s*\}\}")]
    private static partial Regex LegendLabel();

    [GeneratedRegex(@"""(?:[^""\\]|\\.)*""")]
    private static partial Regex Text();

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]")]
    private static partial Regex Selector();

    [GeneratedRegex(@"\b[a-zA-Z_:][\w:]*")]
    private static partial Regex Name();

    [GeneratedRegex(@"^label_values\((\w+), (\w+)\)$")]
    private static partial Regex LabelValues();

    [GeneratedRegex(@"^(\w+)(?:\{(.*)\})? \S+$")]
    private static partial Regex Sample();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex HistogramPart();

    private sealed record Query(string Expression, string Legend)
    {
        /// <summary>A label that is asked for beside the expression.</summary>
        public string Label { get; init; } = "";
    }
}
