using System.Globalization;
using System.Text;

namespace YoloZeroCopy.Cli;

/// <summary>What a run has come to: the lines at its end.</summary>
internal static class RunSummary
{
    private const int MostClasses = 20;

    /// <summary>The lines: frames and rate, time per frame by stage, objects by class.</summary>
    /// <param name="counts">What was done.</param>
    /// <param name="failures">What failed, also before the run.</param>
    /// <param name="elapsed">Time of the run.</param>
    /// <param name="isStopped">Whether it was interrupted.</param>
    /// <param name="statistics">The detector's times.</param>
    /// <param name="model">The model.</param>
    public static string Of(RunCounts counts, int failures, TimeSpan elapsed, bool isStopped, DetectorStatistics statistics, ModelInfo model)
    {
        StringBuilder text = new();
        double rate = counts.Frames / Math.Max(elapsed.TotalSeconds, 1e-9);
        text.Append(isStopped ? "stopped: " : "done: ")
            .Append(CultureInfo.InvariantCulture, $"{Count(counts.Frames, "frame")} in {elapsed.TotalSeconds:F2} s")
            .Append(CultureInfo.InvariantCulture, $" ({rate:F1} frames/s), {Count(counts.Objects, "object")}, {failures} failed");
        if (statistics.FramesCompleted > 0)
        {
            text.AppendLine().Append("speed: ").Append(Stages(statistics))
                .Append(CultureInfo.InvariantCulture, $" per frame at {model.InputWidth}x{model.InputHeight}");
        }

        if (counts.Objects > 0)
        {
            text.AppendLine().Append("objects: ").Append(counts.ByClass(model.Names, MostClasses));
        }

        return text.ToString();
    }

    // A GPU's stages are one graph, of which only the whole can be timed.
    private static string Stages(DetectorStatistics statistics)
    {
        (TimeSpan? Time, string Name)[] stages = statistics.InferenceTime is null
            ? [(statistics.UploadTime, "upload"), (statistics.ComputeTime, "preprocess, inference and postprocess in one")]
            : [(statistics.PreprocessTime, "preprocess"), (statistics.InferenceTime, "inference"), (statistics.DecodeTime, "postprocess")];
        return string.Join(", ", stages.Where(static stage => stage.Time is not null).Select(stage =>
            FormattableString.Invariant($"{stage.Time!.Value.TotalMilliseconds / statistics.FramesCompleted:F2} ms {stage.Name}")));
    }

    private static string Count(long count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");
}
