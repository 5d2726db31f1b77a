using Spectre.Console;

namespace YoloZeroCopy.Cli;

/// <summary>The tool's standard error: messages, and a live display below them where it is a terminal.</summary>
internal static class StandardError
{
    private const string ShowCursor = "\e[?25h";

    private static IAnsiConsole? live;

    /// <summary>Writes a line; while there is a live display, above it. Any thread.</summary>
    public static void WriteLine(string text)
    {
        if (Volatile.Read(ref live) is IAnsiConsole console)
        {
            console.WriteLine(text);
        }
        else
        {
            Console.Error.WriteLine(text);
        }
    }

    /// <summary>Runs something that shows a live display; on a standard error that is no terminal it is not run. One at a time.</summary>
    /// <returns>Whether it was run.</returns>
    public static async Task<bool> TryRunLiveAsync(Func<IAnsiConsole, Task> run)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        if (!console.Profile.Out.IsTerminal || !console.Profile.Capabilities.Ansi)
        {
            return false;
        }

        Volatile.Write(ref live, console);
        try
        {
            await run(console);
        }
        finally
        {
            Volatile.Write(ref live, null);
        }

        return true;
    }

    /// <summary>Gives the terminal its cursor back, where the process ends under a live display.</summary>
    public static void Restore()
    {
        if (Volatile.Read(ref live) is not null)
        {
            Console.Error.Write(ShowCursor);
        }
    }
}
