using System.Globalization;
using YoloZeroCopy;

namespace InspectLine;

/// <summary>What the command line asks for. Without arguments: the shipped model on the shipped clip.</summary>
internal sealed record InspectOptions
{
    public const string Help = """
        Inspects a video of a conveyor belt and raises an alarm when a defective part crosses the line in the middle.

        Usage: InspectLine [options]

          --model FILE       ONNX detection model (default: the conveyor model beside the program)
          --source SOURCE    video file (default: conveyor.mp4 beside the program; FILE.truth.jsonl beside it is checked against),
                             folder of pictures, camera (/dev/video0) or stream (rtsp://..., http://...); what is live runs until
                             --frames or Ctrl-C, comes back by itself when it was lost, and is not drawn
          --decode HOW       nvdec: the GPU decodes; cpu: ffmpeg does; auto: nvdec where the model runs on a GPU that can (default)
          --output FOLDER    where the results go (default: artifacts/inspect-line)
          --input-size WxH   model input in pixels, or 'model' for what the model says (default: 640 on the longer side, shaped like the clip)
          --frames N         stop after N frames
          --fast             as fast as the machine can, no frame dropped (default)
          --realtime         a file at its own rate, like a live camera: late frames are dropped and counted; ffmpeg decodes
          --help             this text

        Exit codes: 0 done, 1 found less than the bar against the ground truth, 2 wrong arguments, 3 source unreadable,
                    4 model or native library unusable, 5 output cannot be written, 130 stopped by Ctrl-C, 143 by SIGTERM
        """;

    private const int LongSide = 640;
    private const int Stride = 32;

    public string ModelPath { get; init; } = Path.Combine(AppContext.BaseDirectory, "conveyor.onnx");

    public string Source { get; init; } = Path.Combine(AppContext.BaseDirectory, "conveyor.mp4");

    public VideoDecoding Decoding { get; init; } = VideoDecoding.Auto;

    /// <summary>How the source is read.</summary>
    public VideoReaderOptions Reading => new() { AllowUrl = IsUrl(Source) };

    public string TruthPath => Path.ChangeExtension(Source, ".truth.jsonl");

    public string OutputFolder { get; init; } = Path.Combine("artifacts", "inspect-line");

    public bool IsRealtime { get; init; }

    public int FrameLimit { get; init; } = int.MaxValue;

    public bool WantsHelp { get; init; }

    private (int Width, int Height)? InputSize { get; init; }

    private bool TakesModelInputSize { get; init; }

    /// <exception cref="FormatException">An option that is unknown, lacks its value, or has a wrong one.</exception>
    public static InspectOptions Parse(IReadOnlyList<string> arguments)
    {
        InspectOptions options = new();
        for (int index = 0; index < arguments.Count; index++)
        {
            string name = arguments[index];
            options = name switch
            {
                "--model" => options with { ModelPath = Value() },
                "--source" => options with { Source = Value() },
                "--decode" => options with { Decoding = DecodingOf(Value()) },
                "--output" => options with { OutputFolder = Value() },
                "--frames" => options with { FrameLimit = Number(Value(), name) },
                "--input-size" => options.WithInputSize(Value()),
                "--fast" => options with { IsRealtime = false },
                "--realtime" => options with { IsRealtime = true },
                "--help" or "-h" => options with { WantsHelp = true },
                _ => throw new FormatException($"'{name}' is no option; --help lists them."),
            };

            string Value() => ++index < arguments.Count ? arguments[index]
                : throw new FormatException($"{name} needs a value; --help lists the options.");
        }

        return options.IsRealtime && options.Decoding == VideoDecoding.Gpu
            ? throw new FormatException("--realtime is for frames that ffmpeg decodes; with --decode nvdec it is not to be had.")
            : options;
    }

    /// <summary>Whether a source is read over a network.</summary>
    public static bool IsUrl(string source) => source.Contains("://", StringComparison.Ordinal);

    /// <summary>The model's input for frames of one shape. A 1280x720 frame in a square input would spend 40 % of the work on padding.</summary>
    public (int Width, int Height)? InputSizeFor(FrameFormat frame)
    {
        if (TakesModelInputSize || InputSize is not null)
        {
            return InputSize;
        }

        double scale = (double)LongSide / Math.Max(frame.Width, frame.Height);
        return (RoundUp(frame.Width * scale), RoundUp(frame.Height * scale));

        static int RoundUp(double side) => Math.Max(1, (int)Math.Ceiling(side / Stride)) * Stride;
    }

    private static VideoDecoding DecodingOf(string text) => text switch
    {
        "nvdec" => VideoDecoding.Gpu,
        "cpu" => VideoDecoding.Cpu,
        "auto" => VideoDecoding.Auto,
        _ => throw new FormatException($"--decode takes nvdec, cpu or auto, not '{text}'."),
    };

    private static int Number(string text, string name) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? number
            : throw new FormatException($"{name} takes a whole number above 0, not '{text}'.");

    private InspectOptions WithInputSize(string text)
    {
        if (text == "model")
        {
            return this with { TakesModelInputSize = true };
        }

        string[] sides = text.Split('x');
        return sides.Length == 2
            ? this with { InputSize = (Number(sides[0], "--input-size WxH"), Number(sides[1], "--input-size WxH")) }
            : throw new FormatException($"--input-size takes WxH, such as 640x384, or 'model', not '{text}'.");
    }
}
