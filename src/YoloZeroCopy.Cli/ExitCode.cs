namespace YoloZeroCopy.Cli;

/// <summary>Exit codes of the tool. They are part of its interface: scripts rely on them.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Unexpected = 1;
    public const int WrongArguments = 2;
    public const int InputFailed = 3;
    public const int ModelUnusable = 4;
    public const int OutputFailed = 5;
    public const int Interrupted = 130;
    public const int Terminated = 143;

    /// <summary>What <c>yzc --help</c> says of them.</summary>
    public const string Help =
        """
        Exit codes:
          0    done
          1    unexpected error: a bug (YZC_DEBUG=1 shows where)
          2    wrong arguments
          3    some input could not be read; the others were handled
          4    the model or a native library cannot be used
          5    an output cannot be written
          130  interrupted (Ctrl-C): what was in flight is finished, every line written is complete
          143  terminated (SIGTERM), likewise
        """;
}
