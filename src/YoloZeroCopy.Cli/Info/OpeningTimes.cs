using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>How long each step of an opening takes. Read when the detector is open.</summary>
internal sealed class OpeningTimes : IProgress<OpeningProgress>
{
    private readonly OrderedDictionary<OpeningStep, TimeSpan> steps = [];
    private long last = Stopwatch.GetTimestamp();
    private OpeningStep current;

    /// <summary>Takes what has passed since the last report for the step that goes on or, where one begins, for what it had to wait for.</summary>
    public void Report(OpeningProgress value)
    {
        current = value.Step;
        End();
    }

    /// <summary>Takes what has passed since the last report for its step. The detector is open.</summary>
    public void End()
    {
        long now = Stopwatch.GetTimestamp();
        steps[current] = steps.GetValueOrDefault(current) + Stopwatch.GetElapsedTime(last, now);
        last = now;
    }

    public override string ToString()
    {
        IEnumerable<string> parts = steps.Select(
            static step => FormattableString.Invariant($"{new OpeningProgress(step.Key, 0, 1)} {step.Value.TotalSeconds:F2}"));
        return string.Create(CultureInfo.InvariantCulture, $"{Total.TotalSeconds:F2} s: {string.Join(", ", parts)}");
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("opening"u8);
        json.WriteNumber("seconds"u8, Math.Round(Total.TotalSeconds, 3));
        json.WriteStartObject("steps"u8);
        foreach ((OpeningStep step, TimeSpan time) in steps)
        {
            json.WriteNumber(step.ToString(), Math.Round(time.TotalSeconds, 3));
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private TimeSpan Total => steps.Values.Aggregate(TimeSpan.Zero, static (sum, time) => sum + time);
}
