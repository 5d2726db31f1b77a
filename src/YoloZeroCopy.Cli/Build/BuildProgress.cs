using System.Diagnostics;

namespace YoloZeroCopy.Cli;

/// <summary>Prints how far a build is: a line when an outermost phase begins, and one a second at most for steps.</summary>
/// <remarks>Any thread: TensorRT tells from its own.</remarks>
internal sealed class BuildProgress : IProgress<TensorRtBuildProgress>
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private long lastWrite;

    public void Report(TensorRtBuildProgress value)
    {
        lock (gate)
        {
            bool isNews = value.Parent.Length == 0 && value.Step == 0;
            if (!isNews && Stopwatch.GetElapsedTime(lastWrite) < Pause)
            {
                return;
            }

            lastWrite = Stopwatch.GetTimestamp();
            string parent = value.Parent.Length == 0 ? string.Empty : $"{value.Parent}: ";
            StandardOutput.Write(FormattableString.Invariant($"{parent}{value.Phase}, step {value.Step} of {value.Steps}{Environment.NewLine}"));
        }
    }
}
