using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>The tool's outputs in formats of others, read by programs that know only those formats, against what the library's own call
/// gives.</summary>
public sealed class RoundTripTests(RoundTripTests.Run run) : IClassFixture<RoundTripTests.Run>
{
    private const int NotInstalled = 77;

    // Six significant digits of a width of 3840, twice.
    private const double LabelTolerance = 0.01;
    private const double CocoTolerance = 0.0015;
    private const double ScoreTolerance = 1e-5;

    [Fact]
    public void Labels_are_read_by_a_program_that_knows_only_the_format()
    {
        string pictures = string.Join(' ', run.Pictures.Select(static picture => $"'{picture}'"));
        Compare(Read("read_yolo.py", $"'{Path.Combine(run.Folder, "labels")}' {pictures}"), LabelTolerance);
    }

    [Fact]
    public void Coco_is_read_by_a_program_that_knows_only_the_format() => Compare(Read("read_coco.py", $"'{run.Coco}'"), CocoTolerance);

    [Fact]
    public void Coco_is_read_and_evaluated_by_pycocotools() => Compare(Read("read_pycocotools.py", $"'{run.Coco}'"), CocoTolerance);

    private static Dictionary<string, double[][]> Read(string script, string arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs a shell.");
        Assert.SkipUnless(YzcProcess.RunShell("command -v python3").ExitCode == 0, "There is no python3.");
        string file = SampleAssets.Find($"tests/YoloZeroCopy.Cli.Tests/readers/{script}");
        YzcResult result = YzcProcess.RunShell($"python3 '{file}' {arguments}");
        Assert.SkipWhen(result.ExitCode == NotInstalled, "python3 has no pycocotools.");
        Assert.True(result.ExitCode == 0, result.ToString());
        return JsonSerializer.Deserialize<Dictionary<string, double[][]>>(result.Output)!;
    }

    private void Compare(Dictionary<string, double[][]> read, double tolerance)
    {
        Assert.Equal(run.Expected.Keys.Order(StringComparer.Ordinal), read.Keys.Order(StringComparer.Ordinal));
        Assert.True(run.Expected.Values.Sum(static detections => detections.Length) > 50);
        foreach ((string name, Detection[] detections) in run.Expected)
        {
            Assert.Equal(detections.Length, read[name].Length);
            foreach ((Detection wanted, double[] found) in detections.Zip(read[name]))
            {
                Assert.Equal(wanted.ClassId, found[0]);
                Assert.Equal(wanted.X1, found[1], tolerance);
                Assert.Equal(wanted.Y1, found[2], tolerance);
                Assert.Equal(wanted.X2, found[3], tolerance);
                Assert.Equal(wanted.Y2, found[4], tolerance);
                Assert.Equal(wanted.Score, found[5], ScoreTolerance);
            }
        }
    }

    /// <summary>One run of the tool for all tests, and the library's own detections of the same pictures.</summary>
    public sealed class Run : IAsyncLifetime
    {
        private readonly TestInputs inputs = new();

        internal string Folder => inputs.File("out");

        internal string Coco => inputs.File("coco.json");

        internal string[] Pictures { get; private set; } = [];

        internal Dictionary<string, Detection[]> Expected { get; } = [];

        public async ValueTask InitializeAsync()
        {
            // A picture of nothing, too: it has an image in COCO, and no labels.
            string empty = inputs.File("empty.png");
            FrameFormat gray = new(PixelFormat.Bgr24, 640, 480);
            byte[] pixels = new byte[gray.ByteCount];
            Array.Fill(pixels, (byte)128);
            PictureFile.WritePng(empty, pixels, gray);
            Pictures = [.. Directory.GetFiles(SampleAssets.Pictures).Where(FileKind.IsPictureName).Order(StringComparer.Ordinal), empty];
            string[] outputs = ["--output", Folder, "--save-txt", "--save-conf", "--coco", Coco];
            YzcProcess.Run(["detect", "--model", SampleAssets.Model, "--device", "cpu", .. outputs, "--input", .. Pictures]).Succeeded();
            DetectorOptions options = new() { Device = Device.Cpu, SlotBytes = 3 * 3840 * 2160 };
            await using YoloDetector detector = YoloDetector.Open(SampleAssets.Model, options);
            foreach (string picture in Pictures)
            {
                using DetectionResult result = await detector.DetectAsync(picture);
                Expected[Path.GetFileName(picture)] = result.Detections.ToArray();
            }
        }

        public ValueTask DisposeAsync()
        {
            inputs.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
