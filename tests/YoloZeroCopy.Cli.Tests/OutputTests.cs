using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>What is written, and into which folder.</summary>
public sealed class OutputTests : IDisposable
{
    private static readonly ImmutableArray<string> Names = ["nut", "hex, \"bolt\"", "tri"];

    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    // What Python's "%g" makes of the same in single precision.
    [Theory]
    [InlineData(0, 12.3456f, 7.891f, 333.333f, 479.999f, 640, 480, 0.938149f, "0 0.270061 0.508219 0.501543 0.983558 0.938149")]
    [InlineData(79, 0, 0, 1919.9996f, 1e-3f, 1920, 1080, 1, "79 0.5 4.62963e-07 1 9.25926e-07 1")]
    [InlineData(2, 5, 5, 5.0000005f, 6, 8192, 8192, 0.25f, "2 0.000610352 0.000671387 5.82077e-11 0.00012207 0.25")]
    [InlineData(1000000, 100.1f, 200.2f, 300.3f, 400.4f, 1013, 777, 0.1f, "1e+06 0.197631 0.386486 0.197631 0.257658 0.1")]
    public void A_label_is_theirs_to_the_digit(
        int classId, float x1, float y1, float x2, float y2, int width, int height, float score, string wanted)
    {
        Detection[] detections = [new(classId, score, x1, y1, x2, y2)];
        Assert.Equal(wanted + "\n", Label(withScores: true));
        Assert.Equal(wanted[..wanted.LastIndexOf(' ')] + "\n", Label(withScores: false));

        string Label(bool withScores)
        {
            ArrayBufferWriter<byte> text = new();
            LabelFiles.Append(text, detections, new FrameFormat(PixelFormat.Gray8, width, height), withScores);
            return Encoding.UTF8.GetString(text.WrittenSpan);
        }
    }

    [Fact]
    public async Task A_table_has_a_row_for_each_detection()
    {
        string file = inputs.File("made/of/folders/out.csv");
        await using (CsvLines table = new(LineWriter.Open(file), Names))
        {
            Detection[] two = [new(1, 0.938149f, 0, 1.23456f, 99.9996f, 1e-7f), new(7, 1, 1, 2, 3, 4)];
            table.Write("a,b.jpg", 0, time: null, 640, 480, two);
            table.Write("none.jpg", 0, time: null, 640, 480, []);
            table.Write("c.mp4", 1_234_567, TimeSpan.FromSeconds(49382.68), 8192, 8192, [new Detection(0, 0.5f, 1, 2, 3, 4)]);
            await table.CompleteAsync();
        }

        string[] wanted =
        [
            "source,frame,time,width,height,class,name,score,x1,y1,x2,y2",
            "\"a,b.jpg\",0,,640,480,1,\"hex, \"\"bolt\"\"\",0.93815,0,1.235,100,0",
            "\"a,b.jpg\",0,,640,480,7,class7,1,1,2,3,4",
            "c.mp4,1234567,49382.68,8192,8192,0,nut,0.5,1,2,3,4",
        ];
        Assert.Equal(wanted, await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Coco_has_images_annotations_and_categories()
    {
        string file = inputs.File("out.json");
        await using (CocoFile coco = new(LineWriter.Open(file), Names))
        {
            Detection[] two = [new(1, 0.938149f, 10, 20, 40, 60.5f), new(9, 1, 1, 2, 3, 4)];
            coco.Write("größe.jpg", "größe.jpg", 0, time: null, 640, 480, two);
            coco.Write("none.jpg", "none.jpg", 0, time: null, 64, 48, []);
            coco.Write("clip_8.jpg", "clip.mp4", 7, TimeSpan.FromSeconds(0.28), 64, 48, [new Detection(0, 0.5f, 1, 2, 3, 4)]);
            await coco.CompleteAsync();
        }

        const string Wanted =
            """
            {"annotations":[
            {"id":1,"image_id":1,"category_id":1,"bbox":[10,20,30,40.5],"area":1215,"segmentation":[],"iscrowd":0,"score":0.93815}
            ,{"id":2,"image_id":1,"category_id":9,"bbox":[1,2,2,2],"area":4,"segmentation":[],"iscrowd":0,"score":1}
            ,{"id":3,"image_id":3,"category_id":0,"bbox":[1,2,2,2],"area":4,"segmentation":[],"iscrowd":0,"score":0.5}
            ],"images":[
            {"id":1,"file_name":"größe.jpg","width":640,"height":480}
            ,{"id":2,"file_name":"none.jpg","width":64,"height":48}
            ,{"id":3,"file_name":"clip_8.jpg","width":64,"height":48,"video":"clip.mp4","frame":7,"time":0.28}
            ],"categories":[
            {"id":0,"name":"nut"}
            ,{"id":1,"name":"hex, \"bolt\""}
            ,{"id":2,"name":"tri"}
            ,{"id":9,"name":"class9"}
            ]}

            """;
        string text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        Assert.Equal(Wanted, text);
        JsonDocument.Parse(text).Dispose();
    }

    [Fact]
    public async Task Without_frames_coco_is_whole()
    {
        string file = inputs.File("out.json");
        await using (CocoFile coco = new(LineWriter.Open(file), []))
        {
            await coco.CompleteAsync();
        }

        using JsonDocument parsed = JsonDocument.Parse(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        Assert.All(["images", "annotations", "categories"], name => Assert.Equal(0, parsed.RootElement.GetProperty(name).GetArrayLength()));
    }

    // The formula: a box grows by 2 % and 10 pixels around its centre, edges cut to whole pixels and to the frame.
    [Theory]
    [InlineData(100, 100, 200, 150, 94, 94, 112, 61)]
    [InlineData(0, 0, 20, 20, 0, 0, 25, 25)]
    [InlineData(600, 440, 640, 480, 594, 434, 46, 46)]
    [InlineData(50, 50, 50, 50, 45, 45, 10, 10)]
    public void A_crop_has_the_margin_of_theirs(float x1, float y1, float x2, float y2, int x, int y, int width, int height) =>
        Assert.Equal((x, y, width, height), CropFiles.Area(new Detection(0, 1, x1, y1, x2, y2), 640, 480));

    [Fact]
    public void All_outputs_at_once()
    {
        string folder = inputs.Folder("in");
        inputs.Picture("in/a.png", 128, 96);
        inputs.Picture("in/b.jpg");
        inputs.Text("in/c.jpg", "no picture");
        string results = inputs.File("results");
        string[] detect =
        [
            "detect", "--model", inputs.Model, "--input", folder, SampleAssets.Clip, "--frames", "2", "--output", Path.Combine(results, "run"),
            "--save", "--save-txt", "--save-conf", "--save-crop", "--json", Path.Combine(results, "lines/out.jsonl"),
            "--csv", Path.Combine(results, "out.csv"), "--coco", Path.Combine(results, "out.json"),
        ];
        YzcResult result = YzcProcess.Run(detect);
        result.Failed(ExitCode.InputFailed, "c.jpg");
        Assert.Empty(result.Output);
        string[] frames = ["a", "b", "conveyor_1", "conveyor_2"];
        IEnumerable<string> crops = frames.SelectMany(static name => (string[])[$"crops/part1/{name}.jpg", $"crops/part2/{name}.jpg"]);
        string[] wanted =
        [
            "a.png", "b.jpg", "conveyor.mp4", .. crops, .. frames.Select(static name => $"labels/{name}.txt"),
        ];
        Assert.Equal(wanted.Order(StringComparer.Ordinal), FilesIn(Path.Combine(results, "run")));
        Assert.Equal(5, File.ReadAllLines(Path.Combine(results, "lines/out.jsonl")).Length);
        Assert.Equal(1 + (4 * 2), File.ReadAllLines(Path.Combine(results, "out.csv")).Length);

        // The first object's box is 24, 20 to 56, 44 in the picture of 128 x 96.
        string label = File.ReadLines(Path.Combine(results, "run/labels/a.txt")).First();
        Assert.Matches(@"^1 0\.3125 0\.333333 0\.25 0\.25 0\.\d+$", label);
        PictureInfo crop = PictureFile.ReadInfo(Path.Combine(results, "run/crops/part1/a.jpg"));
        (int _, int _, int width, int height) = CropFiles.Area(new Detection(1, 1, 24, 20, 56, 44), 128, 96);
        Assert.Equal((width, height), (crop.Width, crop.Height));
    }

    [Fact]
    public void Every_run_has_a_folder_of_its_own()
    {
        string picture = inputs.Picture("a.png");
        string here = inputs.Folder("here");
        string run = $"cd '{here}' && yzc detect --model '{inputs.Model}' --input '{picture}' --csv /dev/null --save-txt";
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs a shell.");
        Assert.Equal("results are in 'runs/detect/predict'\n", YzcProcess.RunShell(run).Error);
        Assert.Equal("results are in 'runs/detect/predict2'\n", YzcProcess.RunShell(run).Error);

        // Two that begin together.
        YzcProcess.RunShell($"({run} --project p --name n) & ({run} --project p --name n); wait");
        YzcProcess.RunShell($"{run} --exist-ok").Succeeded();
        string[] wanted = ["p/n/labels/a.txt", "p/n2/labels/a.txt", "runs/detect/predict/labels/a.txt", "runs/detect/predict2/labels/a.txt"];
        Assert.Equal(wanted, FilesIn(here));
    }

    [Fact]
    public void A_folder_that_holds_results_is_not_mixed_silently()
    {
        string picture = inputs.Picture("a.jpg");
        string folder = inputs.File("out");
        string[] detect = ["detect", "--model", inputs.Model, "--input", picture, "--json", "-", "--output", folder, "--save-txt", "--save"];
        YzcProcess.Run(detect).Succeeded();
        File.WriteAllText(Path.Combine(folder, "labels/old.txt"), "old");
        YzcResult again = YzcProcess.Run(detect);
        Assert.Equal(ExitCode.Done, again.ExitCode);
        Assert.Contains("holds results already", again.Error, StringComparison.Ordinal);
        Assert.Contains("--exist-ok", again.Error, StringComparison.Ordinal);

        // Without objects this time, so that the label of the same name goes, and the other stays.
        YzcProcess.Run([.. detect, "--exist-ok", "--conf", "1"]).Succeeded();
        Assert.Equal(["a.jpg", "labels/old.txt"], FilesIn(folder));
    }

    [Theory]
    [InlineData("--output out --name n", "--output names the folder")]
    [InlineData("--save-conf", "--save-conf adds to --save-txt")]
    [InlineData("--json - --csv -", "one of --json, --csv and --coco")]
    public void Outputs_that_contradict_each_other_are_refused(string options, string words) =>
        YzcProcess.Run(["detect", "--model", "m.onnx", "--input", "a.jpg", .. options.Split(' ')]).Failed(ExitCode.WrongArguments, words);

    [Fact]
    public void A_label_never_replaces_the_model()
    {
        string folder = inputs.Folder("out/labels");
        string picture = inputs.Picture("a.jpg");
        byte[] model = File.ReadAllBytes(inputs.Model);
        File.CreateSymbolicLink(Path.Combine(folder, "a.txt"), inputs.Model);
        string[] detect =
            ["detect", "--model", inputs.Model, "--input", picture, "--output", Path.GetDirectoryName(folder)!, "--save-txt", "--exist-ok"];
        YzcProcess.Run(detect).Failed(ExitCode.WrongArguments, "--save-txt", "--model", "would be overwritten");
        Assert.Equal(model, File.ReadAllBytes(inputs.Model));
    }

    [Theory]
    [InlineData("--csv")]
    [InlineData("--coco")]
    public void A_table_never_replaces_an_input(string option)
    {
        string picture = inputs.Picture("a.jpg");
        byte[] before = File.ReadAllBytes(picture);
        YzcResult result = YzcProcess.Run("detect", "--model", inputs.Model, "--input", picture, option, picture);
        result.Failed(ExitCode.WrongArguments, option, "--input", "a.jpg");
        Assert.Equal(before, File.ReadAllBytes(picture));
    }

    [Theory]
    [InlineData("0,2", 0, 2)]
    [InlineData("2 0 2", 0, 2)]
    [InlineData("tri", 2)]
    [InlineData("TRI,nut", 0, 2)]
    [InlineData("hex, \"bolt\"", 1)]
    public void Classes_are_named_by_id_or_name(string given, params int[] wanted)
    {
        string[] parts = given.Contains('"', StringComparison.Ordinal) ? [given] : given.Split(' ');
        Assert.Equal(wanted, ClassChoice.Of(parts, Names)!);
    }

    [Theory]
    [InlineData("3", "'3' is no class of the model; there are 0 nut, 1 hex, \"bolt\", 2 tri.")]
    [InlineData("-1", "'-1' is no class")]
    [InlineData("screw", "'screw' is no class")]
    [InlineData(",", "no class is named")]
    public void A_class_that_the_model_does_not_have_is_refused(string given, string words)
    {
        CliException error = Assert.Throws<CliException>(() => ClassChoice.Of([given], Names));
        Assert.Equal(ExitCode.WrongArguments, error.Code);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_names_of_classes_are_read_from_the_models_file()
    {
        Assert.Equal(["part0", "part1", "part2"], ClassChoice.NamesIn(inputs.Model));
        Assert.Empty(ClassChoice.NamesIn(inputs.Text("text.onnx", "no model")));
        Assert.Null(ClassChoice.Of([], Names));
        Assert.Equal([70000], ClassChoice.Of(["70000"], [])!);
    }

    [Fact]
    public void Only_the_classes_that_are_named_are_found()
    {
        string[] detect = ["detect", "--model", inputs.Model, "--input", inputs.Picture("a.jpg"), "--csv", "-"];
        string[] all = YzcProcess.Run(detect).Succeeded().Lines;
        Assert.Equal(3, all.Length);
        Assert.Equal([all[0], all[2]], YzcProcess.Run([.. detect, "--classes", "PART2"]).Succeeded().Lines);
        YzcProcess.Run([.. detect, "--classes", "part3"]).Failed(ExitCode.WrongArguments, "part3", "0 part0, 1 part1, 2 part2");
        YzcProcess.Run([.. detect, "--classes", "3"]).Failed(ExitCode.WrongArguments, "'3' is no class");
    }

    private static IEnumerable<string> FilesIn(string folder) => Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/')).Order(StringComparer.Ordinal);
}
