using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc optimize</c>: an ONNX model in, a rewritten one out.</summary>
internal static class OptimizeCommand
{
    private static readonly Option<string> Model = Options.OnnxModel();
    private static readonly Option<string> Output = Options.OutputModel();
    private static readonly Option<bool> Half = Options.Half();
    private static readonly Option<bool> Json = Options.Json();

    public static Command Create()
    {
        Command command =
            new("optimize", "Writes a model with its weights in one file and, with --half, in half precision. Exit codes: see `yzc --help`.")
        {
            Model, Output, Half, Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult arguments)
    {
        string path = arguments.GetRequiredValue(Model);
        string output = arguments.GetRequiredValue(Output);
        CommandFiles files = new(path);
        files.Write("--output", output);
        OnnxOutput.ThrowIfEngine(path);
        using OptimizedModel model = OptimizedModel.Make(path, arguments.GetValue(Half));
        OnnxOutput.Write(output, model.Bytes);
        if (arguments.GetValue(Json))
        {
            StandardOutput.Write(ToJson(path, output, model));
        }
        else
        {
            ToLines(path, output, model).Write();
        }

        return ExitCode.Done;
    }

    private static NamedLines ToLines(string path, string output, OptimizedModel model)
    {
        NamedLines lines = new(nameWidth: 12);
        lines.Add("model", $"{output}, {MemoryPlan.Mebibytes(model.Bytes.Length)}; '{path}' was {MemoryPlan.Mebibytes(new FileInfo(path).Length)}");
        foreach (string change in model.Changes)
        {
            lines.Add("changed", change);
        }

        foreach (string omission in model.Omissions)
        {
            lines.Add("not changed", omission);
        }

        if (model.Changes.IsEmpty)
        {
            lines.Add("changed", "nothing: it is the same model");
        }

        return lines;
    }

    private static string ToJson(string path, string output, OptimizedModel model)
    {
        long length = model.Bytes.Length;
        return JsonText.Write(json =>
        {
            json.WriteString("model"u8, path);
            json.WriteString("output"u8, output);
            json.WriteNumber("bytes"u8, length);
            json.WriteStartArray("changes"u8);
            foreach (string change in model.Changes)
            {
                json.WriteStringValue(change);
            }

            json.WriteEndArray();
            json.WriteStartArray("omissions"u8);
            foreach (string omission in model.Omissions)
            {
                json.WriteStringValue(omission);
            }

            json.WriteEndArray();
        });
    }
}
