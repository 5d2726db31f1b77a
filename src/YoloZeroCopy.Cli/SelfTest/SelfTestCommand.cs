using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc selftest</c>: checks on this machine what the project's own tests could not: the TensorRT that is installed here.</summary>
internal static class SelfTestCommand
{
    private static readonly Option<bool> TensorRt = new("--tensorrt")
    {
        Description = "Check TensorRT: open it, build an engine, refuse a damaged one, run it, compare it with ONNX Runtime, and measure both.",
    };

    private static readonly Option<string> Model = Options.Model();

    private static readonly Option<string?> Engine = new("--engine")
    {
        Description = "Engine that was built from the model, instead of building one. Trusted files only.",
        HelpName = "FILE",
    };

    private static readonly Option<int> Batch = Options.Integer("--batch", "Largest batch.", 1, Options.MaxBatch, 8);
    private static readonly Option<double> Seconds = Options.Seconds("--seconds", "Time of each measurement.", 0.1, 600, 5);
    private static readonly Option<int> DeviceNumber = Options.Integer("--gpu", "Number of the CUDA device. Default: 0.", 0, 1023);
    private static readonly Option<bool> Half = new("--fp16") { Description = "Let TensorRT 10 compute in half precision." };
    private static readonly Option<string?> Library = Options.TensorRt("--library");
    private static readonly Option<string?> Shim = Options.TensorRtShim();
    private static readonly Option<bool> HostCode = Options.HostCode();
    private static readonly Option<bool> Json = Options.Json();

    public static Command Create()
    {
        Command command =
            new("selftest", "Checks what is installed on this machine and prints a report. Exit code 4 when a check fails; see `yzc --help`.")
        {
            TensorRt, Model, Engine, Batch, Seconds, DeviceNumber, Half, Library, Shim, HostCode, Json,
        };
        command.Validators.Add(static result =>
        {
            // Said now, so that a later check of something else breaks no script.
            if (!result.GetValue(TensorRt))
            {
                result.AddError("Option '--tensorrt' is required: it says what to check.");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using TensorRtSelfTest test = new(new TensorRtSelfTestSettings
        {
            Model = arguments.GetRequiredValue(Model),
            Engine = arguments.GetValue(Engine),
            Batch = arguments.GetValue(Batch),
            Duration = TimeSpan.FromSeconds(arguments.GetValue(Seconds)),
            DeviceOrdinal = arguments.GetValue(DeviceNumber),
            Half = arguments.GetValue(Half),
            LibraryPath = arguments.GetValue(Library),
            ShimPath = arguments.GetValue(Shim),
            HostCodeAllowed = arguments.GetValue(HostCode),
        });
        SelfTestReport report = await test.RunAsync(stop);
        if (arguments.GetValue(Json))
        {
            StandardOutput.Write(report.ToJson());
        }
        else
        {
            StandardOutput.Write(report.ToText(), report.ToTable);
        }

        return report.HasFailed ? ExitCode.ModelUnusable : ExitCode.Done;
    }
}
