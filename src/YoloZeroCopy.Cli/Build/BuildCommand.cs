using System.Collections.Immutable;
using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc build</c>: an ONNX model in, a TensorRT engine out.</summary>
internal static class BuildCommand
{
    private const int MaxWorkspaceMebibytes = 1 << 20;

    private static readonly Option<string> Model = Options.Model();

    private static readonly Option<string> Output = new("--output", "-o")
    {
        Description = "File of the engine. It is replaced only when the new one is complete.",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<ImmutableArray<(int Width, int Height)>> Sizes = Options.ImageSizes();
    private static readonly Option<int> Batch =
        Options.Integer("--batch", "Largest batch. A model with a fixed batch has only that.", 1, Options.MaxBatch, 8);
    private static readonly Option<int> OptimalBatch =
        Options.Integer("--opt-batch", "Batch that the engine is tuned for. Default: the largest.", 1, Options.MaxBatch);
    private static readonly Option<bool> Half = Options.Half();
    private static readonly Option<bool> Float16 = new("--fp16")
    {
        Description = "Let TensorRT 10 compute in half precision. --half works with every version.",
    };
    private static readonly Option<bool> Int8 = new("--int8")
    {
        Description = "Let TensorRT 10 compute in 8-bit integers; the model must carry Q/DQ nodes. From 11 on, such a model needs no option.",
    };
    private static readonly Option<bool> NoTf32 = new("--no-tf32") { Description = "Compute single precision in full, without TF32." };

    private static readonly Option<int> Workspace =
        Options.Integer("--workspace", "Limit of scratch memory in MiB. Default: 1024 x (1 + 0.15 x layers / 100) x 1.3 above batch 8.", 1,
            MaxWorkspaceMebibytes);

    private static readonly Option<string?> TimingCache = new("--timing-cache")
    {
        Description = "File with timings of earlier builds on this GPU, read and updated.",
        HelpName = "FILE",
    };
    private static readonly Option<bool> VersionCompatible = new("--version-compatible")
    {
        Description = "Make an engine that later versions of TensorRT run, too. It can be slower.",
    };
    private static readonly Option<TensorRtHardware> Hardware = Options.Hardware();
    private static readonly Option<int?> Level = Options.OptimizationLevel();
    private static readonly Option<bool> NoMetadata = new("--no-metadata")
    {
        Description = "Write the bare plan, for programs that know no metadata. Class names are lost.",
    };
    private static readonly Option<int> DeviceNumber = Options.Integer("--gpu", "Number of the CUDA device to build on. Default: 0.", 0, 1023);
    private static readonly Option<string?> TensorRt = Options.TensorRt();
    private static readonly Option<string?> Shim = Options.TensorRtShim();
    private static readonly Option<bool> Json = Options.Json();

    public static Command Create()
    {
        Command command = new("build", "Builds a TensorRT engine with the TensorRT that is installed. Exit codes: see `yzc --help`.")
        {
            Model, Output, Sizes, Batch, OptimalBatch, Half, Float16, Int8, NoTf32, Workspace, TimingCache, VersionCompatible, Hardware, Level,
                NoMetadata,
                DeviceNumber, TensorRt, Shim, Json,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        string output = arguments.GetRequiredValue(Output);
        string model = arguments.GetRequiredValue(Model);
        bool json = arguments.GetValue(Json);
        CommandFiles files = new(model);
        files.Read("--tensorrt", arguments.GetValue(TensorRt));
        files.Read("--tensorrt-shim", arguments.GetValue(Shim));
        files.Write("--output", output);
        files.Write("--timing-cache", arguments.GetValue(TimingCache));
        TensorRtBuildReport report;
        try
        {
            report = await TensorRtBuilder.BuildAsync(model, output, OptionsFor(arguments), json ? null : new BuildProgress(), stop);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            string message = error is ArgumentException argument ? ErrorReport.MessageOf(argument) : error.Message;
            throw new CliException(ExitCode.WrongArguments, message, "`yzc build --help` lists the options.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw StandardOutput.Failed(arguments.GetValue(TimingCache) is string timings ? $"'{output}' or '{timings}'" : $"'{output}'", error);
        }

        if (json)
        {
            StandardOutput.Write(ToJson(output, report));
        }
        else
        {
            ToLines(output, report).Write();
        }

        return ExitCode.Done;
    }

    private static TensorRtBuildOptions OptionsFor(ParseResult arguments) => new()
    {
        Sizes = arguments.GetValue(Sizes),
        MaxBatch = arguments.GetValue(Batch),
        OptimalBatch = arguments.GetValue(OptimalBatch),
        HalfPrecision = arguments.GetValue(Half),
        Precisions = (arguments.GetValue(Float16) ? TensorRtPrecisions.Float16 : 0) | (arguments.GetValue(Int8) ? TensorRtPrecisions.Int8 : 0),
        AllowTf32 = !arguments.GetValue(NoTf32),
        WorkspaceBytes = (long)arguments.GetValue(Workspace) << 20,
        TimingCachePath = arguments.GetValue(TimingCache),
        VersionCompatible = arguments.GetValue(VersionCompatible),
        Hardware = arguments.GetValue(Hardware),
        OptimizationLevel = arguments.GetValue(Level),
        WriteMetadata = !arguments.GetValue(NoMetadata),
        DeviceOrdinal = arguments.GetValue(DeviceNumber),
        TensorRtPath = arguments.GetValue(TensorRt),
        TensorRtShimPath = arguments.GetValue(Shim),
    };

    private static NamedLines ToLines(string output, TensorRtBuildReport report)
    {
        NamedLines lines = new(nameWidth: 12);
        lines.Add("engine", FormattableString.Invariant($"{output}, {MemoryPlan.Mebibytes(report.PlanBytes)}"));
        lines.Add("built by", FormattableString.Invariant($"{report.Library} in {report.Duration.TotalSeconds:F1} s, from {report.NodeCount} nodes"));
        lines.Add("graph", report.GraphChanges);
        for (int index = 0; index < report.Profiles.Length; index++)
        {
            string memory = report.DeviceMemoryBytes.IsEmpty ? string.Empty
                : $"; TensorRT asks for {MemoryPlan.Mebibytes(report.DeviceMemoryBytes[index])} to run it";
            lines.Add(FormattableString.Invariant($"profile {index + 1}"), $"{report.Profiles[index]}{memory}");
        }

        lines.Add("workspace", $"up to {MemoryPlan.Mebibytes(report.WorkspaceLimitBytes)} were allowed");
        if (report.DeviceMemoryBytes.IsEmpty)
        {
            lines.Add("memory", "what TensorRT asks for is known only where the engine can be opened, which this machine cannot");
        }

        foreach (string warning in report.Warnings)
        {
            lines.Add("warning", ErrorReport.OneLine(warning));
        }

        return lines;
    }

    private static string ToJson(string output, TensorRtBuildReport report) => JsonText.Write(json =>
    {
        json.WriteString("engine"u8, output);
        json.WriteString("library"u8, report.Library);
        json.WriteString("graph_changes"u8, report.GraphChanges);
        json.WriteNumber("plan_bytes"u8, report.PlanBytes);
        json.WriteNumber("nodes"u8, report.NodeCount);
        json.WriteNumber("workspace_limit_bytes"u8, report.WorkspaceLimitBytes);
        json.WriteNumber("seconds"u8, Math.Round(report.Duration.TotalSeconds, 3));
        json.WriteStartArray("profiles"u8);
        for (int index = 0; index < report.Profiles.Length; index++)
        {
            TensorRtProfile profile = report.Profiles[index];
            json.WriteStartObject();
            json.WriteNumber("width"u8, profile.Width);
            json.WriteNumber("height"u8, profile.Height);
            json.WriteNumber("min_batch"u8, profile.MinBatch);
            json.WriteNumber("opt_batch"u8, profile.OptimalBatch);
            json.WriteNumber("max_batch"u8, profile.MaxBatch);
            if (!report.DeviceMemoryBytes.IsEmpty)
            {
                json.WriteNumber("device_memory_bytes"u8, report.DeviceMemoryBytes[index]);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("warnings"u8);
        foreach (string warning in report.Warnings)
        {
            json.WriteStringValue(warning);
        }

        json.WriteEndArray();
    });
}
