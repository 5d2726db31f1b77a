using System.CommandLine;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc quantize</c>: a model and pictures in, a model that computes in 8-bit integers out.</summary>
internal static class QuantizeCommand
{
    private const int StandardPictures = 200;

    private static readonly Option<string> Model = Options.OnnxModel();
    private static readonly Option<string> Output = Options.OutputModel();

    private static readonly Option<string> Pictures = new("--calibration")
    {
        Description = "Folder with pictures as the model will get them, and in folders within; or one picture, or a pattern in quotes.",
        HelpName = "FOLDER",
        Required = true,
    };

    private static readonly Option<int> MostPictures = Options.Integer(
        "--pictures", "Most pictures that are taken, evenly from all that there are.", 1, ModelQuantizer.MaxPictures, StandardPictures);

    private static readonly Option<QuantizationRange> Range = Options.QuantizationRange();
    private static readonly Option<(int Width, int Height)?> ImageSize = Options.ImageSize();
    private static readonly Option<int> Threads = Options.Threads();
    private static readonly Option<bool> Json = Options.Json();

    public static Command Create()
    {
        Command command = new("quantize", "Makes a model compute in 8-bit integers, with ranges from pictures. Exit codes: see `yzc --help`.")
        {
            Model, Output, Pictures, MostPictures, Range, ImageSize, Threads, Json,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        string model = arguments.GetRequiredValue(Model);
        string output = arguments.GetRequiredValue(Output);
        bool json = arguments.GetValue(Json);
        CalibrationPictures pictures = CalibrationPictures.Find(arguments.GetRequiredValue(Pictures), arguments.GetValue(MostPictures));
        CommandFiles files = new(model);
        foreach (string path in pictures.Paths)
        {
            files.Read("--calibration", path);
        }

        files.Write("--output", output);
        OnnxOutput.ThrowIfEngine(model);
        QuantizationOptions options = new()
        {
            Range = arguments.GetValue(Range),
            InputSize = arguments.GetValue(ImageSize),
            Threads = arguments.GetValue(Threads),
        };
        QuantizationReport report;
        try
        {
            report = await ModelQuantizer.QuantizeAsync(
                model, output, pictures.Read(), options, json ? null : new QuantizeProgress(pictures.Paths.Count), stop);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw StandardOutput.Failed($"'{output}'", error);
        }
        catch (ArgumentException error)
        {
            throw new CliException(
                ExitCode.WrongArguments, ErrorReport.MessageOf(error), "`yzc quantize --help` lists the options.", error);
        }

        if (json)
        {
            StandardOutput.Write(ToJson(output, report));
        }
        else
        {
            ToLines(output, report).Write();
        }

        return pictures.Failures == 0 ? ExitCode.Done : ExitCode.InputFailed;
    }

    private static NamedLines ToLines(string output, QuantizationReport report)
    {
        NamedLines lines = new(nameWidth: 12);
        lines.Add("model", $"{output}, {MemoryPlan.Mebibytes(report.OutputBytes)}; it was {MemoryPlan.Mebibytes(report.ModelBytes)}");
        lines.Add("pictures", string.Create(CultureInfo.InvariantCulture, $"{report.Pictures} in {report.Duration.TotalSeconds:F1} s"));
        lines.Add("integers", string.Create(CultureInfo.InvariantCulture, $"{report.IntegerConvolutions} convolutions"));
        lines.Add("single", string.Create(
            CultureInfo.InvariantCulture, $"{report.SingleConvolutions.Length} convolutions: {string.Join(", ", report.SingleConvolutions)}"));
        return lines;
    }

    private static string ToJson(string output, QuantizationReport report) => JsonText.Write(json =>
    {
        json.WriteString("output"u8, output);
        json.WriteNumber("bytes"u8, report.OutputBytes);
        json.WriteNumber("model_bytes"u8, report.ModelBytes);
        json.WriteNumber("pictures"u8, report.Pictures);
        json.WriteNumber("integer_convolutions"u8, report.IntegerConvolutions);
        json.WriteStartArray("single_convolutions"u8);
        foreach (string name in report.SingleConvolutions)
        {
            json.WriteStringValue(name);
        }

        json.WriteEndArray();
        json.WriteNumber("seconds"u8, Math.Round(report.Duration.TotalSeconds, 3));
    });
}
