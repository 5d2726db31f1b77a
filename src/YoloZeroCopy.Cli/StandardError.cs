using Spectre.Console;

namespace YoloZeroCopy.Cli;

/// <summary>The tool's standard error: messages, and on a terminal a status line below them.</summary>
/// <remarks>Any thread. The cursor rests at the beginning of the status line, so that a terminal that breaks lines anew when its size changes keeps
/// it there, and clearing from the cursor on clears all of the line.</remarks>
internal static class StandardError
{
    private const string Clear = "\r\e[J";
    private const string HideCursor = "\e[?25l";
    private const string ShowCursor = "\e[?25h";

    // A line that is longer than the terminal is cut by it, and does not go on in the next one.
    private const string DoNotWrap = "\e[?7l";
    private const string Wrap = "\e[?7h";

    private static readonly TimeSpan LastLine = TimeSpan.FromMilliseconds(250);
    private static readonly Lock Gate = new();
    private static volatile string? status;
    private static volatile bool isEnding;

    /// <summary>Whether it is a terminal that can show a status line.</summary>
    public static Lazy<TerminalAbilities?> Terminal { get; } = new(Probe);

    /// <summary>Writes a line, above the status line where there is one.</summary>
    public static void WriteLine(string text) => Above(text, Console.Error.WriteLine);

    /// <summary>Writes what goes to the same terminal another way, whole lines of it, above the status line.</summary>
    public static void Above<T>(T what, Action<T> write)
        where T : allows ref struct
    {
        lock (Gate)
        {
            if (status is not string line)
            {
                write(what);
                return;
            }

            Console.Error.Write(Clear);
            try
            {
                write(what);
            }
            finally
            {
                Draw(line);
            }
        }
    }

    /// <summary>Shows a status line, or another one in its place; null takes it away.</summary>
    public static void SetStatus(string? line)
    {
        lock (Gate)
        {
            if (line is null && status is not null)
            {
                Console.Error.Write(Clear + ShowCursor);
            }
            else if (line is not null)
            {
                Draw(line);
            }

            status = line;
        }
    }

    /// <summary>Takes the status line away for good, where the process ends under it. Waits no longer than a line takes to be written.</summary>
    public static void Restore()
    {
        if (status is null)
        {
            return;
        }

        // Whoever writes now is waited for, else its line would come after this and hide the cursor again; a terminal that stands still is not. The
        // lock is kept: nobody is to write any more.
        isEnding = true;
        _ = Gate.TryEnter(LastLine);
        Console.Error.Write(Clear + ShowCursor);
    }

    private static void Draw(string line)
    {
        if (!isEnding)
        {
            Console.Error.Write($"{HideCursor}{Clear}{DoNotWrap}{line}{Wrap}\r");
        }
    }

    private static TerminalAbilities? Probe()
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        Capabilities abilities = console.Profile.Capabilities;
        return console.Profile.Out.IsTerminal && abilities.Ansi
            ? new TerminalAbilities(abilities.ColorSystem != ColorSystem.NoColors, abilities.Unicode)
            : null;
    }
}

/// <summary>What a terminal can show besides a status line.</summary>
/// <param name="Colors">Colours, and the user wants them.</param>
/// <param name="Unicode">More characters than those of ASCII.</param>
internal sealed record TerminalAbilities(bool Colors, bool Unicode);
