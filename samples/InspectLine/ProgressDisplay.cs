using System.Diagnostics;

namespace InspectLine;

/// <summary>Tells on the console how far the work is: one line that changes on a terminal, a new line every few seconds in a log file.</summary>
internal sealed class ProgressDisplay(TextWriter output, bool isTerminal)
{
    private readonly TimeSpan interval = isTerminal ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(3);
    private long shownAt = Stopwatch.GetTimestamp();
    private int shownLength;

    /// <summary>Shows how things stand, unless that was done a moment ago.</summary>
    /// <param name="text">Makes the text; called only when it is shown.</param>
    public void Update(Func<string> text)
    {
        if (Stopwatch.GetElapsedTime(shownAt) < interval)
        {
            return;
        }

        shownAt = Stopwatch.GetTimestamp();
        if (!isTerminal)
        {
            output.WriteLine(text());
            return;
        }

        string line = text();
        if (Console.WindowWidth > 1 && line.Length >= Console.WindowWidth)
        {
            // A line that wraps could not be written over.
            line = line[..(Console.WindowWidth - 1)];
        }

        output.Write('\r' + line.PadRight(shownLength));
        shownLength = line.Length;
    }

    /// <summary>Writes a line that stays.</summary>
    public void WriteLine(string text)
    {
        Clear();
        output.WriteLine(text);
    }

    /// <summary>Takes the changing line away, so that others can write.</summary>
    public void Clear()
    {
        if (shownLength > 0)
        {
            output.Write('\r' + new string(' ', shownLength) + '\r');
            shownLength = 0;
        }
    }
}
