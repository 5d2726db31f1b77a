using System.Globalization;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>The sample model on the sample pictures: against the independent reference (PyTorch with OpenCV) and against this library's CPU
/// lane.</summary>
public sealed class GpuParityTests
{
    [GpuTheory]
    [InlineData(1, Precision.Single)]
    [InlineData(8, Precision.Single)]
    [InlineData(1, Precision.Half)]
    [InlineData(8, Precision.Half)]
    public async Task Detections_equal_the_reference_and_those_of_the_processor(int batch, Precision precision)
    {
        bool isHalf = precision == Precision.Half;
        TestPicture[] pictures = TestData.ReadPictures();
        Assert.Equal(8, pictures.Length);
        Detection[][] onProcessor = await RunAsync(TestData.Model, Device.Cpu, 1, precision, pictures);
        Detection[][] onGpu = await RunAsync(TestData.Model, Device.Cuda(), batch, precision, pictures);
        (float box, float score) = (0, 0);
        for (int index = 0; index < pictures.Length; index++)
        {
            string name = pictures[index].Name;
            _ = Same.Check(
                $"{name} against the reference", pictures[index].Reference, onGpu[index], minIou: isHalf ? 0.95f : 0.98f,
                maxScore: isHalf ? 0.02f : 0.01f);
            (float boxHere, float scoreHere) =
                Same.Check(
                    $"{name} against the processor", onProcessor[index], onGpu[index], minIou: isHalf ? 0.95f : 0.98f,
                    maxScore: isHalf ? 0.02f : 0.005f, maxBox: isHalf ? 2 : 0.5f);
            box = Math.Max(box, boxHere);
            score = Math.Max(score, scoreHere);
        }

        Say($"batch {batch}, {precision}: cuda:0 differs from the processor by at most {box:F3} px and {score:F5} of score");
    }

    [GpuFact]
    public async Task The_model_that_YZC_FP16_MODEL_names_repeats_itself_and_equals_the_reference_where_it_is_the_sample_model()
    {
        string? path = Environment.GetEnvironmentVariable("YZC_FP16_MODEL");
        Assert.SkipWhen(string.IsNullOrEmpty(path), "YZC_FP16_MODEL names no model.");
        TestPicture[] pictures = TestData.ReadPictures();
        await using YoloDetector detector = Open(path!, Device.Cuda(), 8);
        Assert.Equal(TensorElementType.Float16, detector.Model.InputType);
        Assert.DoesNotContain("without CUDA graphs", detector.Device, StringComparison.Ordinal);
        Detection[][] first = await Feed.DetectAllAsync(detector, pictures);
        Detection[][] second = await Feed.DetectAllAsync(detector, pictures);
        Assert.Equal(first, second);
        if (!detector.Model.Names.Contains("washer_cracked"))
        {
            Say($"{Path.GetFileName(path)}: {first.Sum(static found => found.Length)} detections, twice the same");
            return;
        }

        (float box, float score) = (0, 0);
        for (int index = 0; index < pictures.Length; index++)
        {
            (float boxHere, float scoreHere) =
                Same.Check(pictures[index].Name, pictures[index].Reference, first[index], minIou: 0.95f, maxScore: 0.02f);
            box = Math.Max(box, boxHere);
            score = Math.Max(score, scoreHere);
        }

        Say($"{Path.GetFileName(path)}: half precision differs from the reference by at most {box:F3} px and {score:F5} of score");
    }

    [GpuTheory]
    [InlineData(Precision.Single)]
    [InlineData(Precision.Half)]
    public async Task Results_that_come_on_the_result_stream_are_those_of_a_lone_frame_to_the_bit(Precision precision)
    {
        TestPicture[] pictures = TestData.ReadPictures();
        await using YoloDetector detector = Open(TestData.Model, Device.Cuda(), 1, precision);
        Detection[][] alone = new Detection[pictures.Length][];
        for (int index = 0; index < pictures.Length; index++)
        {
            alone[index] = await Feed.DetectAsync(detector, pictures[index].Format, pictures[index].Pixels);
        }

        // Many at once, in lanes that use their memory again and again.
        for (int round = 0; round < 25; round++)
        {
            Assert.Equal(alone, await Feed.DetectAllAsync(detector, pictures));
        }
    }

    private static async Task<Detection[][]> RunAsync(string model, Device device, int batch, Precision precision, TestPicture[] pictures)
    {
        await using YoloDetector detector = Open(model, device, batch, precision);
        if (device != Device.Cpu)
        {
            Assert.Contains(precision == Precision.Half ? "cuDNN" : "ONNX Runtime", detector.Device, StringComparison.Ordinal);
        }

        Detection[][] found = await Feed.DetectAllAsync(detector, pictures);
        Assert.Equal(8 / batch, detector.Statistics.Batches);
        Assert.StartsWith(device.Name, detector.Device, StringComparison.Ordinal);
        Assert.DoesNotContain("without CUDA graphs", detector.Device, StringComparison.Ordinal);
        return found;
    }

    private static YoloDetector Open(string model, Device device, int batch, Precision precision = Precision.Auto) =>
        YoloDetector.Open(model, new DetectorOptions
        {
            Device = device,
            Precision = precision,
            InputSize = (640, 640),
            CompileInBackground = false,
            MaxBatch = batch,
            MaxBatchDelay = TimeSpan.FromSeconds(5),
            SlotBytes = 3840 * 2160 * 3,
            Slots = 8,
        });

    private static void Say(FormattableString text) => Console.WriteLine($"  {text.ToString(CultureInfo.InvariantCulture)}");
}
