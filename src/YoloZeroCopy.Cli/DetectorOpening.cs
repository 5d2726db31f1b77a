namespace YoloZeroCopy.Cli;

/// <summary>Opens a detector for a command: what the library refuses as an argument is a wrong option here.</summary>
internal static class DetectorOpening
{
    public static YoloDetector Open(string model, DetectorOptions options)
    {
        try
        {
            return YoloDetector.Open(model, options);
        }
        catch (ArgumentException error)
        {
            string hint = "`yzc info --model FILE` shows what the model takes.";
            throw new CliException(ExitCode.WrongArguments, ErrorReport.MessageOf(error), hint, error);
        }
    }
}
