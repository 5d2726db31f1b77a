using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc doctor</c>: what of this machine is not as it should be, and with a model what frames are slowed by.</summary>
internal static class DoctorCommand
{
    private static readonly Option<string?> Model = new("--model", "-m")
    {
        Description = "Run this model, too, and name what frames are slowed by. Without it only the machine is looked at.",
        HelpName = "FILE",
    };

    private static readonly Option<(int Width, int Height)?> Frame = Options.FrameSize();
    private static readonly Option<PixelFormat> Format = Options.PixelFormat();
    private static readonly Option<int> Batch = Options.Batch();
    private static readonly Option<int> Lanes = Options.Lanes();
    private static readonly Option<Device> Device = Options.Device();
    private static readonly Option<Precision> Precision = Options.Precision();
    private static readonly Option<double> Seconds = Options.Seconds("--seconds", "How long the run is watched.", 0.1, 600, 3);
    private static readonly Option<double> Rate = new("--rate")
    {
        Description = "Frames a second that come, as from cameras. Default: as many as can be had.",
        HelpName = "N",
    };

    private static readonly Option<string?> Timeline = new("--timeline")
    {
        Description = "Write when what happened as a page for a browser.",
        HelpName = "FILE",
    };

    private static readonly Option<string?> Trace = new("--trace")
    {
        Description = "Write the same as a trace for https://ui.perfetto.dev.",
        HelpName = "FILE",
    };

    private static readonly Option<bool> Json = Options.Json();

    public static Command Create()
    {
        Command command = new(
            "doctor",
            "Looks at driver, device, libraries and system, and says of each what is wrong and what mends it. With --model it runs the model on "
                + "frames of noise, watches, and names what frames are slowed by, with the figures that show it. Exit codes: see `yzc --help`.")
        {
            Model, Frame, Format, Batch, Lanes, Device, Precision, Seconds, Rate, Timeline, Trace, Json,
        };
        command.Validators.Add(static result =>
        {
            if (result.GetResult(Rate) is not null && !(result.GetValue(Rate) is >= 0.001 and <= 1e6))
            {
                result.AddError("--rate: a number from 0.001 to 1000000 is wanted.");
            }

            if (result.GetValue(Model) is null && (result.GetValue(Timeline) ?? result.GetValue(Trace)) is not null)
            {
                result.AddError("--timeline and --trace show a run: they need --model.");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        (int width, int height) = arguments.GetValue(Frame) ?? (1920, 1080);
        FrameFormat format = new(arguments.GetValue(Format), width, height);
        DetectorOptions options = new()
        {
            Device = arguments.GetValue(Device),
            MaxBatch = arguments.GetValue(Batch),
            Lanes = arguments.GetValue(Lanes),
            Precision = arguments.GetValue(Precision),
            SlotBytes = format.ByteCount,
            CompileInBackground = false,
        };
        WatchOptions watch = new()
        {
            Duration = TimeSpan.FromSeconds(arguments.GetValue(Seconds)),
            ExpectedRate = arguments.GetResult(Rate) is null ? null : arguments.GetValue(Rate),
        };
        string? model = arguments.GetValue(Model);
        string? timeline = arguments.GetValue(Timeline);
        string? trace = arguments.GetValue(Trace);
        CheckFiles(model, timeline, trace);
        List<Finding> findings = [.. YoloZeroCopy.Doctor.ExamineEnvironment(options).Findings, await FfmpegAsync(stop)];
        LatencyReport? latency = model is null ? null : await LatencyAsync(model, options, format, watch, findings, stop);
        Write(latency, timeline, trace);
        DoctorReport report = new(new EnvironmentReport(findings), latency);
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

    private static async Task<LatencyReport?> LatencyAsync(
        string model, DetectorOptions options, FrameFormat format, WatchOptions watch, List<Finding> findings, CancellationToken stop)
    {
        YoloDetector opened;
        try
        {
            opened = DetectorOpening.Open(model, options);
        }
        catch (InsufficientMemoryException error)
        {
            findings.Add(new Finding(
                "detector", FindingVerdict.Bad, ErrorReport.OneLine(error.Message), "fewer --lanes, a smaller --batch; end what holds the memory"));
            return null;
        }

        await using YoloDetector detector = opened;
        string? fallback = detector.Inspection.Cuda?.GraphFallback;
        findings.Add(new Finding(
            "detector",
            fallback is null ? FindingVerdict.Good : FindingVerdict.Note,
            detector.Device,
            fallback is null
                ? null
                : "the engine on cuDNN, a TensorRT engine, or a model without NMS and loops; `yzc info` says what is in the way"));
        return await DoctorRun.WatchAsync(detector, format, watch, stop);
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

    private static void CheckFiles(string? model, string? timeline, string? trace)
    {
        if (model is null || (timeline ?? trace) is null)
        {
            return;
        }

        CommandFiles files = new(model);
        files.Write("--timeline", timeline);
        files.Write("--trace", trace);
        OutputText.ThrowIfNotWritable(timeline);
        OutputText.ThrowIfNotWritable(trace);
    }

    private static void Write(LatencyReport? latency, string? timeline, string? trace)
    {
        if (latency is null)
        {
            return;
        }

        if (timeline is not null)
        {
            using StringWriter text = new();
            latency.Timeline.WriteHtml(text);
            OutputText.Write(timeline, text.ToString());
        }

        if (trace is not null)
        {
            using MemoryStream bytes = new();
            latency.Timeline.WriteChromeTrace(bytes);
            OutputText.Write(trace, System.Text.Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length));
        }
    }
}
