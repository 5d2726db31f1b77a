using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>The sample model on the sample pictures, through the tool, against the detections its own PyTorch network gives
/// (samples/model/reference.py).</summary>
public sealed class ParityTests
{
    private const double LeastIou = 0.98;
    private const double ScoreTolerance = 0.01;
    private const double BatchBoxTolerance = 0.1;
    private const double BatchScoreTolerance = 0.001;

    [Fact]
    public void Detections_equal_the_reference_and_do_not_depend_on_the_batch()
    {
        Dictionary<string, List<Found>> one = Detect("1");
        Dictionary<string, List<Found>> eight = Detect("8");
        using JsonDocument reference = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(SampleAssets.Pictures, "reference.json")));
        int compared = 0;
        foreach (JsonProperty picture in reference.RootElement.EnumerateObject())
        {
            if (picture.Value.ValueKind != JsonValueKind.Object || !picture.Value.TryGetProperty("detections", out JsonElement detections))
            {
                continue;
            }

            List<Found> expected = [.. detections.EnumerateArray().Select(Read)];
            compared += expected.Count;
            Match(picture.Name, expected, one[picture.Name], static (a, b) => Iou(a.Box, b.Box) >= LeastIou
                && Math.Abs(a.Score - b.Score) <= ScoreTolerance);
            Match(picture.Name, one[picture.Name], eight[picture.Name], static (a, b) => Math.Abs(a.Score - b.Score) <= BatchScoreTolerance
                && IsNear(a.Box, b.Box));
        }

        Assert.True(compared > 50, $"{compared} boxes compared");
    }

    private static Dictionary<string, List<Found>> Detect(string batch)
    {
        Dictionary<string, List<Found>> found = [];
        string pictures = Path.Combine(SampleAssets.Pictures, "*.[jp][pn]g");
        foreach (string line in YzcProcess.Run(
            "detect", "--model", SampleAssets.Model, "--input", pictures, "--json", "-", "--batch", batch).Succeeded().Lines)
        {
            using JsonDocument parsed = JsonDocument.Parse(line);
            found.Add(parsed.RootElement.GetProperty("source").GetString()!,
                [.. parsed.RootElement.GetProperty("detections").EnumerateArray().Select(Read)]);
        }

        return found;
    }

    private static Found Read(JsonElement detection) => new(
        detection.GetProperty("class").GetInt32(),
        detection.GetProperty("name").GetString()!,
        detection.GetProperty("score").GetDouble(),
        [.. detection.GetProperty("box").EnumerateArray().Select(static edge => edge.GetDouble())]);

    // Each expected box takes one of the found ones; none may be left on either side.
    private static void Match(string picture, List<Found> expected, List<Found> found, Func<Found, Found, bool> equal)
    {
        List<Found> left = [.. found];
        foreach (Found item in expected)
        {
            int index = left.FindIndex(other => other.ClassId == item.ClassId && other.Name == item.Name && equal(item, other));
            Assert.True(index >= 0, $"{picture}: {item} is missing");
            left.RemoveAt(index);
        }

        Assert.True(left.Count == 0, $"{picture}: {left.Count} are too many");
    }

    private static bool IsNear(double[] one, double[] other) =>
        one.Zip(other).All(static pair => Math.Abs(pair.First - pair.Second) <= BatchBoxTolerance);

    private static double Iou(double[] one, double[] other)
    {
        double width = Math.Min(one[2], other[2]) - Math.Max(one[0], other[0]);
        double height = Math.Min(one[3], other[3]) - Math.Max(one[1], other[1]);
        double shared = Math.Max(0, width) * Math.Max(0, height);
        return shared / (((one[2] - one[0]) * (one[3] - one[1])) + ((other[2] - other[0]) * (other[3] - other[1])) - shared);
    }

    private sealed record Found(int ClassId, string Name, double Score, double[] Box);
}
