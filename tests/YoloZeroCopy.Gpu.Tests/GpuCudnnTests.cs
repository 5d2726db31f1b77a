using System.Diagnostics;
using System.Globalization;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>The engine of our own on cuDNN: what it finds at every input size, how it opens, what it leaves behind.</summary>
public sealed class GpuCudnnTests : IDisposable
{
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

    private static YoloDetector Open(Device device, (int Width, int Height) input, int batch, string? cache = null) => YoloDetector.Open(
        TestData.Model, new DetectorOptions
        {
            Device = device,
            InputSize = input,
            Precision = Precision.Half,
            EngineCacheFolder = cache,
            MaxBatch = batch,
            MaxBatchDelay = TimeSpan.FromSeconds(5),
            SlotBytes = 3840 * 2160 * 3,
            Slots = 8,
        });

    private static void Say(FormattableString text) => Console.WriteLine($"  {text.ToString(CultureInfo.InvariantCulture)}");
}
