using System.Diagnostics;
using System.Globalization;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>The engine of our own on cuDNN: what it finds at every input size, how it opens, what it leaves behind.</summary>
public sealed class GpuCudnnTests : IDisposable
{
    // Untrained models are sure of little.
    private const float LowThreshold = 0.001f;

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuTheory]
    [InlineData(640, 640, 8)]
    [InlineData(320, 320, 4)]
    [InlineData(640, 384, 2)]
    [InlineData(96, 1280, 1)]
    public async Task Detections_are_those_of_the_processor_at_every_input_size(int width, int height, int batch)
    {
        TestPicture[] pictures = TestData.ReadPictures();
        await using YoloDetector onProcessor = Open(Device.Cpu, (width, height), 1);
        await using YoloDetector onGpu = Open(Device.Cuda(), (width, height), batch);
        Assert.Contains("cuDNN", onGpu.Device, StringComparison.Ordinal);
        Assert.Contains("channels last", onGpu.GraphChanges, StringComparison.Ordinal);
        Detection[][] wanted = await Feed.DetectAllAsync(onProcessor, pictures);
        Detection[][] given = await Feed.DetectAllAsync(onGpu, pictures);
        Detection[][] again = await Feed.DetectAllAsync(onGpu, pictures);
        Assert.Equal(given, again);
        (float box, float score, int count) = (0, 0, 0);
        for (int index = 0; index < pictures.Length; index++)
        {
            // One that is a hair above the threshold on one side may be a hair below it on the other.
            Detection[] clear = [.. wanted[index].Where(static detection => detection.Score > 0.3f)];
            foreach (Detection want in clear)
            {
                Detection best = given[index].Where(one => one.ClassId == want.ClassId).MinBy(one => Distance(one, want));
                (float boxHere, float scoreHere) = Same.Check(pictures[index].Name, [want], [best], minIou: 0.9f, maxScore: 0.03f);
                (box, score, count) = (Math.Max(box, boxHere), Math.Max(score, scoreHere), count + 1);
            }
        }

        Assert.True(count > 0);
        Say($"{width}x{height}, batch {batch}: {count} detections, at most {box:F3} px and {score:F5} of score from the processor's");
    }

    /// <summary>Every layer and every kind of head: splits, pools, depthwise convolutions, attention, anchor boxes, no suppression.</summary>
    [GpuTheory]
    [InlineData("yolov5n")]
    [InlineData("yolov8n")]
    [InlineData("yolov9t")]
    [InlineData("yolov10n")]
    [InlineData("yolo11n")]
    [InlineData("yolo12n")]
    [InlineData("yolo26n")]
    public async Task Every_architecture_finds_what_the_processor_finds(string name)
    {
        TestPicture[] pictures = TestData.ReadPictures();
        string model = TestData.Architecture(name);
        await using YoloDetector onProcessor = Open(Device.Cpu, (640, 640), 1, cache: null, model, LowThreshold);
        await using YoloDetector onGpu = Open(Device.Cuda(), (640, 640), 4, cache: null, model, LowThreshold);
        Assert.Contains("cuDNN", onGpu.Device, StringComparison.Ordinal);
        Detection[][] wanted = await Feed.DetectAllAsync(onProcessor, pictures);
        Detection[][] given = await Feed.DetectAllAsync(onGpu, pictures);
        (int count, int matched) = (0, 0);
        (float box, float score) = (0, 0);
        for (int index = 0; index < pictures.Length; index++)
        {
            foreach (Detection want in wanted[index].Take(50))
            {
                count++;
                Detection best = given[index].Where(one => one.ClassId == want.ClassId).OrderBy(one => Distance(one, want)).FirstOrDefault();
                float scoreHere = Math.Abs(best.Score - want.Score);
                float boxHere = Distance(best, want) / (want.Width + want.Height);
                if (scoreHere <= 0.01f + (0.1f * want.Score) && boxHere <= 0.05f)
                {
                    (matched, box, score) = (matched + 1, Math.Max(box, boxHere), Math.Max(score, scoreHere));
                }
            }
        }

        // Nets of random weights give crowds of boxes of nearly the same score, of which half precision suppresses others now and then.
        Say($"{name}: {matched} of {count} detections, at most {box:P2} of the box's sides and {score:F5} of score from the processor's");
        Assert.True(count > 0 && matched >= 0.97 * count, $"{name}: {matched} of {count} detections of the processor are found");
    }

    [GpuFact]
    public async Task A_second_opening_reads_what_the_first_one_compiled()
    {
        string cache = folder.File("engines");
        Detection[][]? first = null;
        TestPicture[] pictures = TestData.ReadPictures();
        foreach (string which in (string[])["first", "second"])
        {
            long start = Stopwatch.GetTimestamp();
            await using YoloDetector detector = Open(Device.Cuda(), (640, 640), 8, cache);
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            FileInfo[] files = new DirectoryInfo(cache).GetFiles();
            Say($"{which} opening {took.TotalSeconds:F2} s, {files.Length} files of {files.Sum(static file => file.Length) >> 10} KiB");
            Assert.NotEmpty(files);
            Detection[][] found = await Feed.DetectAllAsync(detector, pictures);
            first ??= found;
            Assert.Equal(first, found);
        }
    }

    private static float Distance(Detection one, Detection other) =>
        Math.Abs(one.X1 - other.X1) + Math.Abs(one.Y1 - other.Y1) + Math.Abs(one.X2 - other.X2) + Math.Abs(one.Y2 - other.Y2);

    private static YoloDetector Open(Device device, (int Width, int Height) input, int batch, string? cache = null, string? model = null,
        float threshold = 0.25f) => YoloDetector.Open(
        model ?? TestData.Model, new DetectorOptions
        {
            Device = device,
            InputSize = input,
            Precision = Precision.Half,
            ScoreThreshold = threshold,
            EngineCacheFolder = cache,
            MaxBatch = batch,
            MaxBatchDelay = TimeSpan.FromSeconds(5),
            SlotBytes = 3840 * 2160 * 3,
            Slots = 8,
        });

    private static void Say(FormattableString text) => Console.WriteLine($"  {text.ToString(CultureInfo.InvariantCulture)}");
}
