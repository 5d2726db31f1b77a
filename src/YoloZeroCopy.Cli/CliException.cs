namespace YoloZeroCopy.Cli;

/// <summary>Ends the tool with an exit code and a message for its user.</summary>
internal sealed class CliException(int exitCode, string message, string? hint = null, Exception? innerException = null)
    : Exception(message, innerException)
{
    public int Code { get; } = exitCode;

    /// <summary>What the user can do about it.</summary>
    public string? Hint { get; } = hint;
}
