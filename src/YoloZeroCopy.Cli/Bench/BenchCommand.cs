using System.Collections.Immutable;
using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc bench</c>: how much of the engine's own speed is left once a frame goes the whole way.</summary>
internal static class BenchCommand
{
    private const double QuickSeconds = 0.5;

    private static readonly Option<string> Model = Options.Model();
    private static readonly Option<(int Width, int Height)?> Frame = Options.FrameSize();
    private static readonly Option<PixelFormat> Format = Options.PixelFormat();
    private static readonly Option<int> Batch = Options.Batch();
    private static readonly Option<double> Seconds = Options.Seconds("--seconds", "How long each of the two rates is measured.", 0.1, 3600, 5);
    private static readonly Option<int> Threads = Options.Threads();
    private static readonly Option<int> Lanes = Options.Lanes();
    private static readonly Option<Device> Device = Options.Device();
    private static readonly Option<Precision> Precision = Options.Precision();
    private static readonly Option<ImmutableArray<(int Width, int Height)>> ImageSizes = Options.DetectorSizes();
    private static readonly Option<int> Slots =
        Options.Integer("--slots", "Slots of the detector. Default: enough for every lane and one batch more.", 1, 4096);
    private static readonly Option<WaitMode> Wait = Options.Wait();
    private static readonly Option<bool> Inline = new("--inline")
    {
        Description = "Let what awaits a result go on on the thread that brings results (AllowSynchronousContinuations).",
    };

    private static readonly Option<bool> PlainEngine = new("--plain-engine")
    {
        Description = "Leave the model's graph and ONNX Runtime's operators as they are, to compare (RewriteGraph, ReplaceOperators).",
    };

    private static readonly Option<int> SingleFrames = Options.Integer(
        "--single-frames", "Frames that are measured one at a time. Default: 10000 on CUDA, elsewhere those of a second.", 1, 10_000_000);

    private static readonly Option<bool> Ordinary = new("--ordinary")
    {
        Description =
            "CUDA: measure the ordinary way, too: managed array, letterbox and suppression on the processor, pageable copies, one frame at a time.",
    };

    private static readonly Option<int> Producers =
        Options.Integer("--producers", "Measure this many producers that copy their frames into slots, too.", 1, 256);
    private static readonly Option<bool> External = new("--external")
    {
        Description = "Measure frames in registered memory, too, and on CUDA frames on the device, by turns with slots.",
    };

    private static readonly Option<double> Soak =
        Options.Seconds("--soak", "Watch full load for this long, too: memory, rate, lost frames. Default: not.", 0, 86400, 0);
    private static readonly Option<TransferMode> Transfer = Options.Transfer();
    private static readonly Option<bool> TransferModes = new("--transfer-modes")
    {
        Description = "CUDA: measure every transfer mode, too, with BGR24, NV12 and raw Bayer frames of 720p, 1080p and 4K. Takes minutes.",
    };

    private static readonly Option<bool> Npp = new("--npp")
    {
        Description = "CUDA: measure preprocessing by NVIDIA's NPP, too, beside the library's one kernel: time, and how far pixels are apart.",
    };

    private static readonly Option<bool> DeviceMemory = new("--device-memory")
    {
        Description = "CUDA: measure taking device memory for every frame, too: from the driver in three ways, and from the library's pool.",
    };

    private static readonly Option<bool> Profile = new("--profile")
    {
        Description = "CUDA: measure what kinds of kernels take of a batch's time on the device, too.",
    };

    private static readonly Option<string> Timeline = new("--timeline")
    {
        Description = "CUDA: draw when the device uploads and computes some batches, as SVG.",
        HelpName = "FILE",
    };

    private static readonly Option<string[]> Video = new("--video")
    {
        Description = "CUDA: decode this stream (.h264, .hevc or .mjpeg) on the device, too, and detect in it. May be given more than once.",
        HelpName = "FILE",
    };

    private static readonly Option<ImmutableArray<int>> Streams = Options.Integers(
        "--streams", "Streams of each --video at a time. Default: 1,7,32,64.", 1, 1024, [1, 7, 32, 64]);

    private static readonly Option<ImmutableArray<ExpectedDecoders>> Decoders = Options.Decoders();
    private static readonly Option<bool> Quick = new("--quick")
    {
        Description = "Shorten everything whose length no option says: for trying it out.",
    };
    private static readonly Option<bool> HostCode = Options.HostCode();
    private static readonly Option<bool> Json = Options.Json();
    private static readonly Option<string> JsonFile = new("--json-file")
    {
        Description = "Write the JSON object to this file, too.",
        HelpName = "FILE",
    };

    public static Command Create()
    {
        Command command = new(
            "bench",
            "Measures the engine alone and the whole way of a frame, by turns, and their ratio. Latency is from "
                + "submit to result, with the pipeline full "
            + "and for one frame at a time. On CUDA also the link's rate, and what one frame's upload and run "
            + "take alone. Exit codes: see `yzc --help`.")
        {
            Model, Frame, Format, Batch, Seconds, Threads, Lanes, Slots, Device, Precision, Wait, Inline, PlainEngine, ImageSizes, SingleFrames,
                Ordinary, Producers, External, Soak, Profile, Transfer, TransferModes, Npp, DeviceMemory, Timeline, Video, Streams, Decoders, Quick,
                HostCode, Json, JsonFile,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        (int width, int height) = arguments.GetValue(Frame) ?? (1920, 1080);
        FrameFormat format = new(arguments.GetValue(Format), width, height);
        bool quick = arguments.GetValue(Quick);
        BenchSettings settings = new()
        {
            Model = arguments.GetRequiredValue(Model),
            Format = format,
            Detector = new DetectorOptions
            {
                Device = arguments.GetValue(Device),
                MaxBatch = arguments.GetValue(Batch),
                MaxBatchDelay = EndToEndBenchmark.FillDelay,
                Lanes = arguments.GetValue(Lanes),
                Slots = arguments.GetValue(Slots),
                SlotBytes = format.ByteCount,
                WaitMode = arguments.GetValue(Wait),
                TransferMode = arguments.GetValue(Transfer),
                AllowSynchronousContinuations = arguments.GetValue(Inline),
                ReplaceOperators = !arguments.GetValue(PlainEngine),
                RewriteGraph = !arguments.GetValue(PlainEngine),
                Precision = arguments.GetValue(Precision),
                InputSizes = Options.InputSizes(arguments.GetValue(ImageSizes)),
                ExpectedDecoders = Options.ExpectedDecoders(arguments.GetValue(Decoders)),
                Threads = arguments.GetValue(Threads),
                TensorRtHostCodeAllowed = arguments.GetValue(HostCode),
                CompileInBackground = false,
            },
            Time = TimeSpan.FromSeconds(quick && (arguments.GetResult(Seconds)?.Implicit ?? true) ? QuickSeconds : arguments.GetValue(Seconds)),
            SingleFrames = arguments.GetValue(SingleFrames),
            Ordinary = arguments.GetValue(Ordinary),
            Producers = arguments.GetValue(Producers),
            External = arguments.GetValue(External),
            Soak = TimeSpan.FromSeconds(arguments.GetValue(Soak)),
            Profile = arguments.GetValue(Profile),
            TransferModes = arguments.GetValue(TransferModes),
            Npp = arguments.GetValue(Npp),
            DeviceMemory = arguments.GetValue(DeviceMemory),
            Timeline = arguments.GetValue(Timeline),
            Videos = arguments.GetValue(Video) ?? [],
            Streams = arguments.GetValue(Streams),
            Quick = quick,
        };
        string? jsonFile = arguments.GetValue(JsonFile);
        CheckFiles(settings, jsonFile);
        BenchReport report = await BenchRun.RunAsync(settings, stop);
        if (jsonFile is not null)
        {
            OutputText.Write(jsonFile, report.ToJson());
        }

        if (arguments.GetValue(Json))
        {
            StandardOutput.Write(report.ToJson());
        }
        else
        {
            report.ToLines().Write();
        }

        return ExitCode.Done;
    }

    private static void CheckFiles(BenchSettings settings, string? json)
    {
        if (json is null && settings.Timeline is null)
        {
            return;
        }

        CommandFiles files = new(settings.Model);
        foreach (string video in settings.Videos)
        {
            files.Read("--video", video);
        }

        files.Write("--json-file", json);
        files.Write("--timeline", settings.Timeline);
        OutputText.ThrowIfNotWritable(json);
        OutputText.ThrowIfNotWritable(settings.Timeline);
    }
}
