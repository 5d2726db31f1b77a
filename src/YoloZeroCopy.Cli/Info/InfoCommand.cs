using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc info</c>: what a model is and what running it takes.</summary>
internal static class InfoCommand
{
    private static readonly Option<string> Model = Options.Model();
    private static readonly Option<ImmutableArray<(int Width, int Height)>> ImageSizes = Options.DetectorSizes();
    private static readonly Option<Device> Device = Options.Device();
    private static readonly Option<Precision> Precision = Options.Precision();
    private static readonly Option<int> Batch = Options.Batch();
    private static readonly Option<bool> HostCode = Options.HostCode();
    private static readonly Option<bool> Json = Options.Json();

    public static Command Create()
    {
        Command command = new("info", "Describes a model: inputs, outputs, layout, names, memory. Exit codes: see `yzc --help`.")
        {
            Model, ImageSizes, Device, Precision, Batch, HostCode, Json,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        DetectorOptions options = new()
        {
            Device = arguments.GetValue(Device),
            MaxBatch = arguments.GetValue(Batch),
            InputSizes = Options.InputSizes(arguments.GetValue(ImageSizes)),
            Precision = arguments.GetValue(Precision),
            TensorRtHostCodeAllowed = arguments.GetValue(HostCode),
        };
        string model = arguments.GetRequiredValue(Model);
        if (ModelFile.IsTensorRt(model) && (options.Device == YoloZeroCopy.Device.Cpu || !CudaDriver.TryInitialize(out _)))
        {
            // Only a GPU opens an engine, but what stands before the plan can be read anywhere.
            EngineFileInfo.Print(TensorRtPlanFile.Read(model), arguments.GetValue(Json));
            return ExitCode.Done;
        }

        OpeningTimes times = new();
        await using YoloDetector detector = await DetectorOpening.OpenAsync(model, options, times, stop);
        times.End();
        stop.ThrowIfCancellationRequested();
        if (arguments.GetValue(Json))
        {
            StandardOutput.Write(ToJson(detector, times));
        }
        else
        {
            ToLines(detector, times).Write();
        }

        return ExitCode.Done;
    }

    private static string TaskOf(ModelInfo model) => model.Metadata.GetValueOrDefault("task", "detect");

    private static string BatchOf(ModelInfo model) => model.FixedBatch == 0 ? "any" : model.FixedBatch.ToString(CultureInfo.InvariantCulture);

    private static NamedLines ToLines(YoloDetector detector, OpeningTimes times)
    {
        ModelInfo model = detector.Model;
        NamedLines lines = new(nameWidth: 12);
        lines.Add("model", model.Path);
        lines.Add("task", TaskOf(model));
        foreach (TensorInfo input in model.Inputs)
        {
            lines.Add("input", input.ToString());
        }

        foreach (TensorInfo output in model.Outputs)
        {
            lines.Add("output", output.ToString());
        }

        lines.Add("layout", FormattableString.Invariant($"{model.Layout}, {model.OutputShape.Rows} x {model.OutputShape.Columns} for each picture"));
        lines.Add("input size", FormattableString.Invariant($"{model.InputWidth}x{model.InputHeight} ({model.InputType})"));
        lines.Add("stride", model.Stride.ToString(CultureInfo.InvariantCulture));
        lines.Add("batch", BatchOf(model));
        lines.Add("names", string.Create(CultureInfo.InvariantCulture, $"{model.ClassCount}: {string.Join(", ", model.Names)}"));
        lines.Add("device", detector.Device);
        foreach (DeviceStatistics device in detector.Statistics.Devices.Where(static device => device.Fault is not null))
        {
            lines.Add("lost", $"{device.Device}: {device.Fault!.Message}");
        }

        lines.Add("graph", detector.GraphChanges);
        int missing = detector.Statistics.MissingBatchSizes;
        string later = missing == 0 ? "" : FormattableString.Invariant($"; left to compile while frames run: {missing} of the batch sizes");
        lines.Add("opened in", $"{times}{later}");
        lines.AddBlock("memory", detector.Memory.ToString());
        return lines;
    }

    private static string ToJson(YoloDetector detector, OpeningTimes times)
    {
        ModelInfo model = detector.Model;
        return JsonText.Write(json =>
        {
            json.WriteString("model"u8, model.Path);
            json.WriteString("task"u8, TaskOf(model));
            WriteTensors(json, "inputs", model.Inputs);
            WriteTensors(json, "outputs", model.Outputs);
            json.WriteString("layout"u8, model.Layout.ToString());
            json.WriteStartArray("output_shape"u8);
            json.WriteNumberValue(model.OutputShape.Rows);
            json.WriteNumberValue(model.OutputShape.Columns);
            json.WriteEndArray();
            json.WriteNumber("input_width"u8, model.InputWidth);
            json.WriteNumber("input_height"u8, model.InputHeight);
            json.WriteString("input_type"u8, model.InputType.ToString());
            json.WriteNumber("stride"u8, model.Stride);
            json.WriteNumber("fixed_batch"u8, model.FixedBatch);
            json.WriteStartArray("names"u8);
            foreach (string name in model.Names)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
            json.WriteString("device"u8, detector.Device);
            json.WriteStartArray("devices"u8);
            foreach (DeviceStatistics device in detector.Statistics.Devices)
            {
                json.WriteStartObject();
                json.WriteString("device"u8, device.Device);
                json.WriteString("fault"u8, device.Fault?.Message);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteString("graph_changes"u8, detector.GraphChanges);
            times.Write(json);
            json.WriteNumber("missing_batch_sizes"u8, detector.Statistics.MissingBatchSizes);
            json.WriteStartObject("memory"u8);
            MemoryPlanJson.Write(json, detector.Memory);
            json.WriteEndObject();
        });
    }

    private static void WriteTensors(Utf8JsonWriter json, string name, IEnumerable<TensorInfo> tensors)
    {
        json.WriteStartArray(name);
        foreach (TensorInfo tensor in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tensor.Name);
            json.WriteString("type"u8, tensor.ElementType);
            json.WriteStartArray("shape"u8);
            foreach (long dimension in tensor.Shape)
            {
                json.WriteNumberValue(dimension);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
