using System.Collections.Immutable;
using System.Diagnostics;

namespace YoloZeroCopy.Cli;

/// <summary>Shows on standard error how far a command is, until it is disposed: a status line on a terminal, elsewhere a plain line every few
/// seconds.</summary>
internal sealed class DetectProgress : IAsyncDisposable
{
    private const int MostClasses = 10;

    // Shorter runs are over before anybody has read it.
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

    /// <summary>Begins; null where nobody would see it, or the terminal shows results already and has no room for more.</summary>
    /// <param name="phase">What is done before frames come: <c>reading inputs</c>.</param>
    /// <param name="linesOnTerminal">Whether a terminal gets a line for every frame.</param>
    /// <param name="plainStep">Time from plain line to plain line.</param>
    public static DetectProgress? Start(string phase, bool linesOnTerminal, TimeSpan plainStep)
    {
        TerminalAbilities? terminal = StandardError.Terminal.Value;
        return terminal is null && linesOnTerminal && !Console.IsErrorRedirected ? null : new DetectProgress(phase, terminal, plainStep);
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
        while (await timer.WaitForNextTickAsync())
        {
            TimeSpan elapsed = Stopwatch.GetElapsedTime(Volatile.Read(ref start));
            ProgressText? text = run?.Invoke(elapsed);
            if (terminal is null)
            {
                StandardError.WriteLine($"progress: {text?.ToLine() ?? FormattableString.Invariant($"{phase}, {elapsed.TotalSeconds:F0} s")}");
            }
            else
            {
                // The last column stays free: some terminals go on to the next line when it is filled.
                StandardError.SetStatus(
                    text?.ToStatus(Math.Max(1, Console.WindowWidth - 1), terminal) ?? FormattableString.Invariant($"{phase}  {elapsed.TotalSeconds:F1} s"));
            }
        }

        StandardError.SetStatus(null);
    }
}
