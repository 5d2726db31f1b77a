namespace YoloZeroCopy.Cli;

/// <summary>The files of a command, by the options that name them. Before anything is done, one that is written and is another of them, too, is
/// refused.</summary>
internal sealed class CommandFiles
{
    private static readonly string[] Variables =
        ["YZC_ONNXRUNTIME", "YZC_FFMPEG", "YZC_CUDA_DRIVER", "YZC_NVML", "YZC_NVCUVID", "YZC_NVJPEG", "YZC_TENSORRT", "YZC_TENSORRT_SHIM"];

    private readonly FileRoles roles = new();

    /// <summary>Begins with what every command reads: a model, its data, and the libraries that the environment names.</summary>
    public CommandFiles(string model)
    {
        Read("--model", model);
        foreach (string data in ModelFile.DataFiles(model))
        {
            Read("the data of --model", data);
        }

        foreach (string variable in Variables)
        {
            Read(variable, Environment.GetEnvironmentVariable(variable));
        }
    }

    public void Read(string option, string? path) => roles.Read(option, path);

    /// <summary>Adds a file that will be written, after all that are read.</summary>
    public void Write(string option, string? path) => Check(() => roles.Write(option, path));

    /// <summary>Refuses a file that is about to be written and is one of those that are read: for files whose names come with the frames.</summary>
    public void ThrowIfRead(string option, string path) => Check(() => roles.ThrowIfTaken(option, path));

    private static void Check(Action check)
    {
        try
        {
            check();
        }
        catch (ArgumentException error)
        {
            throw new CliException(ExitCode.WrongArguments, error.Message, innerException: error);
        }
    }
}
