using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>The program that scores detections against what is in pictures, beside the same measure written once more here.</summary>
public sealed class HeldOutScoreTests : IDisposable
{
    private const int Classes = 8;
    private const int Side = 640;
    private const double Small = 32 * 32;

    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void It_scores_as_the_measure_says(int seed)
    {
        Assert.SkipUnless(YzcProcess.RunShell("command -v python3").ExitCode == 0, "There is no python3.");
        Scene[] scenes = [.. Enumerable.Range(0, 40).Select(index => Scene.Make(new Random((1000 * seed) + index), index))];
        string truth = inputs.Text("truth.json", JsonSerializer.Serialize(scenes.ToDictionary(static scene => scene.Name, static scene => new
        {
            width = scene.Width,
            height = scene.Height,
            objects = scene.Objects.Select(static one => new { @class = one.Class, box = Edges(one) }),
        })));
        string lines = inputs.Text("found.jsonl", string.Concat(scenes.Select(static scene => JsonSerializer.Serialize(new
        {
            source = $"some/folder/{scene.Name}",
            detections = scene.Found.Select(static one => new { @class = one.Class, score = one.Score, box = Edges(one) }),
        }) + "\n")));
        string coco =
            inputs.Text("found.json", "{\"annotations\":" + JsonSerializer.Serialize(scenes.SelectMany(static scene => scene.Found.Select(one => new
            {
                image_id = scene.Index,
                category_id = one.Class,
                bbox = (double[])[one.X1, one.Y1, one.X2 - one.X1, one.Y2 - one.Y1],
                score = one.Score,
            }))) + ",\"images\":" + JsonSerializer.Serialize(scenes.Select(static scene => new { id = scene.Index, file_name = scene.Name })) + "}");

        foreach (string detections in (string[])[lines, coco])
        {
            string json = inputs.File("figures.json");
            string program = SampleAssets.Find("samples/model/held_out.py");
            YzcProcess.RunShell($"python3 -B '{program}' score --truth '{truth}' --detections '{detections}' --json '{json}'").Succeeded();
            using JsonDocument figures = JsonDocument.Parse(File.ReadAllText(json));
            Compare(figures.RootElement.GetProperty("all"), scenes, double.PositiveInfinity);
            Compare(figures.RootElement.GetProperty("small"), scenes, Small);
        }

        // A picture that nobody looked at is no picture without objects.
        string fewer = inputs.Text("fewer.jsonl", string.Join('\n', File.ReadAllLines(lines).Skip(1)));
        YzcResult refused =
            YzcProcess.RunShell($"python3 -B '{SampleAssets.Find("samples/model/held_out.py")}' score --truth '{truth}' --detections '{fewer}'");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains($"lack picture {scenes[0].Name}", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_of_precisions_is_made_of_what_the_tool_finds_and_measures()
    {
        Assert.SkipUnless(YzcProcess.RunShell("command -v python3").ExitCode == 0, "There is no python3.");
        string pictures = inputs.Folder("held-out/pictures");
        inputs.Picture(Path.Combine("held-out", "pictures", "0.png"));
        YzcResult found = YzcProcess.Run("detect", "-m", inputs.Model, "-i", pictures, "--device", "cpu", "--json", "-");
        found.Succeeded();
        using JsonDocument frame = JsonDocument.Parse(found.Output.Split('\n')[0]);
        inputs.Text(Path.Combine("held-out", "truth.json"), JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["0.png"] = new { width = 64, height = 64, objects = frame.RootElement.GetProperty("detections") },
        }));
        string tool = inputs.Text("yzc", $"#!/bin/sh\nexec '{YzcProcess.Host}' '{YzcProcess.ToolPath}' \"$@\"\n");
        string program = SampleAssets.Find("samples/model/accuracy.py");
        string output = inputs.File("accuracy");
        YzcResult table = YzcProcess.RunShell(
            $"chmod +x '{tool}' && python3 -B '{program}' --yzc '{tool}' --model '{inputs.Model}' --held-out '{inputs.File("held-out")}' "
                + $"--output '{output}' --rows single --seconds 0.1 --batch 1");
        table.Succeeded();
        Assert.Contains("| single, processor |", table.Output, StringComparison.Ordinal);
        using JsonDocument rows = JsonDocument.Parse(File.ReadAllText(Path.Combine(output, "accuracy.json")));
        JsonElement row = rows.RootElement.EnumerateArray().Single();
        Assert.Equal(1, row.GetProperty("map50").GetDouble(), 1e-9);
        Assert.All(["engine_fps", "end_to_end_fps", "resident_mib"], name => Assert.True(row.GetProperty(name).GetDouble() > 0, name));
        Assert.Equal(JsonValueKind.Null, row.GetProperty("device_mib").ValueKind);
    }

    private static double[] Edges(FoundObject one) => [one.X1, one.Y1, one.X2, one.Y2];

    private static void Compare(JsonElement given, Scene[] scenes, double largest)
    {
        double[] thresholds = [.. Enumerable.Range(0, 10).Select(static index => 0.5 + (0.05 * index))];
        double[] first = [.. Enumerable.Range(0, Classes).Select(kind => Precision(scenes, kind, thresholds[0], largest))];
        double[] mean =
            [.. Enumerable.Range(0, Classes).Select(kind => thresholds.Average(threshold => Precision(scenes, kind, threshold, largest)))];
        Assert.Equal(
            scenes.Sum(scene => scene.Objects.Count(one => Area(one) * scene.Gain * scene.Gain < largest)), given.GetProperty("objects").GetInt32());
        Assert.Equal(first.Average(), given.GetProperty("ap50").GetDouble(), 1e-9);
        Assert.Equal(mean.Average(), given.GetProperty("ap50_95").GetDouble(), 1e-9);
        Assert.InRange(mean.Average(), 0.2, 0.9);
    }

    /// <summary>Mean over 101 recalls of the best precision at that recall or a higher one, counted from the definition.</summary>
    private static double Precision(Scene[] scenes, int kind, double threshold, double largest)
    {
        int objects = 0;
        List<(double Score, bool IsRight)> counted = [];
        foreach (Scene scene in scenes)
        {
            double limit = largest / (scene.Gain * scene.Gain);
            List<FoundObject> free = [.. scene.Objects.Where(one => one.Class == kind)];
            objects += free.Count(one => Area(one) < limit);
            foreach (FoundObject one in scene.Found.Where(one => one.Class == kind).OrderByDescending(static one => one.Score))
            {
                FoundObject? taken = free.Where(other => Area(other) < limit && one.Overlap(other) >= threshold).MaxBy(one.Overlap);
                bool isWanted = taken is not null;
                taken ??= free.Where(other => one.Overlap(other) >= threshold).MaxBy(one.Overlap);
                if (taken is not null)
                {
                    free.Remove(taken);
                }

                if (isWanted || (taken is null && Area(one) < limit))
                {
                    counted.Add((one.Score, isWanted));
                }
            }
        }

        (double Recall, double Precision)[] curve = [.. counted.OrderByDescending(static one => one.Score).Select((_, rank) => rank).Select(rank =>
        {
            int hits = counted.OrderByDescending(static one => one.Score).Take(rank + 1).Count(static one => one.IsRight);
            return ((double)hits / objects, (double)hits / (rank + 1));
        })];
        return Enumerable.Range(0, 101).Average(
            point => curve.Where(one => one.Recall >= point / 100.0).Select(static one => one.Precision).DefaultIfEmpty(0).Max());
    }

    private static double Area(FoundObject one) => (one.X2 - one.X1) * (one.Y2 - one.Y1);

    /// <summary>A picture with objects, most of which are found, some twice, some beside.</summary>
    private sealed record Scene(int Index, string Name, int Width, int Height, FoundObject[] Objects, FoundObject[] Found)
    {
        public double Gain => (double)Side / Math.Max(Width, Height);

        public static Scene Make(Random random, int index)
        {
            (int width, int height) = index % 3 == 0 ? (640, 640) : (1280, 720);
            List<FoundObject> objects = [];
            List<FoundObject> found = [];
            for (int count = 0; count < 12; count++)
            {
                FoundObject one = Place(random, width, height, 1);
                objects.Add(one);
                for (int copy = 0; copy < random.Next(3); copy++)
                {
                    double shift = (one.X2 - one.X1) * 0.25 * random.NextDouble();
                    int kind = random.Next(8) == 0 ? random.Next(Classes) : one.Class;
                    found.Add(new FoundObject(kind, random.NextDouble(), one.X1 + shift, one.Y1, one.X2 + shift, one.Y2));
                }

                if (random.Next(3) == 0)
                {
                    found.Add(Place(random, width, height, random.NextDouble() * 0.6));
                }
            }

            return new Scene(index, $"{index:000}.png", width, height, [.. objects], [.. found]);
        }

        private static FoundObject Place(Random random, int width, int height, double score)
        {
            double size = random.Next(2) == 0 ? random.Next(12, 40) : random.Next(40, 150);
            double x = random.NextDouble() * (width - size);
            double y = random.NextDouble() * (height - size);
            return new FoundObject(random.Next(Classes), score, x, y, x + size, y + (size * (0.7 + (0.3 * random.NextDouble()))));
        }
    }
}
