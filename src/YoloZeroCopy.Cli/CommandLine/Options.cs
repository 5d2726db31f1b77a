using System.Collections.Immutable;
using System.CommandLine;
using System.CommandLine.Parsing;

namespace YoloZeroCopy.Cli;

/// <summary>Makes the options that several commands share. Each command takes its own instances.</summary>
internal static class Options
{
    public const int MaxBatch = 256;
    public const int MaxThreads = 1024;
    public const int MaxLanes = 16;

    private delegate bool Reader<T>(string text, out T value, out string? error);

    public static Option<string> Model() => new("--model", "-m")
    {
        Description = "ONNX file of a YOLO detection model, or a TensorRT engine of one (trusted files only: an engine contains code).",
        HelpName = "FILE",
        Required = true,
    };

    /// <summary>A model that is rewritten.</summary>
    public static Option<string> OnnxModel() =>
        new("--model", "-m") { Description = "ONNX file of a YOLO detection model.", HelpName = "FILE", Required = true };

    public static Option<string> OutputModel() => new("--output", "-o")
    {
        Description = "File of the new model. It is replaced only when the new one is complete.",
        HelpName = "FILE",
        Required = true,
    };

    public static Option<Device> Device()
    {
        Option<Device> option =
            Parsed<Device>("--device", "Device to run on: auto, cpu, cuda or cuda:N, several as cuda:0,1 or cuda:all. Default: auto.", "NAME",
                OptionParsing.TryDevice);
        option.CompletionSources.Add("auto", "cpu", "cuda");
        return option;
    }

    public static Option<(int Width, int Height)?> ImageSize() => Size(
        "--imgsz", "Size of the model's input in pixels, 640 or 640x384 (width x height). Default: what the model says, else 640.",
            allowSquare: true);

    public static Option<ImmutableArray<(int Width, int Height)>> DetectorSizes() => Parsed<ImmutableArray<(int Width, int Height)>>(
        "--imgsz",
        "Size of the model's input in pixels, 640 or 640x384 (width x height), or several, 320,640,1280: each frame then runs at the smallest "
            + "at which it is scaled down least. Default: what the model says, else 640.",
        "SIZES",
        OptionParsing.TrySizes);

    /// <summary>What <see cref="DetectorSizes"/> was given, as a detector wants it.</summary>
    public static IReadOnlyList<ModelInputSize>? InputSizes(ImmutableArray<(int Width, int Height)> sizes) =>
        sizes.IsDefaultOrEmpty ? null : [.. sizes.Select(static size => (ModelInputSize)size)];

    public static Option<ImmutableArray<ExpectedDecoders>> Decoders() => Parsed<ImmutableArray<ExpectedDecoders>>(
        "--decoders",
        "CUDA: decoders of sources that will come and go, at work at one time: \"16 mjpeg 1920x1080, 4 hevc 3840x2160\". What they take counts in "
            + "the plan, and opening allocates what is the detector's.",
        "DECODERS",
        OptionParsing.TryDecoders);

    /// <summary>What <see cref="Decoders"/> was given, as a detector wants it.</summary>
    public static IReadOnlyList<ExpectedDecoders>? ExpectedDecoders(ImmutableArray<ExpectedDecoders> decoders) =>
        decoders.IsDefaultOrEmpty ? null : decoders;

    public static Option<(int Width, int Height)?> FrameSize() =>
        Size("--frame", "Size of a frame, width x height. Default: 1920x1080.", allowSquare: false);

    public static Option<ImmutableArray<(int Width, int Height)>> ImageSizes() => Parsed<ImmutableArray<(int Width, int Height)>>(
        "--imgsz",
        "Sizes of the input in pixels that the engine is for, one profile each: 640, or 320,640,1280x736 (width x height). "
            + "Default: what the model says, else 640.",
        "SIZES",
        OptionParsing.TrySizes);

    public static Option<TensorRtHardware> Hardware() => Parsed<TensorRtHardware>(
        "--hardware", "GPUs that the engine is for: thiskind, ampereplus or samecomputecapability. Default: thiskind.", "NAME",
            OptionParsing.TryHardware);

    public static Option<QuantizationRange> QuantizationRange() => Parsed<QuantizationRange>(
        "--range", "How ranges are chosen: leasterror, percentile or full. Default: leasterror.", "NAME", OptionParsing.TryQuantizationRange);

    public static Option<int?> OptimizationLevel() => Parsed(
        "--opt-level",
        "How hard to search for the fastest algorithms. Default: TensorRT's own.",
        "N",
        (string text, out int? value, out string? error) =>
        {
            bool valid = OptionParsing.TryInteger(text, 0, 5, out int level, out error);
            value = valid ? level : null;
            return valid;
        });

    public static Option<string?> TensorRt(string name = "--tensorrt") =>
        new(name)
        {
            Description = "TensorRT's library or its folder. Default: YZC_TENSORRT, then beside the tool, then the system's.",
            HelpName = "PATH",
        };

    public static Option<string?> TensorRtShim() =>
        new("--tensorrt-shim")
        {
            Description = "This project's TensorRT shim or its folder. Default: YZC_TENSORRT_SHIM, then beside the tool, then the system's.",
            HelpName = "PATH",
        };

    public static Option<bool> HostCode() =>
        new("--tensorrt-host-code")
        {
            Description = "Let a version-compatible TensorRT engine run the code for the processor that it carries. Trusted files only.",
        };

    public static Option<int> Batch() =>
        Integer("--batch", "Most frames in one run of the model. Default: what the model is fixed to, else 8 on CUDA and 1 on the CPU.", 1, MaxBatch);

    public static Option<int> Threads() => Integer("--threads", "Threads the engine computes with. Default: one per core.", 1, MaxThreads);

    public static Option<int> Lanes() => Integer("--lanes", "Batches in flight at once. Default: chosen for the device.", 1, MaxLanes);

    public static Option<PixelFormat> PixelFormat() =>
        Parsed<PixelFormat>("--format", "Pixel format of the frames. Default: bgr24.", "FORMAT", OptionParsing.TryPixelFormat);

    public static Option<WaitMode> Wait() => Parsed<WaitMode>(
        "--wait", "How threads wait for a GPU: block, yield or spin. Default: block.", "MODE", OptionParsing.TryWaitMode);

    public static Option<TransferMode> Transfer() => Parsed<TransferMode>(
        "--transfer",
        "In what memory frames lie for a GPU: pagelocked, auto (try and choose), writecombined, mapped, managed or pageable. Default: pagelocked.",
        "MODE",
        OptionParsing.TryTransferMode);

    public static Option<Precision> Precision() => Parsed<Precision>(
        "--precision", "Precision of an ONNX model on CUDA: auto (half), single (the file's own) or half.", "NAME", OptionParsing.TryPrecision);

    public static Option<float> Ratio(string name, string description, float standard)
    {
        Option<float> option = Parsed<float>(name, description, "RATIO", OptionParsing.TryRatio);
        option.DefaultValueFactory = _ => standard;
        return option;
    }

    /// <summary>A whole number; 0 when the option is not given and has no standard.</summary>
    public static Option<int> Integer(string name, string description, int least, int most, int? standard = null)
    {
        Option<int> option = Parsed(
            name, description, "N", (string text, out int value, out string? error) =>
                OptionParsing.TryInteger(text, least, most, out value, out error));
        if (standard is int number)
        {
            option.DefaultValueFactory = _ => number;
        }

        return option;
    }

    /// <summary>Several numbers, by commas.</summary>
    public static Option<ImmutableArray<int>> Integers(string name, string description, int least, int most, ImmutableArray<int> standard)
    {
        Option<ImmutableArray<int>> option = Parsed(
            name, description, "N,N", (string text, out ImmutableArray<int> value, out string? error) =>
                OptionParsing.TryIntegers(text, least, most, out value, out error));
        option.DefaultValueFactory = _ => standard;
        return option;
    }

    public static Option<double> Seconds(string name, string description, double least, double most, double standard)
    {
        Option<double> option = Parsed(
            name, description, "SECONDS", (string text, out double value, out string? error) =>
                OptionParsing.TrySeconds(text, least, most, out value, out error));
        option.DefaultValueFactory = _ => standard;
        return option;
    }

    /// <summary>A size in bytes; 0 when the option is not given.</summary>
    public static Option<long> Bytes(string name, string description) => Parsed<long>(name, description, "SIZE", OptionParsing.TryBytes);

    public static Option<GpuCard?> Card() => Parsed(
        "--card",
        $"Plan for this GPU, by formula and without it: {string.Join(", ", GpuCard.All.Select(static card => card.Name))}.",
        "NAME",
        (string text, out GpuCard? value, out string? error) =>
        {
            bool valid = OptionParsing.TryCard(text, out GpuCard card, out error);
            value = valid ? card : null;
            return valid;
        });

    public static Option<StreamDecoding> Decode() => Parsed<StreamDecoding>(
        "--decode", "Who decodes the streams: none (frames come into slots), cpu (an ffmpeg program each) or nvdec (the GPU). Default: none.", "HOW",
            OptionParsing.TryStreamDecoding);

    public static Option<StreamCodec> StreamCodec() => Parsed<StreamCodec>(
        "--codec", "How the streams that the GPU decodes are compressed: h264, hevc, av1 or mjpeg. Default: h264.", "NAME",
            OptionParsing.TryStreamCodec);

    public static Option<bool> Half() => new("--half")
    {
        Description = "Make a model in single precision half first: picture, weights and all up to the last convolutions. Boxes stay in single.",
    };

    public static Option<bool> Json() => new("--json") { Description = "Print one JSON object instead of text." };

    private static Option<(int Width, int Height)?> Size(string name, string description, bool allowSquare) => Parsed(
        name,
        description,
        "SIZE",
        (string text, out (int Width, int Height)? value, out string? error) =>
        {
            bool valid = OptionParsing.TrySize(text, allowSquare, out (int Width, int Height) size, out error);
            value = valid ? size : null;
            return valid;
        });

    private static Option<T> Parsed<T>(string name, string description, string helpName, Reader<T> read) => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result => read(result.Tokens[0].Value, out T value, out string? error) ? value : Refuse<T>(result, error),
    };

    private static T? Refuse<T>(ArgumentResult result, string? error)
    {
        string option = (result.Parent as OptionResult)?.Option.Name ?? "argument";
        result.AddError($"{option}: {error}.");
        return default;
    }
}
