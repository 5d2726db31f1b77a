using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc plan</c>: what a detector would take in memory, and how many streams there is memory for.</summary>
internal static class PlanCommand
{
    private const int MaxStreams = 100_000;

    private static readonly Option<string> Model = Options.Model();
    private static readonly Option<(int Width, int Height)?> FrameSize = Options.FrameSize();
    private static readonly Option<PixelFormat> Format = Options.PixelFormat();
    private static readonly Option<ImmutableArray<(int Width, int Height)>> ImageSizes = Options.DetectorSizes();
    private static readonly Option<Device> Device = Options.Device();
    private static readonly Option<Precision> Precision = Options.Precision();
    private static readonly Option<int> Batch = Options.Batch();
    private static readonly Option<int> Lanes = Options.Lanes();
    private static readonly Option<int> Streams =
        Options.Integer("--streams", "Cameras or videos to plan for. Default: 1.", 1, MaxStreams, standard: 1);
    private static readonly Option<int> FramesAhead = Options.Integer(
        "--frames-ahead",
        "Slots of each stream as a source of a SourceHub (4 unless its options say otherwise). Default: it has one of the detector's.", 2, 64);
    private static readonly Option<StreamDecoding> Decode = Options.Decode();
    private static readonly Option<StreamCodec> Codec = Options.StreamCodec();
    private static readonly Option<ImmutableArray<ExpectedDecoders>> Decoders = Options.Decoders();
    private static readonly Option<long> Vram = Options.Bytes(
        "--vram", "Plan for a GPU with so much memory, by formula and without one: 24GiB, or 24564MiB.");
    private static readonly Option<GpuCard?> Card = Options.Card();
    private static readonly Option<long> HostMemory = Options.Bytes(
        "--host-memory", "Memory of the host. Default: this machine's; with --vram or --card it does not matter.");
    private static readonly Option<float> Margin =
        Options.Ratio("--margin", "Part of what is planned on the GPU that is to stay free on top of it. Default: 0.3.", 0.3f);
    private static readonly Option<bool> HostCode = Options.HostCode();
    private static readonly Option<bool> Json = Options.Json();

    public static Command Create()
    {
        Command command = new("plan", "Adds up the memory that a detector takes, and how many streams fit. Exit codes: see `yzc --help`.")
        {
            Model, FrameSize, Format, ImageSizes, Device, Precision, Batch, Lanes, Streams, FramesAhead, Decode, Codec, Decoders, Vram, Card,
            HostMemory, Margin, HostCode,
            Json,
        };
        command.Validators.Add(static result =>
        {
            bool isNamed = result.GetResult(Device) is not null && result.GetValue(Device) != YoloZeroCopy.Device.Auto;
            string[] given =
            [
                .. result.GetResult(Vram) is not null ? ["--vram"] : (string[])[],
                .. result.GetResult(Card) is not null ? ["--card"] : (string[])[],
                .. isNamed ? ["--device"] : (string[])[],
            ];
            if (given.Length > 1)
            {
                result.AddError($"{string.Join(" and ", given)} are given; one of them says what to plan for.");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        (int width, int height) = arguments.GetValue(FrameSize) ?? (1920, 1080);
        FrameFormat frame = new(arguments.GetValue(Format), width, height);
        StreamDecoding decoding = arguments.GetValue(Decode);
        bool isOnDevice = decoding == StreamDecoding.Nvdec;
        StreamCodec codec = arguments.GetValue(Codec);
        DetectorOptions options = new()
        {
            Device = arguments.GetValue(Device),
            MaxBatch = arguments.GetValue(Batch),
            Lanes = arguments.GetValue(Lanes),
            InputSizes = Options.InputSizes(arguments.GetValue(ImageSizes)),
            Precision = arguments.GetValue(Precision),
            TensorRtHostCodeAllowed = arguments.GetValue(HostCode),
            ExpectedDecoders = Options.ExpectedDecoders(arguments.GetValue(Decoders)),
            MemoryMargin = Math.Round((double)arguments.GetValue(Margin), 6),
        };
        GpuCard? card = arguments.GetValue(Card);
        MemoryPlanOptions site = new()
        {
            Streams = arguments.GetValue(Streams),
            Frame = frame,
            FramesAhead = arguments.GetValue(FramesAhead),
            Decoder = isOnDevice && VideoCodecOf(codec) is CudaVideoCodec video ? new CudaVideoDecoderOptions { Codec = video } : null,
            JpegDecoder = isOnDevice && codec == StreamCodec.Mjpeg ? new CudaJpegDecoderOptions() : null,
            DecoderProgramBytes = decoding == StreamDecoding.Cpu ? DecoderProgram.BytesOf(width, height) : 0,
            DeviceBytes = card?.MemoryBytes ?? NullIfNone(arguments.GetValue(Vram)),
            HostBytes = NullIfNone(arguments.GetValue(HostMemory)),
        };
        MemoryPlan plan;
        try
        {
            plan = await YoloDetector.PlanAsync(arguments.GetRequiredValue(Model), options, site, stop);
        }
        catch (ArgumentException error)
        {
            throw new CliException(ExitCode.WrongArguments, ErrorReport.MessageOf(error), "`yzc plan --help` lists the options.", error);
        }

        if (arguments.GetValue(Json))
        {
            StandardOutput.Write(ToJson(plan, card));
        }
        else
        {
            ToLines(plan, card).Write();
        }

        return ExitCode.Done;
    }

    private static CudaVideoCodec? VideoCodecOf(StreamCodec codec) => codec switch
    {
        StreamCodec.H264 => CudaVideoCodec.H264,
        StreamCodec.Hevc => CudaVideoCodec.Hevc,
        StreamCodec.Av1 => CudaVideoCodec.Av1,
        _ => null,
    };

    private static long? NullIfNone(long bytes) => bytes == 0 ? null : bytes;

    private static NamedLines ToLines(MemoryPlan plan, GpuCard? card)
    {
        MemoryBudget budget = plan.Budget;
        NamedLines lines = new(nameWidth: 12);
        if (card is GpuCard known)
        {
            lines.Add("card", $"{known.Name}, {MemoryPlan.Mebibytes(known.MemoryBytes)}, {known.Bus}");
        }

        lines.Add("for", string.Create(
            CultureInfo.InvariantCulture, $"{plan.Streams} streams, {plan.Lanes} lanes, batches up to {plan.MaxBatch}"));
        lines.Add("on", plan.Device);
        lines.AddBlock("memory", plan.ToString());
        if (budget.DeviceBytes is long deviceBytes)
        {
            lines.Add("device", string.Create(
                CultureInfo.InvariantCulture,
                $"{MemoryPlan.Mebibytes(plan.DeviceBytes)} of {MemoryPlan.Mebibytes(deviceBytes)}; a margin of {budget.Margin:P0} stays free"));
        }

        string hostOf = budget.HostBytes is long hostBytes ? $" of {MemoryPlan.Mebibytes(hostBytes)}" : "";
        lines.Add("host", $"{MemoryPlan.Mebibytes(plan.HostBytes)}{hostOf}, {MemoryPlan.Mebibytes(plan.PinnedBytes)} of it page-locked");
        StreamLimit limit = plan.StreamsWithin(budget);
        lines.Add("fits", plan.IsWithinBudget ? "yes" : "no");
        lines.Add("streams", limit.Streams is int number
            ? string.Create(CultureInfo.InvariantCulture, $"up to {number}, limited by {new MemoryPlanEntry { Item = limit.LimitedBy!.Value }.Name}")
            : "not limited by memory");
        return lines;
    }

    private static string ToJson(MemoryPlan plan, GpuCard? card) => JsonText.Write(json =>
    {
        MemoryPlanJson.Write(json, plan);
        StreamLimit limit = plan.StreamsWithin(plan.Budget);
        json.WriteNumber("streams"u8, plan.Streams);
        json.WriteNumber("lanes"u8, plan.Lanes);
        json.WriteNumber("batch"u8, plan.MaxBatch);
        json.WriteNumber("margin"u8, plan.Budget.Margin);
        json.WriteString("device"u8, plan.Device);
        json.WriteString("card"u8, card?.Name);
        json.WriteString("bus"u8, card?.Bus);
        MemoryPlanJson.WriteNumber(json, "device_memory_bytes"u8, plan.Budget.DeviceBytes);
        MemoryPlanJson.WriteNumber(json, "host_memory_bytes"u8, plan.Budget.HostBytes);
        json.WriteBoolean("fits"u8, plan.IsWithinBudget);
        MemoryPlanJson.WriteNumber(json, "max_streams"u8, limit.Streams);
        json.WriteString("limited_by"u8, limit.LimitedBy is MemoryItem item ? MemoryPlanJson.NameOf(item) : null);
    });
}
