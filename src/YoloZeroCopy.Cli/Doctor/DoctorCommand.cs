using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc doctor</c>: what of this machine is not as it should be.</summary>
internal static class DoctorCommand
{
    private static readonly Option<Device> Device = Options.Device();
    private static readonly Option<bool> Json = Options.Json();

    public static Command Create()
    {
        Command command = new(
            "doctor",
            "Looks at driver, device, libraries and system, and says of each what is wrong and what mends it. Exit codes: see `yzc --help`.")
        {
            Device, Json,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        DetectorOptions options = new() { Device = arguments.GetValue(Device) };
        DoctorReport report = new(await EnvironmentAsync(options, stop));
        if (arguments.GetValue(Json))
        {
            StandardOutput.Write(report.ToJson());
        }
        else
        {
            StandardOutput.Write(report.ToText(), report.ToTable);
        }

        return ExitCode.Done;
    }

    private static async Task<EnvironmentReport> EnvironmentAsync(DetectorOptions options, CancellationToken stop)
    {
        EnvironmentReport library = YoloZeroCopy.Doctor.ExamineEnvironment(options);
        return new EnvironmentReport([.. library.Findings, await FfmpegAsync(stop)]);
    }

    private static async Task<Finding> FfmpegAsync(CancellationToken stop)
    {
        try
        {
            FfmpegProgram program = await FfmpegProgram.OpenAsync(option: null, stop);
            return new Finding("ffmpeg", FindingVerdict.Good, $"{program.Version} ({program.Executable})");
        }
        catch (NativeLibraryException error)
        {
            return new Finding(
                "ffmpeg", FindingVerdict.Note, ErrorReport.OneLine(error.Message), "only for videos: `apt-get install ffmpeg`, or set YZC_FFMPEG");
        }
    }
}
