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
        Description = "ONNX file of a YOLO detection model.",
        HelpName = "FILE",
        Required = true,
    };

    public static Option<Device> Device() => Parsed("--device", "Device to run on: auto or cpu.", "NAME", YoloZeroCopy.Device.Auto, OptionParsing.TryDevice);

    public static Option<(int Width, int Height)?> ImageSize()
    {
        Option<(int Width, int Height)?> option = new("--imgsz")
        {
            Description = "Size of the model's input in pixels, 640 or 640x384 (width x height). Default: what the model says, else 640.",
            HelpName = "SIZE",
            CustomParser = static result => OptionParsing.TrySize(TextOf(result), allowSquare: true, out (int Width, int Height) size, out string? error) ? size : Refuse<(int, int)?>(result, error),
        };
        return option;
    }

    public static Option<int> Batch() =>
        Integer("--batch", "Most frames in one run of the model. Default: what the model is fixed to, else 8.", 1, MaxBatch, 0);

    public static Option<int> Threads() => Integer("--threads", "Threads the engine computes with. Default: one per core.", 1, MaxThreads, 0);

    public static Option<int> Lanes() => Integer("--lanes", "Batches in flight at once. Default: chosen for the device.", 1, MaxLanes, 0);

    public static Option<float> Ratio(string name, string description, float standard) =>
        Parsed(name, FormattableString.Invariant($"{description} Default: {standard}."), "RATIO", standard, OptionParsing.TryRatio);

    /// <summary>A whole number; when the option is not given, its value is <paramref name="absent"/>.</summary>
    public static Option<int> Integer(string name, string description, int least, int most, int absent) =>
        Parsed(name, description, "N", absent, (string text, out int value, out string? error) => OptionParsing.TryInteger(text, least, most, out value, out error));

    public static Option<double> Seconds(string name, string description, double least, double most, double standard) =>
        Parsed(name, FormattableString.Invariant($"{description} Default: {standard}."), "SECONDS", standard, (string text, out double value, out string? error) => OptionParsing.TrySeconds(text, least, most, out value, out error));

    public static Option<(int Width, int Height)> FrameSize() =>
        Parsed("--frame", "Size of a frame, width x height. Default: 1920x1080.", "SIZE", (1920, 1080), (string text, out (int Width, int Height) value, out string? error) => OptionParsing.TrySize(text, allowSquare: false, out value, out error));

    public static Option<PixelFormat> PixelFormat() =>
        Parsed("--format", "Pixel format of the frames. Default: bgr24.", "FORMAT", YoloZeroCopy.PixelFormat.Bgr24, OptionParsing.TryPixelFormat);

    public static Option<bool> Json() => new("--json") { Description = "Print one JSON object instead of text." };

    private static Option<T> Parsed<T>(string name, string description, string helpName, T absent, Reader<T> read) => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result => result.Tokens.Count == 0 ? absent : read(TextOf(result), out T value, out string? error) ? value : Refuse<T>(result, error),
        DefaultValueFactory = _ => absent,
    };

    private static string TextOf(ArgumentResult result) => result.Tokens[0].Value;

    private static T? Refuse<T>(ArgumentResult result, string? error)
    {
        string option = (result.Parent as OptionResult)?.Option.Name ?? "argument";
        result.AddError($"{option}: {error}.");
        return default;
    }
}
