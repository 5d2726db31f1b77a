using System.Text.Json;
using InspectLine;

namespace YoloZeroCopy.Tests;

public sealed class DetectionWriterTests
{
    [Fact]
    public void Writes_one_object_a_frame_that_reads_back()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("detections.jsonl");
        using (DetectionWriter writer = new(path, "a \"quoted\"\nname.mp4", ["washer", "Schraube ø"]))
        {
            writer.Write(7, new FrameFormat(PixelFormat.Bgr24, 1920, 1080),
                [new Detection(1, 0.93811f, 1.006f, 2.5f, 1919.994f, 1080f), new Detection(0, 0.25f, 0, 0, 1, 1)]);
            writer.Write(8, new FrameFormat(PixelFormat.Bgr24, 1920, 1080), []);
        }

        string[] lines = File.ReadAllLines(path);
        Assert.Equal(2, lines.Length);
        Assert.EndsWith("\n", File.ReadAllText(path), StringComparison.Ordinal);
        using JsonDocument first = JsonDocument.Parse(lines[0]);
        JsonElement root = first.RootElement;
        Assert.Equal(["source", "frame", "width", "height", "detections"], root.EnumerateObject().Select(property => property.Name));
        Assert.Equal("a \"quoted\"\nname.mp4", root.GetProperty("source").GetString());
        Assert.Equal(
            (7, 1920, 1080), (root.GetProperty("frame").GetInt64(), root.GetProperty("width").GetInt32(), root.GetProperty("height").GetInt32()));
        JsonElement found = root.GetProperty("detections")[0];
        Assert.Equal((1, "Schraube ø", "0.93811"),
            (found.GetProperty("class").GetInt32(), found.GetProperty("name").GetString(), found.GetProperty("score").GetRawText()));
        Assert.Equal([1.01, 2.5, 1919.99, 1080], found.GetProperty("box").EnumerateArray().Select(side => side.GetDouble()));

        Assert.Equal("""{"source":"a \u0022quoted\u0022\nname.mp4","frame":8,"width":1920,"height":1080,"detections":[]}""", lines[1]);
    }
}
