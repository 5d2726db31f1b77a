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
          --clip FILE        video (default: conveyor.mp4 beside the program); CLIP.truth.jsonl beside it is checked against
          --output FOLDER    where the results go (default: artifacts/inspect-line)
          --input-size WxH   model input in pixels, or 'model' for what the model says (default: 640 on the longer side, shaped like the clip)
          --frames N         stop after N frames
          --fast             as fast as the machine can, no frame dropped (default)
          --realtime         at the clip's own rate, like a live camera: late frames are dropped and counted
          --help             this text

        Exit codes: 0 done, 1 found less than the bar against the ground truth, 2 wrong arguments, 3 clip unreadable,
                    4 model or native library unusable, 5 output cannot be written, 130 stopped by Ctrl-C, 143 by SIGTERM
        """;

    private const int LongSide = 640;
    private const int Stride = 32;

    public string ModelPath { get; init; } = Path.Combine(AppContext.BaseDirectory, "conveyor.onnx");

    public string ClipPath { get; init; } = Path.Combine(AppContext.BaseDirectory, "conveyor.mp4");

    public string TruthPath => Path.ChangeExtension(ClipPath, ".truth.jsonl");

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
                "--clip" => options with { ClipPath = Value() },
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

        return options;
    }

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
