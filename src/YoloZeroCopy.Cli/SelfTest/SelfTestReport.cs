using System.Diagnostics;
using System.Globalization;
using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace YoloZeroCopy.Cli;

/// <summary>How a check ended.</summary>
internal enum SelfTestOutcome
{
    Passed,
    Failed,

    /// <summary>It could not be run here, and its detail says why.</summary>
    NotRun,
}

/// <summary>One check.</summary>
/// <param name="Name">What was checked.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">What was found, or what went wrong.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record SelfTestResult(string Name, SelfTestOutcome Outcome, string Detail, double Seconds);

/// <summary>Checks in their order. After a failed one the later ones, which build on it, are not run.</summary>
internal sealed class SelfTestReport
{
    private readonly List<SelfTestResult> results = [];
    private string? obstacle;

    public IReadOnlyList<SelfTestResult> Results => results;

    public bool HasFailed => Count(SelfTestOutcome.Failed) > 0;

    /// <summary>Runs a check; its answer is the detail.</summary>
    public async Task CheckAsync(string name, Func<Task<string>> check, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        if (obstacle is not null)
        {
            results.Add(new SelfTestResult(name, SelfTestOutcome.NotRun, obstacle, 0));
            return;
        }

        long start = Stopwatch.GetTimestamp();
        try
        {
            string detail = await check();
            results.Add(new SelfTestResult(name, SelfTestOutcome.Passed, detail, Stopwatch.GetElapsedTime(start).TotalSeconds));
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            obstacle = $"'{name}' failed";
            string detail = ErrorReport.OneLine(ErrorReport.Describe(error).Message);
            results.Add(new SelfTestResult(name, SelfTestOutcome.Failed, detail, Stopwatch.GetElapsedTime(start).TotalSeconds));
        }
    }

    /// <summary>Leaves out the checks that follow.</summary>
    public void StopBecause(string reason) => obstacle ??= reason;

    public string ToText()
    {
        StringBuilder text = new();
        foreach ((SelfTestResult result, string detail) in Details())
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{Word(result.Outcome),-8} {result.Name,-18} {result.Seconds,7:F2} s  {detail}");
        }

        return text.AppendLine(Summary()).ToString();
    }

    public string ToJson() => JsonText.Write(json =>
    {
        json.WriteStartArray("checks"u8);
        foreach (SelfTestResult result in results)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, result.Name);
            json.WriteString("outcome"u8, result.Outcome switch
            {
                SelfTestOutcome.Passed => "passed",
                SelfTestOutcome.Failed => "failed",
                _ => "not_run",
            });
            json.WriteString("detail"u8, result.Detail);
            json.WriteNumber("seconds"u8, Math.Round(result.Seconds, 3));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("passed"u8, Count(SelfTestOutcome.Passed));
        json.WriteNumber("failed"u8, Count(SelfTestOutcome.Failed));
        json.WriteNumber("not_run"u8, Count(SelfTestOutcome.NotRun));
    });

    public IRenderable ToTable()
    {
        Table table = new Table().RoundedBorder().AddColumns(
            new TableColumn("outcome").NoWrap(),
            new TableColumn("check").NoWrap(),
            new TableColumn("seconds").NoWrap().RightAligned(),
            new TableColumn("found"));
        foreach ((SelfTestResult result, string detail) in Details())
        {
            Color color = result.Outcome switch { SelfTestOutcome.Passed => Color.Green, SelfTestOutcome.Failed => Color.Red, _ => Color.Yellow };
            string seconds = result.Seconds.ToString("F2", CultureInfo.InvariantCulture);
            table.AddRow(new Text(Word(result.Outcome), new Style(color)), new Text(result.Name), new Text(seconds), new Text(detail));
        }

        return new Rows(table, new Text(Summary()));
    }

    private static string Word(SelfTestOutcome outcome) => outcome switch
    {
        SelfTestOutcome.Passed => "passed",
        SelfTestOutcome.Failed => "FAILED",
        _ => "not run",
    };

    // Checks that one obstacle keeps from running say it once.
    private IEnumerable<(SelfTestResult Result, string Detail)> Details()
    {
        string before = "";
        foreach (SelfTestResult result in results)
        {
            yield return (result, result.Outcome == SelfTestOutcome.NotRun && result.Detail == before ? "as before" : result.Detail);
            before = result.Detail;
        }
    }

    private string Summary() => FormattableString.Invariant(
        $"{Count(SelfTestOutcome.Passed)} passed, {Count(SelfTestOutcome.Failed)} failed, {Count(SelfTestOutcome.NotRun)} not run");

    private int Count(SelfTestOutcome outcome) => results.Count(result => result.Outcome == outcome);
}
