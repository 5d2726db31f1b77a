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

    /// <summary>Takes what has passed since the last report for the step that it ends a part of, or else for the one before it.</summary>
    public void Report(OpeningProgress value)
    {
        OpeningStep ended = value.Done == 0 ? current : value.Step;
        current = value.Step;
        Add(ended);
    }

    /// <summary>The detector is open: takes the rest for the last step.</summary>
    public void End() => Add(current);

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

    private void Add(OpeningStep step)
    {
        long now = Stopwatch.GetTimestamp();
        steps[step] = steps.GetValueOrDefault(step) + Stopwatch.GetElapsedTime(last, now);
        last = now;
    }
}
