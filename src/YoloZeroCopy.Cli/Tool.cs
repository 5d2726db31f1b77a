using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary>The tool: reads the command line, runs a command and answers with an exit code.</summary>
internal static class Tool
{
    private const string Summary = "Finds objects in pictures and videos with YOLO models, describes models and measures machines.";

    public static async Task<int> RunAsync(string[] arguments)
    {
        using Interruption interruption = new();
        try
        {
            ParseResult parsed = Commands().Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (parsed.Errors.Count > 0)
            {
                return Refuse(parsed);
            }

            using StringWriter text = new();
            InvocationConfiguration configuration = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = text };
            int code = await parsed.InvokeAsync(configuration, interruption.Token);
            if (text.GetStringBuilder().Length > 0)
            {
                StandardOutput.Write(text.ToString());
            }

            return interruption.ExitCode == 0 ? code : Interrupted(interruption);
        }
        catch (OperationCanceledException) when (interruption.ExitCode != 0)
        {
            return Interrupted(interruption);
        }
        catch (Exception error)
        {
            // The last resort of a program: whatever it is, its user gets a line and not a stack trace.
            return ErrorReport.Write(error);
        }
    }

    private static RootCommand Commands()
    {
        RootCommand root = new($"{Summary}{Environment.NewLine}{Environment.NewLine}{ExitCode.Help}")
        {
            DetectCommand.Create(),
            InfoCommand.Create(),
            PlanCommand.Create(),
            BenchCommand.Create(),
            ServeCommand.Create(),
            DoctorCommand.Create(),
            BuildCommand.Create(),
            OptimizeCommand.Create(),
            QuantizeCommand.Create(),
            SelfTestCommand.Create(),
            CompletionCommand.Create(),
        };
        VersionOption version = root.Options.OfType<VersionOption>().Single();
        version.Description = "Show the versions of the tool, of .NET, ONNX Runtime, ffmpeg, the CUDA driver, TensorRT and its shim, and exit.";
        version.Action = new VersionAction();
        return root;
    }

    private static int Refuse(ParseResult parsed)
    {
        string message = string.Join(" ", parsed.Errors.Select(static error => error.Message).Distinct());
        string command = parsed.CommandResult.Command is RootCommand ? "yzc" : $"yzc {parsed.CommandResult.Command.Name}";
        ErrorReport.Write(message, $"`{command} --help` lists the options.");
        return ExitCode.WrongArguments;
    }

    private static int Interrupted(Interruption interruption)
    {
        ErrorReport.Write(interruption.ExitCode == ExitCode.Interrupted ? "interrupted." : "terminated.");
        return interruption.ExitCode;
    }
}
