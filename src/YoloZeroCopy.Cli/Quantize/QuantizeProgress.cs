using System.Diagnostics;

namespace YoloZeroCopy.Cli;

/// <summary>Prints how many pictures are done, once a second at most.</summary>
internal sealed class QuantizeProgress(int pictures) : IProgress<int>
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private long lastWrite;

    public void Report(int value)
    {
        if (value == pictures || Stopwatch.GetElapsedTime(lastWrite) >= Pause)
        {
            lastWrite = Stopwatch.GetTimestamp();
            StandardOutput.Write(FormattableString.Invariant($"picture {value} of {pictures}{Environment.NewLine}"));
        }
    }
}
