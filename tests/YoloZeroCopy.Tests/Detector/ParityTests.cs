using System.Text.Json;

namespace YoloZeroCopy.Tests;

/// <summary>
/// Detections of the sample model on the sample pictures equal those of the independent reference, PyTorch with OpenCV (samples/model/reference.py):
/// every box with an IoU of at least 0.98 and a score within 0.01, none missing, none extra.
/// </summary>
public sealed class ParityTests
{
    private static readonly string Model = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");
    private static readonly string Pictures = Path.Combine(AppContext.BaseDirectory, "pictures");

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task Detections_equal_the_reference(int batch)
    {
        Dictionary<string, Detection[]> found = await DetectAllAsync(batch);
        using JsonDocument reference = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(Pictures, "reference.json")));
        foreach (JsonProperty picture in reference.RootElement.EnumerateObject())
        {
            Detection[] wanted = [.. picture.Value.GetProperty("detections").EnumerateArray().Select(ReadDetection)];
            AssertSame(picture.Name, wanted, found[picture.Name], minIou: 0.98f, maxScoreDifference: 0.01f);
        }

        Assert.Equal(reference.RootElement.EnumerateObject().Count(), found.Count);
    }

    [Fact]
    public async Task Batches_of_1_and_of_8_agree_within_a_tenth_of_a_pixel()
    {
        Dictionary<string, Detection[]> single = await DetectAllAsync(1);
        Dictionary<string, Detection[]> batched = await DetectAllAsync(8);
        foreach ((string name, Detection[] wanted) in single)
        {
            Detection[] given = batched[name];
            Assert.Equal(wanted.Length, given.Length);
            for (int index = 0; index < wanted.Length; index++)
            {
                Assert.Equal(wanted[index].ClassId, given[index].ClassId);
                Assert.Equal(wanted[index].Score, given[index].Score, 0.001f);
                Assert.Equal(wanted[index].X1, given[index].X1, 0.1f);
                Assert.Equal(wanted[index].Y1, given[index].Y1, 0.1f);
                Assert.Equal(wanted[index].X2, given[index].X2, 0.1f);
                Assert.Equal(wanted[index].Y2, given[index].Y2, 0.1f);
            }
        }
    }

    private static async Task<Dictionary<string, Detection[]>> DetectAllAsync(int batch)
    {
        string[] files =
            [.. Directory.GetFiles(Pictures).Where(static file => Path.GetExtension(file) is ".jpg" or ".png").Order(StringComparer.Ordinal)];
        Assert.Equal(8, files.Length);
        await using YoloDetector detector = YoloDetector.Open(Model, new DetectorOptions
        {
            InputSize = (640, 640),
            MaxBatch = batch,
            MaxBatchDelay = TimeSpan.FromSeconds(5),
            SlotBytes = 3840 * 2160 * 3,
            Slots = 8,
        });
        List<(string Name, Task<DetectionResult> Result)> pending = [];
        foreach (string file in files)
        {
            byte[] bytes = await File.ReadAllBytesAsync(file);
            PictureInfo info = PictureFile.ReadInfo(bytes);
            FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
            FrameSlot slot = await detector.RentAsync(format);
            PictureFile.Decode(bytes, slot.Span, format);
            pending.Add((Path.GetFileName(file), detector.SubmitAsync(slot).AsTask()));
        }

        Dictionary<string, Detection[]> found = [];
        foreach ((string name, Task<DetectionResult> task) in pending)
        {
            using DetectionResult result = await task;
            found.Add(name, result.Detections.ToArray());
        }

        Assert.Equal(8 / batch, detector.Statistics.Batches);
        return found;
    }

    private static Detection ReadDetection(JsonElement element)
    {
        JsonElement box = element.GetProperty("box");
        return new Detection(
            element.GetProperty("class").GetInt32(), element.GetProperty("score").GetSingle(), box[0].GetSingle(), box[1].GetSingle(),
                box[2].GetSingle(), box[3].GetSingle());
    }

    private static void AssertSame(string picture, Detection[] wanted, Detection[] given, float minIou, float maxScoreDifference)
    {
        Assert.True(wanted.Length == given.Length, $"{picture}: {wanted.Length} detections wanted, {given.Length} given");
        List<Detection> left = [.. given];
        foreach (Detection want in wanted)
        {
            Detection best = left.MaxBy(candidate => candidate.ClassId == want.ClassId ? Iou(want, candidate) : -1);
            Assert.True(best.ClassId == want.ClassId && Iou(want, best) >= minIou, $"{picture}: {want} is missing; nearest is {best}");
            Assert.True(Math.Abs(best.Score - want.Score) <= maxScoreDifference, $"{picture}: score {best.Score} instead of {want.Score}");
            Assert.True(left.Remove(best));
        }
    }

    private static float Iou(Detection a, Detection b)
    {
        float width = Math.Max(0, Math.Min(a.X2, b.X2) - Math.Max(a.X1, b.X1));
        float height = Math.Max(0, Math.Min(a.Y2, b.Y2) - Math.Max(a.Y1, b.Y1));
        float both = width * height;
        return both / ((a.Width * a.Height) + (b.Width * b.Height) - both);
    }
}
