using System.Diagnostics;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace YoloZeroCopy.Cli;

/// <summary>Shows on standard error how far a run is, until it is disposed: live on a terminal, elsewhere a plain line every few seconds.</summary>
internal sealed class DetectProgress : IAsyncDisposable
{
    private static readonly TimeSpan LiveStep = TimeSpan.FromMilliseconds(100);

    private readonly DetectRun run;
    private readonly long total;
    private readonly long start = Stopwatch.GetTimestamp();
    private readonly PeriodicTimer timer;
    private readonly Task showing;

    private DetectProgress(DetectRun run, long total, bool live, TimeSpan plainStep)
    {
        this.run = run;
        this.total = total;
        timer = new PeriodicTimer(plainStep);
        showing = ShowAsync(live);
    }

    /// <summary>Time from plain line to plain line.</summary>
    public static TimeSpan PlainStep { get; } = TimeSpan.FromSeconds(5);

    /// <summary>Begins to show a run; null where the terminal shows its results already.</summary>
    /// <param name="run">The run.</param>
    /// <param name="items">What it handles, to tell how much is left.</param>
    /// <param name="linesToFile">Whether its lines go to a file, so that a terminal is free for a live display.</param>
    /// <param name="plainStep">Time from plain line to plain line.</param>
    public static DetectProgress? Start(DetectRun run, IReadOnlyList<InputItem> items, bool linesToFile, TimeSpan plainStep)
    {
        bool isTerminal = !Console.IsErrorRedirected;
        long total = items.Any(static item => item.Frames == 0) ? 0 : items.Sum(static item => item.Frames);
        return isTerminal && !linesToFile ? null : new DetectProgress(run, total, isTerminal, plainStep);
    }

    /// <summary>What is known after a time: <c>120 of 500 frames, 60.0 frames/s, 1234 objects, 0:06 left</c>.</summary>
    /// <param name="done">Frames that are done.</param>
    /// <param name="total">Frames in all, as far as is known; 0 where it is not.</param>
    /// <param name="objects">Objects in them.</param>
    /// <param name="elapsed">Time since the first.</param>
    public static string Text(long done, long total, long objects, TimeSpan elapsed)
    {
        double rate = done / Math.Max(elapsed.TotalSeconds, 1e-3);
        string frames = total == 0 ? $"{done} frames" : $"{done} of {Math.Max(done, total)} frames";
        string left = string.Empty;
        if (done > 0 && total > done)
        {
            // Rounded up: nobody believes that nothing is left.
            TimeSpan time = TimeSpan.FromSeconds(Math.Ceiling(Math.Min((total - done) / rate, TimeSpan.MaxValue.TotalSeconds / 2)));
            left = FormattableString.Invariant($", {(long)time.TotalHours:0}:{time.Minutes:00}:{time.Seconds:00} left");
        }

        return FormattableString.Invariant($"{frames}, {rate:F1} frames/s, {objects} objects{left}");
    }

    public async ValueTask DisposeAsync()
    {
        timer.Dispose();
        await showing;
    }

    private string Text() => Text(run.Done, total, run.Detections, Stopwatch.GetElapsedTime(start));

    private async Task ShowAsync(bool live)
    {
        if (live && await StandardError.TryRunLiveAsync(ShowLiveAsync))
        {
            return;
        }

        while (await timer.WaitForNextTickAsync())
        {
            StandardError.WriteLine($"progress: {Text()}");
        }
    }

    private Task ShowLiveAsync(IAnsiConsole console) => console
        .Progress()
        .ExcludeVerticalPadding()
        .Columns(new ProgressBarColumn(), new TextColumn(Text))
        .StartAsync(async context =>
        {
            timer.Period = LiveStep;
            ProgressTask task = context.AddTask("frames");
            task.IsIndeterminate = total == 0;
            do
            {
                task.MaxValue = Math.Max(1, Math.Max(total, run.Done));
                task.Value = run.Done;
            }
            while (await timer.WaitForNextTickAsync());
            task.Value = run.Done;
        });

    private sealed class TextColumn(Func<string> text) : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) => new Text(text());
    }
}
