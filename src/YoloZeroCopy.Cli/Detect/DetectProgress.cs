using System.Collections.Immutable;
using System.Diagnostics;

namespace YoloZeroCopy.Cli;

/// <summary>Shows on standard error how far a command is, until it is disposed: a status line on a terminal, elsewhere a plain line every few
/// seconds.</summary>
internal sealed class DetectProgress : IAsyncDisposable
{
    private const int MostClasses = 10;

    // Smooth to the eye, and nothing beside the work of a run.
    private static readonly TimeSpan LiveStep = TimeSpan.FromMilliseconds(100);

    private readonly TerminalAbilities? terminal;
    private readonly PeriodicTimer timer;
    private readonly Task showing;
    private volatile Func<TimeSpan, ProgressText>? run;
    private volatile string phase;
    private long start = Stopwatch.GetTimestamp();

    private DetectProgress(string phase, TerminalAbilities? terminal, TimeSpan plainStep)
    {
        this.phase = phase;
        this.terminal = terminal;
        timer = new PeriodicTimer(terminal is null ? plainStep : LiveStep);
        showing = ShowAsync();
    }

    /// <summary>Time from plain line to plain line.</summary>
    public static TimeSpan PlainStep { get; } = TimeSpan.FromSeconds(5);

    /// <summary>Begins; null where there is a terminal that results go to and that can show no more than lines.</summary>
    /// <param name="phase">What is done before frames come: <c>reading inputs</c>.</param>
    /// <param name="usesOutput">Whether standard output gets the results.</param>
    /// <param name="plainStep">Time from plain line to plain line.</param>
    public static DetectProgress? Start(string phase, bool usesOutput, TimeSpan plainStep)
    {
        // What a pipe leads to may write to the same terminal, in the middle of a status line.
        bool isPiped = usesOutput && Console.IsOutputRedirected && !StandardOutput.IsFile;
        TerminalAbilities? terminal = isPiped ? null : StandardError.Terminal.Value;
        bool isFull = terminal is null && usesOutput && !Console.IsOutputRedirected && !Console.IsErrorRedirected;
        return isFull ? null : new DetectProgress(phase, terminal, plainStep);
    }

    /// <summary>Says what is done now, before frames come.</summary>
    public void Enter(string next)
    {
        phase = next;
        Volatile.Write(ref start, Stopwatch.GetTimestamp());
    }

    /// <summary>Says that frames come from now on.</summary>
    public void Follow(RunCounts counts, IReadOnlyList<InputItem> items, ImmutableArray<string> names, CancellationToken stop)
    {
        long total = items.Any(static item => item.Frames == 0) ? 0 : items.Sum(static item => item.Frames);
        Volatile.Write(ref start, Stopwatch.GetTimestamp());
        run = elapsed => new ProgressText(
            counts.Done, total, counts.Objects, counts.ByClass(names, MostClasses), elapsed, stop.IsCancellationRequested);
    }

    public async ValueTask DisposeAsync()
    {
        timer.Dispose();
        await showing;
    }

    private async Task ShowAsync()
    {
        bool isStopping = false;
        while (await timer.WaitForNextTickAsync())
        {
            TimeSpan elapsed = Stopwatch.GetElapsedTime(Volatile.Read(ref start));
            ProgressText? text = run?.Invoke(elapsed);
            if (text is { IsStopping: true } && !isStopping && terminal is not null)
            {
                isStopping = true;
                StandardError.WriteLine("stopping when the frames in flight are done; Ctrl-C once more stops at once.");
            }

            if (terminal is null)
            {
                StandardError.WriteLine($"progress: {text?.ToLine() ?? FormattableString.Invariant($"{phase}, {elapsed.TotalSeconds:F0} s")}");
            }
            else
            {
                // The last column stays free: some terminals go on to the next line when it is filled.
                StandardError.SetStatus(
                    text?.ToStatus(Math.Max(1, Console.WindowWidth - 1), terminal)
                        ?? FormattableString.Invariant($"{phase}  {elapsed.TotalSeconds:F1} s"));
            }
        }

        StandardError.SetStatus(null);
    }
}
