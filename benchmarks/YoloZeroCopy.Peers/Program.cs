using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using YoloZeroCopy;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Peers;
using YoloZeroCopy.Results;

// Ways from a picture to detections beside each other: by turns in one process, with the same model and pictures.
const string Usage = """
    YoloZeroCopy.Peers --model FILE --pictures FOLDER [--device cpu|cuda] [--seconds N] [--result FILE]

    --model     an ONNX model whose output is [batch, 4 + classes, anchors] at 640x640
    --pictures  JPEGs and PNGs; they are scaled to 1920x1080
    --device    where the models run; on cuda ONNX Runtime needs its CUDA build (YZC_ONNXRUNTIME)
    --seconds   time of each way; 10
    --result    writes a result file
    """;
const int Rounds = 5;

Dictionary<string, string> options = new(StringComparer.Ordinal);
for (int place = 0; place + 1 < args.Length; place += 2)
{
    options[args[place]] = args[place + 1];
}

string[] known = ["--model", "--pictures", "--device", "--seconds", "--result"];
string device = options.GetValueOrDefault("--device", "cpu");
if (args.Length % 2 != 0 || options.Keys.Except(known).Any() || !options.TryGetValue("--model", out string? model)
    || !options.TryGetValue("--pictures", out string? pictures) || device is not ("cpu" or "cuda")
    || !double.TryParse(options.GetValueOrDefault("--seconds", "10"), CultureInfo.InvariantCulture, out double seconds)
    || seconds is not (> 0 and < 3600))
{
    Console.Error.WriteLine(Usage);
    return 2;
}

bool isCuda = device == "cuda";
RuntimeLibrary.UseThatOfTheLibrary();
Frame[] frames = [.. Directory.EnumerateFiles(pictures).Where(static file => file.EndsWith(".jpg", StringComparison.Ordinal)
    || file.EndsWith(".png", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(Read)];
Machine machine = Machine.Here(typeof(YoloDetector).Assembly, isCuda ? CudaDevice.Get(0).Name : null);
List<Way> ways = [];
try
{
    Device ours = isCuda ? Device.Cuda() : Device.Cpu;
    int slotBytes = frames.Max(static frame => frame.Format.ByteCount);
    ways.Add(new LibraryWay(model, ours, slotBytes, ahead: 1));
    ways.Add(new LibraryWay(model, ours, slotBytes, ahead: 4));
    ways.Add(new RuntimeWay(model, isCuda, "tensor by a plain loop", PlainLoop.Fill));
    if (OpenCvWay.CanBeUsed(out string? why))
    {
        ways.Add(new RuntimeWay(model, isCuda, "tensor by OpenCvSharp4", OpenCvWay.Fill));
        if (!isCuda)
        {
            // The package's OpenCV has no CUDA.
            string fixedModel = FixSizes(model);
            ways.Add(new OpenCvWay(fixedModel));
            File.Delete(fixedModel);
        }
    }
    else
    {
        Console.WriteLine($"without OpenCvSharp4: {why}");
    }

    // What each finds, and that it runs, before anything is measured.
    Detection[][] wanted = await FindAllAsync(ways[0]);
    List<double> agreement = [];
    foreach (Way way in ways)
    {
        agreement.Add(Agreement(wanted, await FindAllAsync(way)));
    }

    Measurement[] measurements = [.. ways.Select(static way => new Measurement(way))];
    TimeSpan slice = TimeSpan.FromSeconds(seconds / Rounds);
    for (int round = 0; round < Rounds; round++)
    {
        // Forth and back, so that none is always the first.
        foreach (Measurement measurement in round % 2 == 0 ? measurements : measurements.Reverse())
        {
            await measurement.RunAsync(frames, slice);
        }
    }

    OrderedDictionary<string, Figure> figures = new(StringComparer.Ordinal);
    for (int place = 0; place < measurements.Length; place++)
    {
        Measurement one = measurements[place];
        string name = one.Way.Name;
        figures[$"{name}: frames/s"] = new Figure(one.Rate, "", Better.Higher, BenchFigures.Deviation(one.Rates));
        figures[$"{name}: latency p50"] = new Figure(one.Latency(0.5), "ms", Better.Lower);
        figures[$"{name}: latency p99"] = new Figure(one.Latency(0.99), "ms", Better.Lower);
        figures[$"{name}: processor time a frame"] =
            new Figure(one.ProcessorMilliseconds, "ms", Better.Lower, BenchFigures.Deviation(one.Processor));
        figures[$"{name}: managed bytes a frame"] = new Figure(one.Bytes, "B", Better.Lower);
        figures[$"{name}: same detections, %"] = new Figure(100 * agreement[place], "", Better.Neither);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: {one.Rate:0.0} frames/s, p50 {one.Latency(0.5):0.00} ms, p99 {one.Latency(0.99):0.00} ms, "
            + $"{one.ProcessorMilliseconds:0.00} ms of processor time and {one.Bytes:0} managed bytes a frame, "
            + $"{100 * agreement[place]:0.0} % the same detections"));
    }

    if (options.TryGetValue("--result", out string? result))
    {
        new ResultFile("peers", machine, figures).Write(result);
    }
}
finally
{
    foreach (Way way in ways)
    {
        way.Dispose();
    }
}

return 0;

// To one size by taking the nearest pixel, so that nothing but the library is needed for it.
static Frame Read(string path)
{
    const int Width = 1920;
    const int Height = 1080;
    byte[] pixels = PictureFile.Read(path, out FrameFormat format);
    byte[] scaled = new byte[Width * Height * 3];
    for (int y = 0; y < Height; y++)
    {
        for (int x = 0; x < Width; x++)
        {
            int from = (y * format.Height / Height * format.Stride) + (x * format.Width / Width * 3);
            pixels.AsSpan(from, 3).CopyTo(scaled.AsSpan(((y * Width) + x) * 3));
        }
    }

    return new Frame(scaled, Width, Height);
}

async Task<Detection[][]> FindAllAsync(Way way)
{
    List<Detection[]> all = [];
    foreach (Frame frame in frames)
    {
        all.Add(await way.DetectAsync(frame));
    }

    return [.. all];
}

// Of all detections of both the part that has one of its class at the same place in the other.
static double Agreement(Detection[][] some, Detection[][] others)
{
    const float SamePlace = 0.9f;
    int both = 0;
    int all = 0;
    for (int frame = 0; frame < some.Length; frame++)
    {
        all += some[frame].Length + others[frame].Length;
        both += Count(some[frame], others[frame]) + Count(others[frame], some[frame]);
    }

    return all == 0 ? 1 : (double)both / all;

    static int Count(Detection[] of, Detection[] among) => of.Count(
        one => among.Any(other => other.ClassId == one.ClassId && YoloOutput.Overlap(one, other) >= SamePlace));
}

// A model of free size with its sizes fixed, and what follows from them computed: OpenCV reads no other.
static string FixSizes(string model)
{
    string path = Path.Combine(Path.GetTempPath(), $"peers-{Guid.NewGuid():N}.onnx");
    using SessionOptions options = new() { GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_BASIC, OptimizedModelFilePath = path };
    options.AddFreeDimensionOverrideByName("batch", 1);
    options.AddFreeDimensionOverrideByName("height", YoloOutput.InputSize);
    options.AddFreeDimensionOverrideByName("width", YoloOutput.InputSize);
    using InferenceSession session = new(model, options);
    return path;
}
