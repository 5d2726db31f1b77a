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
            throw WrongOption(error);
        }
    }

    public static async Task<YoloDetector> OpenAsync(
        string model, DetectorOptions options, IProgress<OpeningProgress> progress, CancellationToken stop)
    {
        try
        {
            return await YoloDetector.OpenAsync(model, options, progress, stop);
        }
        catch (ArgumentException error)
        {
            throw WrongOption(error);
        }
    }

    private static CliException WrongOption(ArgumentException error) => new(
        ExitCode.WrongArguments, ErrorReport.MessageOf(error), "`yzc info --model FILE` shows what the model takes.", error);
}
